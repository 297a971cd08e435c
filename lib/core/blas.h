/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products, from whichever BLAS configure found, or plain C. */
#ifndef FROND_CORE_BLAS_H
#define FROND_CORE_BLAS_H

#include <frond/tensor.h>

/* C (m,n) = A (m,k) B (k,n) + beta C, row-major, lda/ldb/ldc elements from row to row; with trans_a A is stored (k,m),
 * with trans_b B is stored (n,k). dtype: float32 or float64. */
void fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
             const void *b, int64_t ldb, double beta, void *c, int64_t ldc);

#endif
