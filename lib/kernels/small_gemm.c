/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Products of small matrices, which last less long than a call of a BLAS, or than packing: (16,16) (16,16) is 4096
 * multiply-adds and takes 60 ns, where those took 80 to 200. B is read where it lies, if its rows lie without gaps,
 * else it is transposed on the stack. A tile of C stays in registers while k runs, as in packed_gemm.c. Vectors are as
 * wide as C's rows allow, and the last one of a row overlaps the one before it: so no panel is filled up with zeros,
 * and C is written in place. A C of fewer than four columns, for which vectors are too long, is computed as C^T = B^T
 * A^T.
 *
 * small_gemm_tile.h has the tiles, for each size of a vector. */
#ifndef T
#include "kernels/small_gemm.h"

#include "core/integer.h"
#include "core/shape.h"
#include "core/cpu.h"
#include "kernels/transpose.h"

/* A product of more multiply-adds was no faster here than by packed_gemm.c: MOST_WORK, or without fused multiply-add
 * MOST_WORK_BASE; nor was one of which more values had to be copied than MOST_COPIED. (32,32) (32,128) took 1.05 us,
 * and 1.2; (8,64) (64,64)^T 0.48 and 0.44, (64,64) (64,64) 2.1 and 2.2. */
enum {
    MOST_WORK = 1 << 17,
    MOST_WORK_BASE = 1 << 12,
    MOST_COPIED = 1 << 12,
    NARROW = 4 /* C with fewer columns is computed transposed, if that has more */
};

static bool is_turned(const fr_product *p)
{
    return p->n < NARROW && p->m > p->n;
}

#define KERNEL_FILE "kernels/small_gemm.c"
#include "kernels/instantiate.h"

bool fr_is_small(const fr_product *p)
{
    double most = fr_cpu_level() == FR_CPU_BASE ? MOST_WORK_BASE : MOST_WORK;
    bool turn = is_turned(p), copy = turn ? p->a_row != 1 : p->b_column != 1 || p->n < NARROW;
    int64_t columns = fr_most(turn ? p->m : p->n, NARROW);

    return p->m > 0 && p->n > 0 && p->k > 0 && (double)p->m * (double)p->n * (double)p->k <= most &&
           (!turn || columns * NARROW <= MOST_COPIED) && (!copy || p->k * columns <= MOST_COPIED);
}

void fr_multiply_small(const fr_product *p)
{
    FR_KERNEL_FOR(p->dtype, multiply_small)(p);
    if (p->sums)
        fr_sum_columns(p->dtype, p->k, p->m, p->a, p->a_column, p->add, p->sums);
}
#else
#if VECTOR_BYTES == 16
#define ROWS 4
#else
#define ROWS 6
#endif
#define LEAST_LANES ((int64_t)(16 / sizeof(T)))

/* A matrix of few columns is copied by short steps, a constant, for which there is vector code. */
FR_INLINE void FN(copy_steps)(int64_t n, const T *restrict from, int64_t step, T *restrict to)
{
    for (int64_t j = 0; j < n; j++)
        to[j] = from[j * step];
}

/* to[l * width + j] = from[l * step_k + j * step_n] for l < k, j < n, and 0 for the j from n to width. Whole blocks, of
 * which the last ones overlap. */
static void FN(copy_matrix)(int64_t k, int64_t n, const T *from, int64_t step_k, int64_t step_n, T *to, int64_t width)
{
#ifdef HAVE_SHUFFLE
    enum { BLOCK = 32 / sizeof(T) };
    int64_t offset[BLOCK];

    for (int i = 0; i < BLOCK; i++)
        offset[i] = i * step_n;
    for (int64_t l = 0; step_k == 1 && k >= BLOCK && n >= BLOCK; l = fr_least(l + BLOCK, k - BLOCK)) {
        for (int64_t j = 0;; j = fr_least(j + BLOCK, n - BLOCK)) {
            TYPED(transpose_block)(from + l + j * step_n, offset, to + l * width + j, width);
            if (j == n - BLOCK)
                break;
        }
        if (l == k - BLOCK)
            return;
    }
#endif
    for (int64_t l = 0; l < k; l++) {
        if (step_n == 2)
            FN(copy_steps)(n, from + l * step_k, 2, to + l * width);
        else if (step_n == 3)
            FN(copy_steps)(n, from + l * step_k, 3, to + l * width);
        else if (step_n == 4)
            FN(copy_steps)(n, from + l * step_k, 4, to + l * width);
        else
            FN(copy_steps)(n, from + l * step_k, step_n, to + l * width);
        for (int64_t j = n; j < width; j++)
            to[l * width + j] = 0;
    }
}

