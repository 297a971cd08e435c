/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What is behind product.h. A tile of C, a few rows by two vectors, stays in registers while k runs. B is read in
 * panels two vectors wide, (k, 2 V) each, the last filled up with zeros. */
#include "kernels/packed_gemm.h"

#include "core/integer.h"
#include "core/memory.h"
#include "core/shape.h"
#include "kernels/cpu.h"

enum {
    K_BLOCK = 256,   /* rows of a panel that stay in the first-level cache while the rows of A pass */
    M_BLOCK = 64,    /* rows of A that stay in the second-level cache while the panels pass */
    A_BLOCK = 512,   /* the same where each panel has to be packed first, which more rows make up for */
    PANEL = 128,     /* bytes of a panel's row, at most */
    MANY_ROWS = 512, /* from here on all panels are packed before: read one after another they come faster */
    AHEAD = 16,      /* rows of B that are asked for early while it is packed */
    GAP = 64         /* bytes between groups of packed rows: else, a power of two apart, they share a few cache lines */
};

/* How a kernel walks A and B, in elements. */
typedef struct {
    int64_t depth; /* values of k */
    int64_t a_row, a_column, a_group, b_row;
} walk;

/* product_kernel.h says what these do. */
typedef struct {
    int width, rows; /* of a panel; of a tile */
    void (*panel)(const walk *w, int64_t rows, int columns, const void *a, const void *b, void *keep, const void *start,
                  int64_t start_step, void *c, int64_t ldc);
    void (*copy_panel)(int64_t k, const void *from, int64_t step_k, void *to);
    void (*pack_rows)(int64_t depth, int64_t columns, const void *from, int64_t lda, void *packed, int64_t group,
                      void *sums);
} kernel;

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLL        _Pragma("GCC unroll 16")

#define NAME  base_f32
#define T     float
#define BYTES 16
#define ROWS  4
#define TARGET
#include "kernels/packed_gemm_tile.h"

#define NAME  base_f64
#define T     double
#define BYTES 16
#define ROWS  4
#define TARGET
#include "kernels/packed_gemm_tile.h"

#ifdef FR_TARGET_AVX2
#define NAME   avx2_f32
#define T      float
#define BYTES  32
#define ROWS   6
#define TARGET FR_TARGET_AVX2
#include "kernels/packed_gemm_tile.h"

#define NAME   avx2_f64
#define T      double
#define BYTES  32
#define ROWS   6
#define TARGET FR_TARGET_AVX2
#include "kernels/packed_gemm_tile.h"

#define NAME   avx512_f32
#define T      float
#define BYTES  64
#define ROWS   8
#define TARGET FR_TARGET_AVX512
#include "kernels/packed_gemm_tile.h"

#define NAME   avx512_f64
#define T      double
#define BYTES  64
#define ROWS   8
#define TARGET FR_TARGET_AVX512
#include "kernels/packed_gemm_tile.h"
#endif

static const kernel *kernel_for(fr_dtype dtype)
{
    bool f64 = dtype == FR_F64;

#ifdef FR_TARGET_AVX2
    if (fr_cpu_level() == FR_CPU_AVX512)
        return f64 ? &avx512_f64 : &avx512_f32;
    if (fr_cpu_level() == FR_CPU_AVX2)
        return f64 ? &avx2_f64 : &avx2_f32;
#endif
    return f64 ? &base_f64 : &base_f32;
}

int64_t fr_packed_bytes(fr_dtype dtype, int64_t k, int64_t n)
{
    int64_t width = kernel_for(dtype)->width, columns = (n + width - 1) / width * width, values;

    if (!fr_mul_size(columns, k, &values) || values > INT64_MAX / 8)
        return -1;
    return values * (int64_t)fr_dtype_size(dtype);
}

/* --- Packing ----------------------------------------------------------------------------------------------------- */

/* to[q * width + i] = from[q * step_k + i * step_n] for q < k, i < columns, a few rows of k at a time, so that both
 * stay in the cache. */
