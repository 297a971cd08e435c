/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products by our own kernels, on the calling thread, in float32 or float64. Each value is a sum in the order of
 * k, whichever rows and columns are computed with it: threads may share rows and columns in any way. */
#ifndef FROND_KERNELS_PACKED_GEMM_H
#define FROND_KERNELS_PACKED_GEMM_H

#include "core/base.h"

/* C (m,n) = A (m,k) B (k,n), with add C += A B, with bias (n), which is not NULL, bias in every row + A B. A's element
 * (i,l) is a[i * a_row + l * a_column], B's (l,j) is b[l * b_row + j * b_column], C's rows are ldc apart. sums (m), or
 * NULL: gets the sums of A's rows, with add they are added to it; for a_row 1 alone. fr_multiply_here takes no bias. */
typedef struct {
    fr_dtype dtype;
    bool add;
    int64_t m, n, k;
    const void *a, *b, *bias;
    int64_t a_row, a_column, b_row, b_column;
    void *c, *sums;
    int64_t ldc;
} fr_product;

void fr_multiply_here(const fr_product *p);

/* For many products of a few dozen rows with the same B: it is packed once, in the layout that the kernels read. */

/* Bytes of a packed (k,n) matrix; -1 if that overflows. */
int64_t fr_packed_bytes(fr_dtype dtype, int64_t k, int64_t n);
/* Packs B, whose element (l,j) is b[l * step_k + j * step_n]. packed is aligned to 64 bytes. */
void fr_pack(fr_dtype dtype, int64_t k, int64_t n, const void *b, int64_t step_k, int64_t step_n, void *packed);
/* The same for a B whose element (l,j) is b[l + columns[j]]. */
void fr_pack_shifted(fr_dtype dtype, int64_t k, int64_t n, const void *b, const int64_t *columns, void *packed);
/* C (m,n) = start + A (m,k) B. A's element (i,l) is a[i * step_m + l * step_k], C's rows are ldc apart. start is C with
 * add, else bias (n) in every row, else, with bias NULL, 0. */
void fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m, int64_t step_k,
                        const void *packed, const void *bias, bool add, void *c, int64_t ldc);

/* to (n,m) = from (m,n) transposed, without gaps. */
void fr_transpose_rows(fr_dtype dtype, int64_t m, int64_t n, const void *from, void *to);

/* A transposed A is packed too, in groups of a few rows. */

/* What is packed may be cut at multiples of these: its part from row i or column j on begins
 * fr_packed_transposed_bytes(dtype, i, k) or fr_packed_bytes(dtype, k, j) further on. */
enum { FR_ROWS_UNIT = 12, FR_COLUMNS_UNIT = 64 };

/* Bytes of a packed A (m,k); -1 if that overflows. */
int64_t fr_packed_transposed_bytes(fr_dtype dtype, int64_t m, int64_t k);
/* Packs A, whose element (i,l) is a[l * lda + i]. sums (m), unless NULL: the sums of A's rows are added to it. */
void fr_pack_transposed(fr_dtype dtype, int64_t m, int64_t k, const void *a, int64_t lda, void *packed, void *sums);
/* C (m,n) = A (m,k) B (k,n) of both packed, with add C += A B. */
void fr_multiply_both_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *packed_a,
                             const void *packed_b, bool add, void *c, int64_t ldc);

/* C (m,n) = A (m,k) B for a B whose element (l,j) is b[rows[l] + j], which is not packed. A's rows are step_m apart,
 * C's ldc; n is a multiple of 16. */
void fr_multiply_shifted(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m, const void *b,
                         const int64_t *rows, void *c, int64_t ldc);

/* sums (m) = the sums of the columns of a (k,m), whose rows are lda apart; with add they are added to sums. */
void fr_sum_columns(fr_dtype dtype, int64_t k, int64_t m, const void *a, int64_t lda, bool add, void *sums);

#endif