#define BYTES 16
#include "kernels/small_gemm_tile.h"
#if VECTOR_BYTES >= 32
#define BYTES 32
#include "kernels/small_gemm_tile.h"
#endif
#if VECTOR_BYTES >= 64
#define BYTES 64
#include "kernels/small_gemm_tile.h"
#endif

/* B's rows lie without gaps, and fill a vector of 16 bytes at least. */
static void FN(multiply_rows)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_column, const T *b,
                              int64_t b_row, const T *start, int64_t start_row, T *c, int64_t ldc)
{
#if VECTOR_BYTES >= 64
    if (n >= 64 / (int64_t)sizeof(T)) {
        FN(multiply_64)(m, n, k, a, a_row, a_column, b, b_row, start, start_row, c, ldc);
        return;
    }
#endif
#if VECTOR_BYTES >= 32
    if (n >= 32 / (int64_t)sizeof(T)) {
        FN(multiply_32)(m, n, k, a, a_row, a_column, b, b_row, start, start_row, c, ldc);
        return;
    }
#endif
    FN(multiply_16)(m, n, k, a, a_row, a_column, b, b_row, start, start_row, c, ldc);
}

/* C's and start's elements (i,j) are c[i * c_row + j * c_column] and start[i * start_row + j * start_column]. They are
 * copied where their rows have gaps or do not fill a vector. */
static void FN(multiply_onto)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_column, const T *b,
                              int64_t b_row, const T *start, int64_t start_row, int64_t start_column, T *c,
                              int64_t c_row, int64_t c_column)
{
    T copy[MOST_COPIED];
    int64_t width = fr_most(n, LEAST_LANES);
    bool in_place = c_column == 1 && width == n;

    if (start && (start_column != 1 || width > n)) {
        FN(copy_matrix)(m, n, start, start_row, start_column, copy, width);
        start = copy;
        start_row = width;
    }
    FN(multiply_rows)
    (m, width, k, a, a_row, a_column, b, b_row, start, start_row, in_place ? c : copy, in_place ? c_row : width);
    for (int64_t i = 0; i < m && !in_place; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * c_row + j * c_column] = copy[i * width + j];
}

/* The same for any B: it is copied where its rows have gaps or do not fill a vector. */
static void FN(multiply)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_column, const T *b,
                         int64_t b_row, int64_t b_column, const T *start, int64_t start_row, int64_t start_column, T *c,
                         int64_t c_row, int64_t c_column)
{
    T copy[MOST_COPIED];
    int64_t width = fr_most(n, LEAST_LANES);

    if (b_column != 1 || width > n) {
        FN(copy_matrix)(k, n, b, b_row, b_column, copy, width);
        b = copy;
        b_row = width;
    }
    FN(multiply_onto)(m, n, k, a, a_row, a_column, b, b_row, start, start_row, start_column, c, c_row, c_column);
}

/* No struct is copied here: p has just been written in parts, and reading it in larger ones would wait for that. */
static void FN(multiply_small)(const fr_product *p)
{
    const T *a = p->a, *b = p->b, *start = p->add ? p->c : p->bias;
    int64_t m = p->m, n = p->n, k = p->k, ldc = p->ldc, start_row = p->add ? ldc : 0;

    if (is_turned(p))
        FN(multiply)
    (n, m, k, b, p->b_column, p->b_row, a, p->a_column, p->a_row, start, 1, start_row, p->c, 1, ldc);
    else if (p->b_column != 1 || n < LEAST_LANES)
        FN(multiply)(m, n, k, a, p->a_row, p->a_column, b, p->b_row, p->b_column, start, start_row, 1, p->c, ldc, 1);
    else FN(multiply_rows)(m, n, k, a, p->a_row, p->a_column, b, p->b_row, start, start_row, p->c, ldc);
}

#undef ROWS
#undef LEAST_LANES
#endif
