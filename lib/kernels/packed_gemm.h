/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products by kernels of our own, on this thread. Each value is a sum in the order of k, whatever rows and
 * columns are computed with it, so these may be shared among threads in any way. float32 or float64. */
#ifndef FROND_KERNELS_PACKED_GEMM_H
#define FROND_KERNELS_PACKED_GEMM_H

#include "core/base.h"

/* C (m,n) = A (m,k) B (k,n), or C + A B where add. A's element (i,l) is a[i * a_row + l * a_column], B's (l,j)
 * b[l * b_row + j * b_column], C's rows are ldc apart. sums, where not NULL (m): the sums of A's rows,
 * added like C; for a_row 1. */
typedef struct {
    fr_dtype dtype;
    bool add;
    int64_t m, n, k;
    const void *a, *b;
    int64_t a_row, a_column, b_row, b_column;
    void *c, *sums;
    int64_t ldc;
} fr_product;

void fr_multiply_here(const fr_product *p);

/* For products of a few dozen rows with a matrix that is used again and again: packed once, in the layout that the
 * kernel reads, it is not packed anew at each product. */

/* Bytes of a packed (k,n) matrix; -1 where that overflows. */
int64_t fr_packed_bytes(fr_dtype dtype, int64_t k, int64_t n);
/* Packs B, whose element (l,j) is b[l * step_k + j * step_n]. packed is aligned to 64 bytes. */
void fr_pack(fr_dtype dtype, int64_t k, int64_t n, const void *b, int64_t step_k, int64_t step_n, void *packed);
/* C (m,n) = start + A (m,k) B; A's element (i,l) is a[i * step_m + l * step_k], C's rows are ldc apart. start: C itself
 * where add, else the row bias (n) on every row, else (NULL) 0. */
void fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m, int64_t step_k,
                        const void *packed, const void *bias, bool add, void *c, int64_t ldc);

/* sums (m), or what is added to them: of the columns of a (k,m), whose rows are lda apart. */
void fr_sum_columns(fr_dtype dtype, int64_t k, int64_t m, const void *a, int64_t lda, bool add, void *sums);

#endif
