/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Exponential moving averages: average = average + (1 - decay) (model - average), with one rounding. As PyTorch's lerp
 * does, it starts from the nearer end: from 1 - decay = 0.5 on this is model - decay (model - average). int64 values
 * are averaged in float32 and cut off. */
#ifndef T
#include "core/integer.h"
#include "kernels/optim.h"

#include <tgmath.h>

#define KERNEL_FILE "kernels/ema.c"
#include "kernels/instantiate.h"

static void ema_i64(int64_t n, int64_t *average, const int64_t *model, int64_t step, double decay)
{
    float keep = (float)decay, rest = (float)(1 - decay);

    for (int64_t i = 0; i < n; i++)
        average[i] = fr_to_int64((double)((float)average[i] * keep + (float)model[i * step] * rest));
}

void fr_ema_average(fr_dtype dtype, int64_t n, void *average, const void *model, int64_t model_step, double decay)
{
    if (dtype == FR_I64)
        ema_i64(n, average, model, model_step, decay);
    else
        FR_KERNEL_FOR(dtype, ema)(n, average, model, model_step, 1 - decay);
}
#else
static void FN(ema)(int64_t n, void *p_average, const void *p_model, int64_t step, double rest)
{
    T *restrict y = p_average;
    const T *restrict x = p_model;
    const T weight = (T)rest, factor = weight < (T)0.5 ? weight : weight - 1;

    if (step == 1)
        for (int64_t i = 0; i < n; i++)
            y[i] = fma(factor, x[i] - y[i], weight < (T)0.5 ? y[i] : x[i]);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = fma(factor, x[i * step] - y[i], weight < (T)0.5 ? y[i] : x[i * step]);
}
#endif
