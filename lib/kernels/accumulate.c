/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* y += x, value by value. */
#ifndef T
#include "kernels/accumulate.h"

#define KERNEL_FILE "kernels/accumulate.c"
#define KERNEL_INT64
#include "kernels/instantiate.h"

void fr_accumulate(fr_dtype dtype, int64_t n, void *y, const void *x)
{
    FR_KERNEL_FOR_ANY(dtype, accumulate)(n, y, x);
}
#else
static void FN(accumulate)(int64_t n, void *py, const void *px)
{
    T *restrict y = py;
    const T *restrict x = px;

    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}
#endif
