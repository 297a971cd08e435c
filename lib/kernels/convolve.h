/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Convolutions on arrays, and their gradients. For each image and group, over output positions p, kernel positions k
 * and the group's channels, with x at p k = x[c][p stride - padding + k dilation], or 0 in the padding:
 *
 *     y[o][p] = sum over c, k of weight[o][c][k] (x[c] at p k)
 *     dx[c][i] = sum of weight[o][c][k] dy[o][p] over o and all p, k that meet at i
 *     dweight[o][c][k] = sum over images and p of dy[o][p] (x[c] at p k)
 *
 * Where x holds infinities, dweight may be NaN instead of infinite: zeros of padded planes meet them. */
#ifndef FROND_KERNELS_CONVOLVE_H
#define FROND_KERNELS_CONVOLVE_H

#include "core/base.h"
#include "kernels/sliding_window.h"

typedef struct {
    fr_sliding_window window;
    int64_t batch, groups, in_channels, out_channels; /* channels: of one group */
} fr_convolution;

/* Arrays without gaps: x and dx (batch, groups * in_channels, in_size), weight (groups * out_channels, in_channels,
 * kernel), y and dy (batch, groups * out_channels, out_size). dtype: float32 or float64. These return false if memory
 * runs out. */

/* bias: (groups * out_channels), added to y; NULL: none. */
bool fr_convolve(fr_dtype dtype, const fr_convolution *c, const void *x, const void *weight, const void *bias, void *y);
bool fr_convolve_grad_input(fr_dtype dtype, const fr_convolution *c, const void *dy, const void *weight, void *dx);
/* dweight is (slices, size of weight): the sums over slices of the images, which the caller adds up. There are as many
 * slices as fr_convolve_slices says, which depends on sizes alone. */
int64_t fr_convolve_slices(const fr_convolution *c);
bool fr_convolve_grad_weight(fr_dtype dtype, const fr_convolution *c, const void *x, const void *dy, void *dweight);

#endif
