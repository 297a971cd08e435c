/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How kernels that work along one dim see an array. */
#ifndef FROND_KERNELS_DIM_SIZES_H
#define FROND_KERNELS_DIM_SIZES_H

#include <stdint.h>

/* A row-major array (outer,n,inner). The dim has n values, which lie inner values apart; outer and inner are the
 * products of the sizes of the dims before and after it. */
typedef struct {
    int64_t outer, n, inner;
} fr_dim_sizes;

#endif
