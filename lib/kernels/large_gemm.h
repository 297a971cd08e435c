/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Large matrix products, on several threads. */
#ifndef FROND_KERNELS_LARGE_GEMM_H
#define FROND_KERNELS_LARGE_GEMM_H

#include "kernels/packed_gemm.h"

/* True where fr_multiply_large is faster than tiles that each pack what they read. */
bool fr_is_large(const fr_product *p);
/* False, with C untouched, where there is no memory for the packed matrices. */
bool fr_multiply_large(const fr_product *p);

#endif
