/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The kernel behind product.h: a tile of C, a few rows by two vectors, stays in registers while k runs. B lies in
 * panels two vectors wide, (k, 2 V) each, the last filled up with zeros. */
#include "core/product.h"

#include "core/cpu.h"

enum {
    K_BLOCK = 256, /* rows of a panel that stay in the first-level cache while the rows of A pass */
    M_BLOCK = 64   /* rows of A that stay in the second-level cache while the panels pass */
};

typedef struct {
    int64_t m, n, k;
    const void *a;
    int64_t step_m, step_k;
    const void *packed, *bias;
    bool add;
    void *c;
    int64_t ldc;
} product;

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLL        _Pragma("GCC unroll 16")

/* NAME_tile: rows x 2 vectors of C for `depth` values of k; rows is a constant where it is inlined. NAME_rows: the same
 * for any number of rows up to ROWS. NAME: the whole product. Vectors of BYTES, as wide as TARGET has registers, of
 * which the tile fills two thirds. */
#define DEFINE_PRODUCT(NAME, T, BYTES, ROWS, TARGET)                                                                   \
    typedef T NAME##_vector __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));                        \
    enum { NAME##_width = 2 * BYTES / sizeof(T), NAME##_tile_rows = ROWS };                                            \
                                                                                                                       \
    TARGET ALWAYS_INLINE void NAME##_tile(const int rows, int64_t depth, const T *a, int64_t step_m, int64_t step_k,   \
                                          const T *b, const T *start, int64_t start_step, T *c, int64_t ldc)           \
    {                                                                                                                  \
        NAME##_vector sum[ROWS][2];                                                                                    \
        UNROLL for (int i = 0; i < rows; i++)                                                                          \
        {                                                                                                              \
            sum[i][0] = *(const NAME##_vector *)(start + i * start_step);                                              \
            sum[i][1] = *(const NAME##_vector *)(start + i * start_step + NAME##_width / 2);                           \
        }                                                                                                              \
        for (int64_t l = 0; l < depth; l++) {                                                                          \
            NAME##_vector left = *(const NAME##_vector *)(b + l * NAME##_width);                                       \
            NAME##_vector right = *(const NAME##_vector *)(b + l * NAME##_width + NAME##_width / 2);                   \
            UNROLL for (int i = 0; i < rows; i++)                                                                      \
            {                                                                                                          \
                T x = a[i * step_m + l * step_k];                                                                      \
                sum[i][0] += left * x;                                                                                 \
                sum[i][1] += right * x;                                                                                \
            }                                                                                                          \
        }                                                                                                              \
        UNROLL for (int i = 0; i < rows; i++)                                                                          \
        {                                                                                                              \
            *(NAME##_vector *)(c + i * ldc) = sum[i][0];                                                               \
            *(NAME##_vector *)(c + i * ldc + NAME##_width / 2) = sum[i][1];                                            \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    TARGET static void NAME##_rows(int rows, int64_t depth, const T *a, int64_t step_m, int64_t step_k, const T *b,    \
                                   const T *start, int64_t start_step, T *c, int64_t ldc)                              \
    {                                                                                                                  \
        for (; rows >= ROWS; rows -= ROWS, a += ROWS * step_m, c += ROWS * ldc, start += ROWS * start_step)            \
            NAME##_tile(ROWS, depth, a, step_m, step_k, b, start, start_step, c, ldc);                                 \
        for (; rows >= 4; rows -= 4, a += 4 * step_m, c += 4 * ldc, start += 4 * start_step)                           \
            NAME##_tile(4, depth, a, step_m, step_k, b, start, start_step, c, ldc);                                    \
        for (; rows > 0; rows--, a += step_m, c += ldc, start += start_step)                                           \
            NAME##_tile(1, depth, a, step_m, step_k, b, start, start_step, c, ldc);                                    \
    }                                                                                                                  \
                                                                                                                       \
    /* One panel: `columns` of it are C's, at c; the rest of the vectors must not be touched there. */                 \
    TARGET static void NAME##_panel(const product *p, int rows, int64_t depth, const T *a, const T *b, const T *bias,  \
                                    bool add, T *c, int64_t columns)                                                   \
    {                                                                                                                  \
        static const T zeros[NAME##_width];                                                                            \
        T edge[M_BLOCK * NAME##_width];                                                                                \
                                                                                                                       \
        if (columns == NAME##_width) {                                                                                 \
            NAME##_rows(rows, depth, a, p->step_m, p->step_k, b,                                                       \
                        add    ? c                                                                                     \
                        : bias ? bias                                                                                  \
                               : zeros,                                                                                \
                        add ? p->ldc : 0, c, p->ldc);                                                                  \
            return;                                                                                                    \
        }                                                                                                              \
        memset(edge, 0, sizeof edge);                                                                                  \
        for (int i = 0; i < rows && (add || bias); i++)                                                                \
            memcpy(edge + i * NAME##_width, add ? c + i * p->ldc : bias, (size_t)columns * sizeof(T));                 \
        NAME##_rows(rows, depth, a, p->step_m, p->step_k, b, edge, NAME##_width, edge, NAME##_width);                  \
        for (int i = 0; i < rows; i++)                                                                                 \
            memcpy(c + i * p->ldc, edge + i * NAME##_width, (size_t)columns * sizeof(T));                              \
    }                                                                                                                  \
                                                                                                                       \
    TARGET static void NAME(const product *p)                                                                          \
    {                                                                                                                  \
        for (int64_t i = 0; i < p->m; i += M_BLOCK) {                                                                  \
            int rows = (int)(p->m - i < M_BLOCK ? p->m - i : M_BLOCK);                                                 \
            for (int64_t j = 0; j < p->n; j += NAME##_width) {                                                         \
                int64_t columns = p->n - j < NAME##_width ? p->n - j : NAME##_width, l = 0;                            \
                const T *panel = (const T *)p->packed + j * p->k;                                                      \
                do {                                                                                                   \
                    int64_t depth = p->k - l < K_BLOCK ? p->k - l : K_BLOCK;                                           \
                    NAME##_panel(p, rows, depth, (const T *)p->a + i * p->step_m + l * p->step_k,                      \
                                 panel + l * NAME##_width, p->bias ? (const T *)p->bias + j : NULL, p->add || l > 0,   \
                                 (T *)p->c + i * p->ldc + j, columns);                                                 \
                    l += depth;                                                                                        \
                } while (l < p->k);                                                                                    \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* A panel of B, whose rows lie step_k apart. */                                                                   \
    TARGET static void NAME##_copy_panel(int64_t k, const void *from, int64_t step_k, void *to)                        \
    {                                                                                                                  \
        for (int64_t l = 0; l < k; l++)                                                                                \
            memcpy((T *)to + l * NAME##_width, (const T *)from + l * step_k, NAME##_width * sizeof(T));                \
    }                                                                                                                  \
    /* Rows of A (depth,columns), lda apart, to groups of ROWS columns, (depth,ROWS) each; adds them up in sums. */    \
    TARGET static void NAME##_pack_rows(int64_t depth, int64_t columns, const void *from, int64_t lda, void *packed,   \
                                        void *sums)                                                                    \
    {                                                                                                                  \
        const T *restrict a = from;                                                                                    \
        T *restrict sum = sums;                                                                                        \
        for (int64_t l = 0; l < depth; l++, a += lda) {                                                                \
            T *restrict to = (T *)packed + l * ROWS;                                                                   \
            int64_t i = 0;                                                                                             \
            for (int64_t j = 0; sums && j < columns; j++)                                                              \
                sum[j] += a[j];                                                                                        \
            for (; i + ROWS <= columns; i += ROWS)                                                                     \
                memcpy(to + i * depth, a + i, ROWS * sizeof(T));                                                       \
            if (i < columns)                                                                                           \
                memcpy(to + i * depth, a + i, (size_t)(columns - i) * sizeof(T));                                      \
        }                                                                                                              \
    }

DEFINE_PRODUCT(base_f32, float, 16, 4, )
DEFINE_PRODUCT(base_f64, double, 16, 4, )
#ifdef FR_TARGET_AVX2
DEFINE_PRODUCT(avx2_f32, float, 32, 6, FR_TARGET_AVX2)
DEFINE_PRODUCT(avx2_f64, double, 32, 6, FR_TARGET_AVX2)
DEFINE_PRODUCT(avx512_f32, float, 64, 8, FR_TARGET_AVX512)
DEFINE_PRODUCT(avx512_f64, double, 64, 8, FR_TARGET_AVX512)
#endif

typedef struct {
    int64_t width, rows; /* of a panel; of a tile */
    void (*multiply)(const product *);
    void (*copy_panel)(int64_t k, const void *from, int64_t step_k, void *to);
    void (*pack_rows)(int64_t depth, int64_t columns, const void *from, int64_t lda, void *packed, void *sums);
} kernel;

#define KERNEL(NAME)                                                                                                   \
    {                                                                                                                  \
        NAME##_width, NAME##_tile_rows, NAME, NAME##_copy_panel, NAME##_pack_rows                                      \
    }

static kernel kernel_for(fr_dtype dtype)
{
    bool f64 = dtype == FR_F64;

#ifdef FR_TARGET_AVX2
    if (fr_cpu_level() == FR_CPU_AVX512)
        return f64 ? (kernel)KERNEL(avx512_f64) : (kernel)KERNEL(avx512_f32);
    if (fr_cpu_level() == FR_CPU_AVX2)
        return f64 ? (kernel)KERNEL(avx2_f64) : (kernel)KERNEL(avx2_f32);
#endif
    return f64 ? (kernel)KERNEL(base_f64) : (kernel)KERNEL(base_f32);
}

int64_t fr_packed_bytes(fr_dtype dtype, int64_t k, int64_t n)
{
    int64_t width = kernel_for(dtype).width, columns = (n + width - 1) / width * width, values;

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

static void transpose_f64(int64_t k, int64_t columns, const double *from, int64_t step_k, int64_t step_n, double *to,
                          int64_t width)
{
    TRANSPOSE(0, 0)
}

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
#else
static void transpose_f32(int64_t k, int64_t columns, const float *from, int64_t step_k, int64_t step_n, float *to,
                          int64_t width)
{
    TRANSPOSE(0, 0)
}
#endif

#define PACK(T, TRANSPOSE_T)                                                                                           \
    for (int64_t j = 0; j < n; j += width) {                                                                           \
        const T *from = (const T *)b + j * step_n;                                                                     \
        T *to = (T *)packed + j * k;                                                                                   \
        int64_t columns = n - j < width ? n - j : width;                                                               \
        if (columns < width)                                                                                           \
            memset(to, 0, (size_t)(k * width) * sizeof(T));                                                            \
        if (step_n == 1 && columns == width)                                                                           \
            how.copy_panel(k, from, step_k, to);                                                                       \
        else                                                                                                           \
            TRANSPOSE_T(k, columns, from, step_k, step_n, to, width);                                                  \
    }

void fr_pack(fr_dtype dtype, int64_t k, int64_t n, const void *b, int64_t step_k, int64_t step_n, void *packed)
{
    kernel how = kernel_for(dtype);
    int64_t width = how.width;

    if (dtype == FR_F64)
        PACK(double, transpose_f64)
    else
        PACK(float, transpose_f32)
}

void fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m, int64_t step_k,
                        const void *packed, const void *bias, bool add, void *c, int64_t ldc)
{
    product p = { m, n, k, a, step_m, step_k, packed, bias, add, c, ldc };

    kernel_for(dtype).multiply(&p);
}

/* --- Products over a long k -------------------------------------------------------------------------------------- */

/* Columns of A are packed so many at a time: a multiple of the rows of every tile. */
enum { A_BLOCK = 96 };

int64_t fr_transposed_bytes(fr_dtype dtype, int64_t n)
{
    int64_t b = fr_packed_bytes(dtype, K_BLOCK, n);

    return b < 0 ? -1 : b + K_BLOCK * A_BLOCK * (int64_t)fr_dtype_size(dtype);
}

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

void fr_sum_columns(fr_dtype dtype, int64_t k, int64_t m, const void *a, int64_t lda, void *sums)
{
    memset(sums, 0, (size_t)m * fr_dtype_size(dtype));
    if (dtype == FR_F64)
        sum_columns_f64(k, m, a, lda, sums);
    else
        sum_columns_f32(k, m, a, lda, sums);
}

/* p->c += A^T B for `depth` rows of A, packed a block of columns at a time. */
static void add_packed_rows(const kernel *how, const product *p, int64_t depth, const char *a, int64_t lda,
                            int64_t size, char *packed_a, char *sums)
{
    for (int64_t i = 0; i < p->m; i += A_BLOCK) {
        int64_t columns = p->m - i < A_BLOCK ? p->m - i : A_BLOCK;

        how->pack_rows(depth, columns, a + i * size, lda, packed_a, sums ? sums + i * size : NULL);
        for (int64_t j = 0; j < columns; j += how->rows) {
            product part = *p;

            part.m = columns - j < how->rows ? columns - j : how->rows;
            part.a = packed_a + j * depth * size;
            part.step_k = how->rows;
            part.c = (char *)p->c + (i + j) * p->ldc * size;
            how->multiply(&part);
        }
    }
}

/* Where B is one panel, columns of A are read once, and packing them would be in vain. */
void fr_multiply_transposed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda, const void *b,
                            int64_t ldb, void *c, int64_t ldc, void *sums, void *scratch)
{
    kernel how = kernel_for(dtype);
    int64_t size = (int64_t)fr_dtype_size(dtype), l = 0;
    char *packed_b = scratch, *packed_a = packed_b + fr_packed_bytes(dtype, K_BLOCK, n);

    if (sums && n <= how.width)
        fr_sum_columns(dtype, k, m, a, lda, sums);
    else if (sums)
        memset(sums, 0, (size_t)(m * size));
    do {
        int64_t depth = k - l < K_BLOCK ? k - l : K_BLOCK;
        const char *rows = (const char *)a + l * lda * size;
        product p = { .m = m,
                      .n = n,
                      .k = depth,
                      .a = rows,
                      .step_m = 1,
                      .step_k = lda,
                      .packed = packed_b,
                      .add = l > 0,
                      .c = c,
                      .ldc = ldc };

        fr_pack(dtype, depth, n, (const char *)b + l * ldb * size, ldb, 1, packed_b);
        if (n <= how.width)
            how.multiply(&p);
        else
            add_packed_rows(&how, &p, depth, rows, lda, size, packed_a, sums);
        l += depth;
    } while (l < k);
}
