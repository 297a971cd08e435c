/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Rows of x (rows,n) brought to mean square 1 and, if centred, to mean 0 before: layer_norm and rms_norm. For each row,
 *
 *     h = (x - mean) scale, scale = 1 / sqrt(mean((x - mean)^2) + eps), mean = 0 if not centred
 *     y = h weight + bias
 *
 * Backward, with v = dy weight the gradient of h. As dmean/dx_i = 1 / n and dscale/dx_i = -scale^2 h_i / n,
 *
 *     dx_i = scale (v_i - mean(v)) + sum_j v_j (x_j - mean) dscale/dx_i
 *          = scale (v_i - mean(v) - h_i mean(v h)), since x_j - mean = h_j / scale; if not centred, without mean(v)
 *     dweight = sum(dy h), dbias = sum(dy), both over the rows
 *
 * (Ba, Kiros and Hinton, "Layer Normalization", 2016, and Zhang and Sennrich, "Root Mean Square Layer Normalization",
 * 2019, have the formulas of forward.) */
#ifndef FROND_KERNELS_ROW_NORM_H
#define FROND_KERNELS_ROW_NORM_H

#include "core/base.h"

/* Arrays without gaps, of one dtype but for stats. weight and bias are NULL for 1 and 0. */
typedef struct {
    int64_t rows, n;
    bool centred;
    double eps;
    const void *x, *weight, *bias; /* (rows,n) (n) (n) */
    double *stats;                 /* (rows,2): mean and scale of each row; forward writes them, backward reads them */
    void *y;                       /* forward: (rows,n) */
    const void *dy;                /* backward: (rows,n) */
    void *dx, *dweight, *dbias;    /* backward: (rows,n) (n) (n), each NULL if not wanted */
} fr_row_norm_args;

/* dtype: float32 or float64. Backward returns false if memory runs out. */
void fr_normalise_rows(fr_dtype dtype, const fr_row_norm_args *a);
bool fr_normalise_rows_backward(fr_dtype dtype, const fr_row_norm_args *a);

#endif
