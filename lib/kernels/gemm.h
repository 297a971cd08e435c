/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products on several threads, by whichever is faster: our own kernels or the BLAS that configure found. */
#ifndef FROND_KERNELS_GEMM_H
#define FROND_KERNELS_GEMM_H

#include "kernels/packed_gemm.h"

/* C (m,n) = A (m,k) B (k,n), with add C += A B. Arrays are row-major, their rows lda, ldb and ldc elements apart. With
 * trans_a A is stored as (k,m), with trans_b B as (n,k). dtype: any; int64 is slow. */
void fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
             const void *b, int64_t ldb, bool add, void *c, int64_t ldc);
/* The same for a product described by strides. a_row or a_column must be 1, and b_row or b_column. */
void fr_multiply(const fr_product *p);

#endif
