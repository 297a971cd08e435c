/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* kernels/prod.h says what this computes: the product of the x before k, taken from the front, times that of the x
 * after k, taken from the back. */
#ifndef T
#include "kernels/prod.h"

#define KERNEL_BASELINE
#define KERNEL_FILE "kernels/prod.c"
#include "kernels/instantiate.h"

void fr_prod_backward(fr_dtype dtype, fr_dim_sizes sizes, const void *x, const void *dy, void *dx)
{
    FR_BASELINE_KERNEL_FOR(dtype, prod_backward)(sizes, x, dy, dx);
}
#else
static void FN(prod_backward_column)(int64_t n, int64_t inner, const T *x, T dy, T *dx)
{
    double before = (double)dy, after = 1;

    for (int64_t k = 0; k < n; k++) {
        dx[k * inner] = (T)before;
        before *= (double)x[k * inner];
    }
    for (int64_t k = n - 1; k >= 0; k--) {
        dx[k * inner] = (T)((double)dx[k * inner] * after);
        after *= (double)x[k * inner];
    }
}

static void FN(prod_backward)(fr_dim_sizes sizes, const void *x, const void *dy, void *dx)
{
    int64_t n = sizes.n, inner = sizes.inner;

    for (int64_t i = 0; n > 0 && i < sizes.outer * inner; i++) {
        int64_t first = i / inner * n * inner + i % inner;

        FN(prod_backward_column)(n, inner, (const T *)x + first, ((const T *)dy)[i], (T *)dx + first);
    }
}
#endif
