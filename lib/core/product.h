/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products of a few dozen rows with a matrix that is used again and again: packed once, in the layout that the
 * kernel reads, it is not packed anew at each product as a BLAS has to. Each value is a sum in the order of k, whatever
 * the number of rows, so rows may be shared among threads in any way. */
#ifndef FROND_CORE_PRODUCT_H
#define FROND_CORE_PRODUCT_H

#include "core/internal.h"

/* Bytes of a packed (k,n) matrix; -1 where that overflows. */
int64_t fr_packed_bytes(fr_dtype dtype, int64_t k, int64_t n);
/* Packs B, whose element (l,j) is b[l * step_k + j * step_n]. packed is aligned to 64 bytes. */
void fr_pack(fr_dtype dtype, int64_t k, int64_t n, const void *b, int64_t step_k, int64_t step_n, void *packed);
/* C (m,n) = start + A (m,k) B; A's element (i,l) is a[i * step_m + l * step_k], C's rows are ldc apart. start: C itself
 * where add, else the row bias (n) on every row, else (NULL) 0. float32 or float64. */
void fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m, int64_t step_k,
                        const void *packed, const void *bias, bool add, void *c, int64_t ldc);

/* C (m,n) = A^T B for A (k,m) and B (k,n) with rows lda and ldb apart and a long k: gradients of weights. sums, where
 * not NULL (m): the sums of A's columns. scratch: of the bytes that the first function says (-1: that overflows). */
int64_t fr_transposed_bytes(fr_dtype dtype, int64_t n);
void fr_multiply_transposed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *b,
                            int64_t ldb, void *c, int64_t ldc, void *sums, void *scratch);
/* The sums alone. */
void fr_sum_columns(fr_dtype dtype, int64_t k, int64_t m, const void *a, int64_t lda, void *sums);

#endif
