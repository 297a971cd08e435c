/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* softmax and its logarithm along n of (outer,n,inner). */
#ifndef FROND_KERNELS_SOFTMAX_H
#define FROND_KERNELS_SOFTMAX_H

#include "core/base.h"
#include "kernels/dim_sizes.h"

typedef enum {
    FR_SOFTMAX,
    FR_SAFE_SOFTMAX, /* where all n values are -inf the result is 0, not NaN; inner is 1 */
    FR_LOG_SOFTMAX
} fr_softmax_kind;

void fr_softmax_forward(fr_dtype dtype, fr_dim_sizes sizes, fr_softmax_kind kind, const void *x, void *y);
/* Writes dx, the gradient of x; dy is that of y. */
void fr_softmax_backward(fr_dtype dtype, fr_dim_sizes sizes, fr_softmax_kind kind, const void *dy, const void *y,
                         void *dx);

#endif
