/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products by kernels of our own. B (k,n) is packed in panels: WIDTH = VECTORS vectors of neighbouring columns,
 * as a (k,WIDTH) array; the last panel has fewer vectors, filled up with zeros. A tile of C, ROWS rows of one panel's
 * columns, stays in registers while k runs: each step adds the product of a value of A and a row of the panel to each
 * row. (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008, has the idea.)
 *
 * packed_gemm_pack.h packs, packed_gemm_tile.h multiplies. */
#ifndef T
#include "kernels/packed_gemm.h"

#include "core/integer.h"
#include "core/memory.h"
#include "core/shape.h"
#include "core/cpu.h"
#include "kernels/transpose.h"

enum {
    K_BLOCK = 256,       /* rows of a panel: they stay in the cache while the rows of A pass */
    M_BLOCK = 252,       /* rows of A: they stay in the second-level cache while the panels pass */
    A_BLOCK = 512,       /* rows of A where each panel is packed first: more rows share the cost of that */
    SHIFTED_DEPTH = 512, /* rows of a panel that is not packed, at most: shifted rows share cache lines */
    FAR = 2048,          /* bytes between the columns of a transposed A, above which it is packed */
    AHEAD = 16,          /* rows of B: so far ahead they are prefetched while B is packed */
    LINE = 64,           /* bytes of a line of the cache */
    GAP = 64             /* bytes between groups of packed rows: a power of two apart, they would share cache lines */
};

/* Where a tile of so many rows finds its values, in elements: A's element (i,l) at a[i * a_row + l * a_column], the
 * next rows a_group further on, B's element (l,j) at b[l * b_row + j]. l runs to depth. */
typedef struct {
    int rows;
    int64_t depth;
    int64_t a_row, a_column, a_group, b_row;
    const int64_t *b_rows; /* NULL, or where each row of B begins: (l,j) at b[b_rows[l] + j] */
    const void *next;      /* NULL, or the panel that is read after this one: it comes from far away */
} layout;

#define KERNEL_FILE "kernels/packed_gemm.c"
#include "kernels/instantiate.h"

int64_t fr_packed_bytes(fr_dtype dtype, int64_t k, int64_t n)
{
    int64_t width = FR_KERNEL_FOR(dtype, panel_width)(), columns = fr_round_up(n, width), values;

    if (!fr_mul_size(columns, k, &values) || values > INT64_MAX / 8)
        return -1;
    return values * (int64_t)fr_dtype_size(dtype);
}

void fr_pack(fr_dtype dtype, int64_t k, int64_t n, const void *b, int64_t step_k, int64_t step_n, void *packed)
{
    FR_KERNEL_FOR(dtype, pack)(k, n, b, step_k, step_n, packed);
}

void fr_pack_shifted(fr_dtype dtype, int64_t k, int64_t n, const void *b, const int64_t *columns, void *packed)
{
    FR_KERNEL_FOR(dtype, pack_shifted)(k, n, b, columns, packed);
}

void fr_multiply_shifted(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m, const void *b,
                         const int64_t *rows, void *c, int64_t ldc)
{
    FR_KERNEL_FOR(dtype, multiply_shifted)(m, n, k, a, step_m, b, rows, c, ldc);
}

void fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m, int64_t step_k,
                        const void *packed, const void *bias, bool add, void *c, int64_t ldc)
{
    FR_KERNEL_FOR(dtype, multiply_packed)(m, n, k, a, step_m, step_k, packed, bias, add, c, ldc);
}

void fr_transpose_rows(fr_dtype dtype, int64_t m, int64_t n, const void *from, void *to)
{
    FR_KERNEL_FOR(dtype, transpose_rows)(m, n, from, to);
}

int64_t fr_packed_transposed_bytes(fr_dtype dtype, int64_t m, int64_t k)
{
    return FR_KERNEL_FOR(dtype, transposed_bytes)(m, k, INT64_MAX);
}

void fr_pack_transposed(fr_dtype dtype, int64_t m, int64_t k, const void *a, int64_t lda, void *packed, void *sums)
{
    FR_KERNEL_FOR(dtype, pack_transposed)(k, m, a, lda, INT64_MAX, packed, sums);
}

void fr_multiply_both_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *packed_a,
                             const void *packed_b, bool add, void *c, int64_t ldc)
{
    FR_KERNEL_FOR(dtype, multiply_both_packed)(m, n, k, packed_a, packed_b, add, c, ldc);
}

void fr_sum_columns(fr_dtype dtype, int64_t k, int64_t m, const void *a, int64_t lda, bool add, void *sums)
{
    FR_KERNEL_FOR(dtype, sum_columns)(k, m, a, lda, add, sums);
}

void fr_multiply_here(const fr_product *p)
{
    FR_KERNEL_FOR(p->dtype, multiply)(p);
}
#else
#define LANES ((int)(VECTOR_BYTES / sizeof(T)))
/* A tile's sums fill most of the registers: WIDE_ROWS x VECTORS of them, or ROWS x 2 in products of one or two vectors.
 * (Without fused multiply-add, as in SSE2, products need registers too.) The wider a tile, the fewer values are read
 * for each multiplication.
 *
 * GROUP: values that a row of a packed A takes, of which the last ones may not be used: whole vectors are written.
 *
 * PACKED_DEPTH: rows of a panel that was packed before. It comes from memory that is slower, so more of them are worth
 * it, and wide panels leave the first-level cache anyway. */
#if VECTOR_REGISTERS == 32
#define VECTORS      4
#define WIDE_ROWS    6
#define ROWS         8
#define GROUP        8
#define PACKED_DEPTH 512
#else
#define VECTORS      2
#define WIDE_ROWS    ROWS
#define ROWS         (VECTOR_BYTES == 32 ? 6 : 4)
#define GROUP        (VECTOR_BYTES == 32 ? 8 : 4)
#define PACKED_DEPTH 256
#endif
#define WIDTH (VECTORS * LANES)

#include "kernels/packed_gemm_pack.h"
#include "kernels/packed_gemm_tile.h"

#undef LANES
#undef VECTORS
#undef WIDE_ROWS
#undef ROWS
#undef GROUP
#undef PACKED_DEPTH
#undef WIDTH
#endif
