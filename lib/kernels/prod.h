/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The gradient of a product along n of (outer,n,inner). */
#ifndef FROND_KERNELS_PROD_H
#define FROND_KERNELS_PROD_H

#include "core/base.h"
#include "kernels/dim_sizes.h"

/* dx[k] = dy times the product of the other x, which is right where some x are 0; dy is (outer,inner). */
void fr_prod_backward(fr_dtype dtype, fr_dim_sizes sizes, const void *x, const void *dy, void *dx);

#endif
