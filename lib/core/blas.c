/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products. */
#include <config.h>

#include "core/blas.h"

#include <limits.h>

#define PLAIN(T)                                                                                                       \
    {                                                                                                                  \
        const T *A = a, *B = b;                                                                                        \
        T *C = c;                                                                                                      \
        for (int64_t i = 0; i < m; i++) {                                                                              \
            for (int64_t j = 0; j < n; j++)                                                                            \
                C[i * ldc + j] = beta == 0 ? 0 : (T)beta * C[i * ldc + j];                                             \
            for (int64_t l = 0; l < k; l++) {                                                                          \
                T x = A[trans_a ? l * lda + i : i * lda + l];                                                          \
                for (int64_t j = 0; j < n; j++)                                                                        \
                    C[i * ldc + j] += x * B[trans_b ? j * ldb + l : l * ldb + j];                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

static void plain(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a,
                  int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    if (dtype == FR_F64)
        PLAIN(double)
    else
        PLAIN(float)
}

#ifdef FR_HAVE_CBLAS
#include <cblas.h>

static bool fits(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc)
{
    return m <= INT_MAX && n <= INT_MAX && k <= INT_MAX && lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX;
}

static int at_least(int64_t x, int64_t least)
{
    return (int)(x > least ? x : least);
}

void fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
             const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    enum CBLAS_TRANSPOSE ta = trans_a ? CblasTrans : CblasNoTrans, tb = trans_b ? CblasTrans : CblasNoTrans;

    if (m == 0 || n == 0)
        return;
    if (k == 0 || !fits(m, n, k, lda, ldb, ldc)) {
        plain(dtype, trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
        return;
    }

    int la = at_least(lda, trans_a ? m : k), lb = at_least(ldb, trans_b ? k : n), lc = at_least(ldc, n);

    if (dtype == FR_F64)
        cblas_dgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1, a, la, b, lb, beta, c, lc);
    else
        cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1, a, la, b, lb, (float)beta, c, lc);
}
#else
void fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
             const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    plain(dtype, trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
}
#endif
