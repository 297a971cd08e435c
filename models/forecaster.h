/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Forecaster: a GRU and a linear layer predict the next value of a series from all values before it. */
#ifndef FROND_MODELS_FORECASTER_H
#define FROND_MODELS_FORECASTER_H

#include <frond.h>

/* NULL with an error. To be freed with fr_module_free. */
fr_module *forecaster_new(int64_t hidden);

/* x (T,B,1) -> out (T,B,1): the forecast of the value after each step; h: the state after the last one. state: the
 * initial state; NULL: zeros. */
fr_recurrent forecaster_forward(fr_module *model, fr_tensor *x, const fr_recurrent *state);

/* x (T,B,1) -> (steps,B,1): the forecasts of the values after x, each from the forecast before it. steps >= 1. */
fr_tensor *forecaster_roll_out(fr_module *model, fr_tensor *x, int64_t steps);

#endif
