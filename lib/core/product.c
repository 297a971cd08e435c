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
    enum { NAME##_width = 2 * BYTES / sizeof(T) };                                                                     \
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
    int64_t width; /* of a panel */
    void (*multiply)(const product *);
} kernel;

static kernel kernel_for(fr_dtype dtype)
{
    bool f64 = dtype == FR_F64;

#ifdef FR_TARGET_AVX2
    if (fr_cpu_level() == FR_CPU_AVX512)
        return f64 ? (kernel){ avx512_f64_width, avx512_f64 } : (kernel){ avx512_f32_width, avx512_f32 };
    if (fr_cpu_level() == FR_CPU_AVX2)
        return f64 ? (kernel){ avx2_f64_width, avx2_f64 } : (kernel){ avx2_f32_width, avx2_f32 };
#endif
    return f64 ? (kernel){ base_f64_width, base_f64 } : (kernel){ base_f32_width, base_f32 };
}

int64_t fr_packed_bytes(fr_dtype dtype, int64_t k, int64_t n)
{
    int64_t width = kernel_for(dtype).width, columns = (n + width - 1) / width * width, values;

    if (!fr_mul_size(columns, k, &values) || values > INT64_MAX / 8)
        return -1;
    return values * (int64_t)fr_dtype_size(dtype);
}

#define PACK(T)                                                                                                        \
    for (int64_t j = 0; j < n; j += width) {                                                                           \
        const T *from = (const T *)b + j * step_n;                                                                     \
        T *to = (T *)packed + j * k;                                                                                   \
        int64_t columns = n - j < width ? n - j : width;                                                               \
        if (columns < width)                                                                                           \
            memset(to, 0, (size_t)(k * width) * sizeof(T));                                                            \
        if (step_n == 1)                                                                                               \
            for (int64_t l = 0; l < k; l++)                                                                            \
                memcpy(to + l * width, from + l * step_k, (size_t)columns * sizeof(T));                                \
        else                                                                                                           \
            for (int64_t l = 0; l < k; l += 8)                                                                         \
                for (int64_t i = 0; i < columns; i++)                                                                  \
                    for (int64_t q = l; q < l + 8 && q < k; q++)                                                       \
                        to[q * width + i] = from[q * step_k + i * step_n];                                             \
    }

void fr_pack(fr_dtype dtype, int64_t k, int64_t n, const void *b, int64_t step_k, int64_t step_n, void *packed)
{
    int64_t width = kernel_for(dtype).width;

    if (dtype == FR_F64)
        PACK(double)
    else
        PACK(float)
}

void fr_multiply_packed(fr_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t step_m, int64_t step_k,
                        const void *packed, const void *bias, bool add, void *c, int64_t ldc)
{
    product p = { m, n, k, a, step_m, step_k, packed, bias, add, c, ldc };

    kernel_for(dtype).multiply(&p);
}
