/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Convolutions of small strides without columns; convolve.h has the formulas, and calls these where they suit. */
#ifndef FROND_KERNELS_CONVOLVE_PLANES_H
#define FROND_KERNELS_CONVOLVE_PLANES_H

#include "kernels/convolve.h"

bool fr_suits_planes(const fr_convolution *c);

/* As fr_convolve and the others, for a convolution that suits. slice: the images of one of dweight's slices. */
bool fr_planes_convolve(fr_dtype dtype, const fr_convolution *c, const void *x, const void *weight, const void *bias,
                        void *y);
bool fr_planes_grad_input(fr_dtype dtype, const fr_convolution *c, const void *dy, const void *weight, void *dx);
bool fr_planes_grad_weight(fr_dtype dtype, const fr_convolution *c, int64_t slice, const void *x, const void *dy,
                           void *dweight);

#endif
