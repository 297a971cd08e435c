/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* int8.h has the formula. */
#ifndef T
#include "kernels/int8.h"

#include <math.h>

#define KERNEL_FILE "kernels/int8.c"
#include "kernels/instantiate.h"

void fr_round_to_int8(fr_dtype dtype, int64_t rows, int64_t n, const void *x, void *scale, void *y)
{
    FR_KERNEL_FOR(dtype, round_to_int8)(rows, n, x, scale, y);
}
#else
/* NaN if there is one in x. */
static T FN(scale_of_row)(int64_t n, const T *x)
{
    T largest = 0, scale;

    for (int64_t i = 0; i < n; i++) {
        T size = (T)fabs((double)x[i]);

        largest = size > largest || isnan(size) ? size : largest;
    }
    scale = largest / FR_MAX_INT8;
    return scale == 0 ? 1 : scale; /* 0 also where the largest is too small to be divided */
}

static void FN(round_to_int8)(int64_t rows, int64_t n, const void *from, void *scales, void *to)
{
    const T *x = from;
    T *scale = scales, *y = to;

    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        T s = FN(scale_of_row)(n, x), factor = scale ? 1 : s;

        if (scale)
            scale[r] = s;
        for (int64_t i = 0; i < n; i++) {
            T q = (T)rint((double)(x[i] / s));

            q = q > FR_MAX_INT8 ? FR_MAX_INT8 : q;
            y[i] = (q < -FR_MAX_INT8 ? -FR_MAX_INT8 : q) * factor;
        }
    }
}
#endif
