/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Products of small matrices, in float32 or float64, on the calling thread. Each value is the same sum, in the same
 * order, as fr_multiply_here computes. */
#ifndef FROND_KERNELS_SMALL_GEMM_H
#define FROND_KERNELS_SMALL_GEMM_H

#include "kernels/packed_gemm.h"

/* True if p is so small that fr_multiply_small takes it and is the fastest. */
bool fr_is_small(const fr_product *p);
void fr_multiply_small(const fr_product *p);

#endif
