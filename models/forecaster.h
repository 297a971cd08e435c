/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Forecaster: the next value of a series from all before it: a GRU and a linear layer. */
#ifndef FROND_MODELS_FORECASTER_H
#define FROND_MODELS_FORECASTER_H

#include <frond.h>

/* NULL where it fails; freed with fr_module_free. */
fr_module *forecaster_new(int64_t hidden);

/* x (T,B,1) -> out (T,B,1): for each step the value expected after it; h: the state to go on from. state: where to
 * begin; NULL: zeros. */
fr_recurrent forecaster_forward(fr_module *model, fr_tensor *x, const fr_recurrent *state);

/* (steps,B,1): what is expected after x (T,B,1); steps of 1 or more, each from the value expected before it. */
fr_tensor *forecaster_roll_out(fr_module *model, fr_tensor *x, int64_t steps);

#endif
