/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Loops over rows of values for pointwise ops. An op gives its expression as a function `value`. Loop and function are
 * inlined into the op's row kernel, so that the expression becomes vector code. */
#ifndef FROND_KERNELS_POINTWISE_H
#define FROND_KERNELS_POINTWISE_H

#include "core/cpu.h"
#include "kernels/vmath.h"

/* An attribute as int64: rounded towards zero, limited to the range, 0 for NaN. */
static inline int64_t fr_whole(double value)
{
    return value >= 0x1p63 ? INT64_MAX : value > -0x1p63 ? (int64_t)value : value <= -0x1p63 ? INT64_MIN : 0;
}

/* fr_binary_row_T: y[i] = value(a[i sa], b[i sb]); strides in values, 0 or more.
 * fr_unary_row_T: y[i] = value(x[i], p, attributes), p the two attributes as T.
 * fr_gradient_row_T: out[i] = value(g[i], x[i], y[i], p). */
#define T          float
#define CONVERT(x) (float)(x)
#include "kernels/pointwise_loops.h"
#define T          double
#define CONVERT(x) (x)
#include "kernels/pointwise_loops.h"
#define T          int64_t
#define CONVERT(x) fr_whole(x)
#include "kernels/pointwise_loops.h"
#define T          uint64_t
#define CONVERT(x) (uint64_t) fr_whole(x)
#include "kernels/pointwise_loops.h"

/* y[i] = value(x[i]) where |x[i]| <= limit, else, and for NaN, beyond(x[i]). */
FR_INLINE void fr_unary_row_within(int64_t n, const void *px, void *py, float limit, float (*value)(float x),
                                   float (*beyond)(float x))
{
    const float *restrict x = px;
    float *restrict y = py;
    int32_t outside = 0;

    for (int64_t i = 0; i < n; i++) {
        y[i] = value(x[i]);
        outside |= !(fabsf(x[i]) <= limit);
    }
    for (int64_t i = 0; outside && i < n; i++)
        if (!(fabsf(x[i]) <= limit))
            y[i] = beyond(x[i]);
}

#endif
