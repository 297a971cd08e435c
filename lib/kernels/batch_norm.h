/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* batch_norm on arrays: x is (N,C,inner). Each channel c is brought to mean 0 and variance 1:
 *
 *     h = (x - mean) scale, scale = 1 / sqrt(variance + eps)
 *     y = h weight + bias
 *
 * In training, mean and variance are those of the channel's n = N inner values, so each h depends on all x of its
 * channel. With dmean/dx_i = 1 / n, dscale/dx_i = -scale^2 h_i / n, as in kernels/row_norm.h, and v = dy weight,
 *
 *     dx = scale (v - mean(v) - h mean(v h)) = scale weight (dy - mean(dy) - h mean(dy h))
 *     dweight = sum(dy h), dbias = sum(dy)
 *
 * In evaluation mean and variance are constants: dx = scale weight dy. (Ioffe and Szegedy, "Batch Normalization", 2015,
 * section 3, has both.) */
#ifndef FROND_KERNELS_BATCH_NORM_H
#define FROND_KERNELS_BATCH_NORM_H

#include "core/base.h"

/* Arrays without gaps, of one dtype but for stats. weight and bias are NULL for 1 and 0. */
typedef struct {
    int64_t batch, channels, inner; /* the shape of x; inner: the product of the dims behind the channels */
    bool training;
    double eps;
    const void *x, *weight, *bias; /* (N,C,inner) (C) (C) */
    double *stats;                 /* (2,C): mean and variance; forward in training writes them, the rest reads them */
    const void *dy;                /* backward: (N,C,inner); NULL: forward */
    void *out;                     /* (N,C,inner): y or, in backward, dx; NULL if dx is not wanted */
    void *dweight, *dbias;         /* backward: (C) (C), each NULL if not wanted */
} fr_batch_norm_args;

/* Forward, or backward if there is a dy. dtype: float32 or float64. */
void fr_normalise_channels(fr_dtype dtype, const fr_batch_norm_args *a);

#endif
