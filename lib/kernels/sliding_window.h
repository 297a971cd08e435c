/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A window that slides over the last one or two dims of an input, as in convolutions and pools. One dim is taken as two
 * of which the first has size 1, so that the same loops serve both. */
#ifndef FROND_KERNELS_SLIDING_WINDOW_H
#define FROND_KERNELS_SLIDING_WINDOW_H

#include "core/integer.h"

enum { FR_SPATIAL_DIMS = 2 };

/* In each dim, the window of output i covers the positions i * stride - pad_before + k * dilation of the input, for k
 * of 0..kernel-1. Positions outside 0..in_size-1 are padding. */
typedef struct {
    int dims; /* of the tensors: 1 or 2 */
    int64_t kernel[FR_SPATIAL_DIMS], stride[FR_SPATIAL_DIMS], dilation[FR_SPATIAL_DIMS];
    int64_t pad_before[FR_SPATIAL_DIMS], pad_after[FR_SPATIAL_DIMS];
    int64_t in_size[FR_SPATIAL_DIMS], out_size[FR_SPATIAL_DIMS];
} fr_sliding_window;

/* Values of a channel of the input, and of the output. */
static inline int64_t fr_window_in_numel(const fr_sliding_window *w)
{
    return w->in_size[0] * w->in_size[1];
}

static inline int64_t fr_window_out_numel(const fr_sliding_window *w)
{
    return w->out_size[0] * w->out_size[1];
}

/* Along one dim, for one k: the windows of outputs begin..end-1 have a value of the input at k, the others padding.
 * Output i has the one at i * stride + offset. */
typedef struct {
    int64_t begin, end, offset;
} fr_valid_outputs;

static inline fr_valid_outputs fr_window_valid_outputs(const fr_sliding_window *w, int dim, int64_t k)
{
    int64_t stride = w->stride[dim], size = w->in_size[dim], offset = k * w->dilation[dim] - w->pad_before[dim];
    int64_t begin = offset < 0 ? (-offset - 1) / stride + 1 : 0;
    int64_t end = fr_least(offset < size ? (size - 1 - offset) / stride + 1 : 0, w->out_size[dim]);

    return (fr_valid_outputs){ fr_least(begin, end), end, offset };
}

#endif
