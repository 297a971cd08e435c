/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products, shared among threads, by whatever is fastest: kernels of our own or the BLAS that configure found.
 */
#ifndef FROND_KERNELS_GEMM_H
#define FROND_KERNELS_GEMM_H

#include "kernels/packed_gemm.h"

/* C (m,n) = A (m,k) B (k,n), or C + A B where add; row-major, lda/ldb/ldc elements from row to row; with trans_a A is
 * stored (k,m), with trans_b B is stored (n,k). dtype: float32 or float64. */
void fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
             const void *b, int64_t ldb, bool add, void *c, int64_t ldc);
/* The same for a product as product.h has it; of a_row and a_column, and of b_row and b_column, one at least is 1. */
void fr_multiply(const fr_product *p);

#endif
