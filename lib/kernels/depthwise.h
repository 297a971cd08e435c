/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Convolutions of one channel by one filter, as depthwise convolutions consist of, and their gradients. Products with
 * columns (convolve.c) would spend most of their time on making the columns. The formulas are those of convolve.h. */
#ifndef FROND_KERNELS_DEPTHWISE_H
#define FROND_KERNELS_DEPTHWISE_H

#include "core/base.h"
#include "kernels/sliding_window.h"

enum { FR_DEPTHWISE_TAPS = 128 };

/* The channel with its padding is a plane, laid out line by line. Tap k of the filter, at output i of stride 1, meets
 * the value i + offset[k] of the plane. */
typedef struct {
    int64_t width, plane, taps, offset[FR_DEPTHWISE_TAPS];
    int64_t scratch; /* values that the functions below need room for */
} fr_depthwise_plan;

/* False if the window does not suit: because of many taps, a large stride, or much padding. */
bool fr_depthwise_begin(const fr_sliding_window *w, fr_depthwise_plan *p);

/* x (in_size), weight (kernel), y (out_size). dtype: float32 or float64. bias: a number to add to y, or NULL. add: to
 * what dx holds; to dweight all is added. Where a result is a sum of products with infinity, it may be NaN. */
void fr_depthwise(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch, const void *x,
                  const void *weight, const void *bias, void *y);
void fr_depthwise_grad_input(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch,
                             const void *dy, const void *weight, bool add, void *dx);
void fr_depthwise_grad_weight(fr_dtype dtype, const fr_sliding_window *w, const fr_depthwise_plan *p, void *scratch,
                              const void *x, const void *dy, void *dweight);

#endif