#define TRANSPOSE(K0, I0)                                                                                              \
    for (int64_t l = K0; l < k; l += 8)                                                                                \
        for (int64_t i = I0; i < columns; i++)                                                                         \
            for (int64_t q = l; q < l + 8 && q < k; q++)                                                               \
                to[q * width + i] = from[q * step_k + i * step_n];

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAVE_SHUFFLE 1
#endif
#endif

#ifdef HAVE_SHUFFLE
typedef float eight __attribute__((vector_size(32), aligned(4), may_alias));

#define LOW_PAIRS(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)

#define HIGH_PAIRS(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)

#define LOW_FOURS(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)

#define HIGH_FOURS(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)

#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)

#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)

/* 8 x 8 values, whose columns lie in rows of from, step apart, to rows of to: pairs, then fours, then halves change
 * places. */
ALWAYS_INLINE void transpose_eight(const float *from, int64_t step, float *to, int64_t width)
{
    eight r[8], pair[8], four[8];

    UNROLL for (int i = 0; i < 8; i++)
    {
        r[i] = *(const eight *)(from + i * step);
    }
    UNROLL for (int i = 0; i < 8; i += 2)
    {
        pair[i] = LOW_PAIRS(r[i], r[i + 1]);
        pair[i + 1] = HIGH_PAIRS(r[i], r[i + 1]);
    }
    UNROLL for (int i = 0; i < 8; i += 4)
    {
        four[i] = LOW_FOURS(pair[i], pair[i + 2]);
        four[i + 1] = HIGH_FOURS(pair[i], pair[i + 2]);
        four[i + 2] = LOW_FOURS(pair[i + 1], pair[i + 3]);
        four[i + 3] = HIGH_FOURS(pair[i + 1], pair[i + 3]);
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        *(eight *)(to + i * width) = LOW_HALVES(four[i], four[i + 4]);
        *(eight *)(to + (i + 4) * width) = HIGH_HALVES(four[i], four[i + 4]);
    }
}

FR_KERNEL(transpose_f32,
          (int64_t k, int64_t columns, const float *from, int64_t step_k, int64_t step_n, float *to, int64_t width),
          (k, columns, from, step_k, step_n, to, width))
{
    int64_t blocks = step_k == 1 ? k / 8 * 8 : 0, whole = columns / 8 * 8;

    for (int64_t l = 0; l < blocks; l += 8)
        for (int64_t i = 0; i < whole; i += 8)
            transpose_eight(from + l + i * step_n, step_n, to + l * width + i, width);
    TRANSPOSE(blocks, 0)
    k = blocks;
    TRANSPOSE(0, whole)
}

typedef double four __attribute__((vector_size(32), aligned(8), may_alias));

/* The same for 4 x 4 doubles. */
ALWAYS_INLINE void transpose_four(const double *from, int64_t step, double *to, int64_t width)
{
    four r[4], pair[4];

    UNROLL for (int i = 0; i < 4; i++)
    {
        r[i] = *(const four *)(from + i * step);
    }
    UNROLL for (int i = 0; i < 4; i += 2)
    {
        pair[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 4, 2, 6);
        pair[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 5, 3, 7);
    }
    UNROLL for (int i = 0; i < 2; i++)
    {
        *(four *)(to + i * width) = __builtin_shufflevector(pair[i], pair[i + 2], 0, 1, 4, 5);
        *(four *)(to + (i + 2) * width) = __builtin_shufflevector(pair[i], pair[i + 2], 2, 3, 6, 7);
    }
}

FR_KERNEL(transpose_f64,
          (int64_t k, int64_t columns, const double *from, int64_t step_k, int64_t step_n, double *to, int64_t width),
          (k, columns, from, step_k, step_n, to, width))
{
    int64_t blocks = step_k == 1 ? k / 4 * 4 : 0, whole = columns / 4 * 4;

    for (int64_t l = 0; l < blocks; l += 4)
        for (int64_t i = 0; i < whole; i += 4)
            transpose_four(from + l + i * step_n, step_n, to + l * width + i, width);
    TRANSPOSE(blocks, 0)
    k = blocks;
    TRANSPOSE(0, whole)
}
#else
static void transpose_f32(int64_t k, int64_t columns, const float *from, int64_t step_k, int64_t step_n, float *to,
                          int64_t width)
{
    TRANSPOSE(0, 0)
}

