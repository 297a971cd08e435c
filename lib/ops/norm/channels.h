/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What batch_norm computes. x is taken as (N,C,inner); each channel is brought to mean 0 and variance 1:
 *
 *     h = (x - mean) scale, scale = 1 / sqrt(variance + eps)
 *     y = h weight + bias
 *     dx = scale weight (dy - mean(dy) - h mean(dy h)), where mean and variance are not x's own without both means
 *     dweight = sum(dy h), dbias = sum(dy) */
#ifndef FROND_OPS_NORM_CHANNELS_H
#define FROND_OPS_NORM_CHANNELS_H

#include "ops/op.h"

/* All contiguous and of one dtype; but for x NULL where there is none or it is not wanted. */
typedef struct {
    bool training; /* mean and variance are x's own */
    double eps;
    const fr_tensor *x, *weight, *bias;
    const fr_tensor *g;               /* dy: backward; NULL: forward */
    fr_tensor *out, *dweight, *dbias; /* out: y or dx */
    double *stats;                    /* (2,C): mean and variance; forward in training: to be filled */
} fr_channels;

/* Does nothing where x has no values. */
void fr_normalise_channels(const fr_channels *channels);

/* Values of a channel that lie beside each other: x is (N,C,...). */
int64_t fr_inner_of(const fr_shape *x);

/* Value `at` of t's memory; `otherwise` where t is NULL. */
static inline double fr_channel_value(const fr_tensor *t, int64_t at, double otherwise)
{
    return t ? fr_value_at(t, at) : otherwise;
}

static inline void fr_set_channel_value(fr_tensor *t, int64_t at, double value)
{
    if (t && t->dtype == FR_F32)
        ((float *)t->origin)[at] = (float)value;
    else if (t)
        ((double *)t->origin)[at] = value;
}

#endif
