/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Cumulative sums along n of (outer,n,inner): y[k] = x[0] + ... + x[k], or, reversed, x[k] + ... + x[n-1]. */
#ifndef FROND_KERNELS_CUMSUM_H
#define FROND_KERNELS_CUMSUM_H

#include "core/base.h"
#include "kernels/dim_sizes.h"

void fr_cumsum_forward(fr_dtype dtype, fr_dim_sizes sizes, bool reversed, const void *x, void *y);

#endif