static void transpose_f64(int64_t k, int64_t columns, const double *from, int64_t step_k, int64_t step_n, double *to,
                          int64_t width)
{
    TRANSPOSE(0, 0)
}
#endif

/* A panel of B with `columns` of its width; B's element (l,j) is b[l * step_k + j * step_n]. */
static void pack_panel(const kernel *how, fr_dtype dtype, int64_t k, int columns, const void *b, int64_t step_k,
                       int64_t step_n, void *to)
{
    if (columns < how->width)
        memset(to, 0, (size_t)(k * how->width) * fr_dtype_size(dtype));
    if (step_n == 1 && columns == how->width)
        how->copy_panel(k, b, step_k, to);
    else if (dtype == FR_F64)
        transpose_f64(k, columns, b, step_k, step_n, to, how->width);
    else
        transpose_f32(k, columns, b, step_k, step_n, to, how->width);
}

void fr_pack(fr_dtype dtype, int64_t k, int64_t n, const void *b, int64_t step_k, int64_t step_n, void *packed)
{
    const kernel *how = kernel_for(dtype);
    int64_t size = (int64_t)fr_dtype_size(dtype);

    for (int64_t j = 0; j < n; j += how->width)
        pack_panel(how, dtype, k, (int)fr_least(how->width, n - j), (const char *)b + j * step_n * size, step_k, step_n,
                   (char *)packed + j * k * size);
}

/* --- Products with a packed matrix ------------------------------------------------------------------------------- */

void fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m, int64_t step_k,
                        const void *packed, const void *bias, bool add, void *c, int64_t ldc)
{
    const kernel *how = kernel_for(dtype);
    int64_t size = (int64_t)fr_dtype_size(dtype);
    walk w = { .a_row = step_m, .a_column = step_k, .a_group = how->rows * step_m, .b_row = how->width };

    for (int64_t i = 0; i < m; i += M_BLOCK)
        for (int64_t j = 0; j < n; j += how->width) {
            const char *panel = (const char *)packed + j * k * size;
            char *to = (char *)c + (i * ldc + j) * size;
            const void *start = add ? to : bias ? (const char *)bias + j * size : NULL;
            int64_t step = add ? ldc : 0, l = 0;

            do {
                w.depth = fr_least(K_BLOCK, k - l);
                how->panel(&w, fr_least(M_BLOCK, m - i), (int)fr_least(how->width, n - j),
                           (const char *)a + (i * step_m + l * step_k) * size, panel + l * how->width * size, NULL,
                           start, step, to, ldc);
                start = to;
                step = ldc;
                l += K_BLOCK;
            } while (l < k);
        }
}

/* --- Products with a matrix that is used once: each panel is packed when it is needed ----------------------------- */

FR_KERNEL(sum_columns_f32, (int64_t k, int64_t m, const float *restrict a, int64_t lda, float *restrict sums),
          (k, m, a, lda, sums))
{
    for (int64_t l = 0; l < k; l++, a += lda)
        for (int64_t i = 0; i < m; i++)
            sums[i] += a[i];
}

FR_KERNEL(sum_columns_f64, (int64_t k, int64_t m, const double *restrict a, int64_t lda, double *restrict sums),
          (k, m, a, lda, sums))
{
    for (int64_t l = 0; l < k; l++, a += lda)
        for (int64_t i = 0; i < m; i++)
            sums[i] += a[i];
}

