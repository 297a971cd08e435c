/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Norms of a gradient, and what clips it. The Euclidean norm adds up over 8 partial sums, as PyTorch does. */
#ifndef T
#include "kernels/optim.h"

#include <tgmath.h>

enum { LANES = 8, MANY_LANES = 32 };

#define KERNEL_FILE "kernels/clip.c"
#include "kernels/instantiate.h"

double fr_grad_l2_norm(fr_dtype dtype, int64_t n, const void *x)
{
    return FR_KERNEL_FOR(dtype, l2_norm)(n, x);
}

double fr_grad_power_sum(fr_dtype dtype, int64_t n, const void *x, double p)
{
    return FR_KERNEL_FOR(dtype, power_sum)(n, x, p);
}

double fr_grad_abs_max(fr_dtype dtype, int64_t n, const void *x)
{
    return FR_KERNEL_FOR(dtype, abs_max)(n, x);
}

void fr_grad_scale(fr_dtype dtype, int64_t n, void *x, double factor)
{
    FR_KERNEL_FOR(dtype, scale)(n, x, factor);
}

void fr_grad_clamp(fr_dtype dtype, int64_t n, void *x, double max)
{
    FR_KERNEL_FOR(dtype, clamp)(n, x, max);
}
#else
static double FN(l2_norm)(int64_t n, const void *px)
{
    const T *x = px;
    T sum[LANES] = { 0 };
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] = fma(x[i + k], x[i + k], sum[k]);
    for (int k = 1; k < LANES; k++)
        sum[0] += sum[k];
    for (; i < n; i++)
        sum[0] = fma(x[i], x[i], sum[0]);
    return (double)sqrt(sum[0]);
}

static double FN(power_sum)(int64_t n, const void *px, double p)
{
    const T *x = px;
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += p == 1 ? fabs((double)x[i]) : pow(fabs((double)x[i]), p);
    return sum;
}

/* A NaN, once it is most, stays: no comparison with it is true. */
static inline T FN(greater)(T most, T x)
{
    T size = fabs(x);

    return most >= size || most != most ? most : size;
}

static double FN(abs_max)(int64_t n, const void *px)
{
    const T *x = px;
    T most[MANY_LANES] = { 0 };
    int64_t i = 0;

    for (; i + MANY_LANES <= n; i += MANY_LANES)
        for (int k = 0; k < MANY_LANES; k++)
            most[k] = FN(greater)(most[k], x[i + k]);
    for (; i < n; i++)
        most[0] = FN(greater)(most[0], x[i]);
    for (int k = 1; k < MANY_LANES; k++)
        most[0] = FN(greater)(most[0], most[k]);
    return (double)most[0];
}

static void FN(scale)(int64_t n, void *px, double factor)
{
    T *x = px;
    const T f = (T)factor;

    for (int64_t i = 0; i < n; i++)
        x[i] *= f;
}

static void FN(clamp)(int64_t n, void *px, double limit)
{
    T *x = px;
    const T max = (T)limit;

    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] > max ? max : x[i] < -max ? -max : x[i];
}
#endif
