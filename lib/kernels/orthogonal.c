/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Gram-Schmidt on the rows of a matrix: each row is scaled to length 1, then its part along it is taken out of every
 * later row, r_j = r_j - (r_i . r_j) r_i. In double. */
#ifndef T
#include "kernels/orthogonal.h"

#include <math.h>

enum { LANES = 8 };

#define KERNEL_FILE "kernels/orthogonal.c"
#define KERNEL_ONLY_DOUBLE
#include "kernels/instantiate.h"

void fr_orthogonalise_rows(int64_t rows, int64_t n, double *v)
{
    FR_FOR_THIS_CPU(orthogonalise_rows_f64)(rows, n, v);
}
#else
static double FN(dot)(int64_t n, const double *x, const double *y)
{
    double sum[LANES] = { 0 };
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += x[i + k] * y[i + k];
    for (; i < n; i++)
        sum[0] += x[i] * y[i];
    for (int k = 1; k < LANES; k++)
        sum[0] += sum[k];
    return sum[0];
}

static void FN(add_multiple)(int64_t n, double factor, const double *restrict x, double *restrict y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}

static void FN(orthogonalise_rows)(int64_t rows, int64_t n, double *v)
{
    for (int64_t i = 0; i < rows; i++) {
        double *row = v + i * n, square = FN(dot)(n, row, row);

        for (int64_t k = 0; k < n && square > 0; k++)
            row[k] /= sqrt(square);
        for (int64_t j = i + 1; j < rows; j++)
            FN(add_multiple)(n, -FN(dot)(n, row, v + j * n), row, v + j * n);
    }
}
#endif