void fr_sum_columns(fr_dtype dtype, int64_t k, int64_t m, const void *a, int64_t lda, bool add, void *sums)
{
    if (!add)
        memset(sums, 0, (size_t)m * fr_dtype_size(dtype));
    if (dtype == FR_F64)
        sum_columns_f64(k, m, a, lda, sums);
    else
        sum_columns_f32(k, m, a, lda, sums);
}

/* The part of p that is of A's rows from i on and of k from l on. packed_a: room for them, or NULL. */
static void multiply_block(const kernel *how, const fr_product *p, int64_t i, int64_t l, void *packed_a)
{
    int64_t size = (int64_t)fr_dtype_size(p->dtype), rows = fr_least(A_BLOCK, p->m - i);
    char panel[K_BLOCK * PANEL] __attribute__((aligned(64)));
    const char *a = (const char *)p->a + (i * p->a_row + l * p->a_column) * size;
    const char *b = (const char *)p->b + l * p->b_row * size;
    char *c = (char *)p->c + i * p->ldc * size, *sums = p->sums ? (char *)p->sums + i * size : NULL;
    bool onto = p->add || l > 0;
    walk w = { fr_least(K_BLOCK, p->k - l), p->a_row, p->a_column, how->rows * p->a_row, how->width };

    if (packed_a) {
        w.a_row = 1;
        w.a_column = how->rows;
        w.a_group = w.depth * how->rows + GAP / size;
        how->pack_rows(w.depth, rows, a, p->a_column, packed_a, w.a_group, sums);
        a = packed_a;
    }
    for (int64_t j = 0; j < p->n; j += how->width, c += how->width * size, b += how->width * p->b_column * size) {
        int columns = (int)fr_least(how->width, p->n - j);
        bool whole = p->b_column == 1 && columns == how->width;

        if (!whole)
            pack_panel(how, p->dtype, w.depth, columns, b, p->b_row, p->b_column, panel);
        w.b_row = whole ? p->b_row : how->width;
        how->panel(&w, rows, columns, a, whole ? b : panel, whole ? panel : NULL, onto ? c : NULL, onto ? p->ldc : 0, c,
                   p->ldc);
    }
}

/* With B packed as a whole; false where there is no memory for that. */
static bool multiply_stripe(const fr_product *p)
{
    int64_t bytes = fr_packed_bytes(p->dtype, p->k, p->n);
    void *packed = bytes < 0 ? NULL : fr_alloc((size_t)bytes);

    if (!packed)
        return false;
    fr_pack(p->dtype, p->k, p->n, p->b, p->b_row, p->b_column, packed);
    fr_multiply_packed(p->dtype, p->m, p->n, p->k, p->a, p->a_row, p->a_column, packed, NULL, p->add, p->c, p->ldc);
    fr_free(packed, (size_t)bytes);
    return true;
}

/* Columns of A as rows are packed, too, where there are panels enough to make up for it. Without memory everything is
 * read where it lies, with the same result. */
void fr_multiply_here(const fr_product *p)
{
    const kernel *how = kernel_for(p->dtype);
    int64_t groups = (fr_least(A_BLOCK, p->m) + how->rows - 1) / how->rows;
    size_t bytes = (size_t)(groups * (fr_least(K_BLOCK, p->k) * how->rows * (int64_t)fr_dtype_size(p->dtype) + GAP));
    void *packed_a;

    if (p->a_row != 1 && p->m >= MANY_ROWS && multiply_stripe(p))
        return;
    packed_a = p->a_row == 1 ? fr_alloc(bytes) : NULL;
    if (p->sums && packed_a && !p->add)
        memset(p->sums, 0, (size_t)p->m * fr_dtype_size(p->dtype));
    else if (p->sums && !packed_a)
        fr_sum_columns(p->dtype, p->k, p->m, p->a, p->a_column, p->add, p->sums);
    for (int64_t i = 0; i < p->m; i += A_BLOCK)
        for (int64_t l = 0; l == 0 || l < p->k; l += K_BLOCK)
            multiply_block(how, p, i, l, packed_a);
    fr_free(packed_a, bytes);
}
