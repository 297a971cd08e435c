/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Pools on arrays: one value for each window of each plane, where a plane is one channel of one image.
 *
 *     max: y = the largest value of the window; the first of several, but the last NaN if there is one, as in PyTorch.
 *          Backward gives dy to that value alone.
 *     avg: y = the sum of the window / divisor. Backward gives dy / divisor to each value of the window. */
#ifndef FROND_KERNELS_POOL_H
#define FROND_KERNELS_POOL_H

#include "core/base.h"
#include "kernels/sliding_window.h"

typedef struct {
    fr_sliding_window window;
    bool adaptive;    /* avg: along each dim, window i covers floor(i in / out) .. ceil((i + 1) in / out) - 1 */
    bool exclude_pad; /* avg: the divisor is the number of values without padding */
    int64_t divisor;  /* avg: 0 for the number of values */
} fr_pool;

/* Arrays without gaps: x and dx (planes,in_size), y and dy (planes,out_size). dtype: float32 or float64. position
 * (planes,out_size) says where in its plane each y was found; forward writes it, backward reads it. */
void fr_max_pool_planes(fr_dtype dtype, const fr_pool *p, int64_t planes, const void *x, void *y, int64_t *position);
void fr_max_pool_planes_backward(fr_dtype dtype, const fr_pool *p, int64_t planes, const void *dy, int64_t *position,
                                 void *dx);
void fr_avg_pool_planes(fr_dtype dtype, const fr_pool *p, int64_t planes, const void *x, void *y);
void fr_avg_pool_planes_backward(fr_dtype dtype, const fr_pool *p, int64_t planes, const void *dy, void *dx);

#endif
