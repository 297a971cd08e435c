/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products. */
#include <config.h>

#include "core/blas.h"

#include "core/threads.h"

#include <limits.h>
#include <pthread.h>

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

/* One product on this thread, but for what the library itself does. */
static void multiply(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a,
                     int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    enum CBLAS_TRANSPOSE ta = trans_a ? CblasTrans : CblasNoTrans, tb = trans_b ? CblasTrans : CblasNoTrans;

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
static void multiply(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a,
                     int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    plain(dtype, trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
}
#endif

/* OpenBLAS shares large products among threads of its own, by their number: another number, another order of sums. Its
 * setting belongs to the process, so it is lowered while any of our threads is in here, and then put back. */
#ifdef FR_HAVE_OPENBLAS
extern int openblas_get_num_threads(void);
extern void openblas_set_num_threads(int);

static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;
static int users, threads_before;

static void begin_single_threaded(void)
{
    pthread_mutex_lock(&users_lock);
    if (users++ == 0) {
        threads_before = openblas_get_num_threads();
        if (threads_before != 1)
            openblas_set_num_threads(1);
    }
    pthread_mutex_unlock(&users_lock);
}

static void end_single_threaded(void)
{
    pthread_mutex_lock(&users_lock);
    if (--users == 0 && threads_before != 1)
        openblas_set_num_threads(threads_before);
    pthread_mutex_unlock(&users_lock);
}
#else
static void begin_single_threaded(void)
{
}

static void end_single_threaded(void)
{
}
#endif

enum {
    SMALL = 1 << 18,     /* multiply-adds that no BLAS shares among threads */
    TILE_WORK = 1 << 23, /* multiply-adds to a tile */
    MOST_TILES = 16,
    EDGE = 64 /* a tile's rows or columns are a multiple of this */
};

typedef struct {
    fr_dtype dtype;
    bool trans_a, trans_b, by_rows;
    int64_t m, n, k, lda, ldb, ldc, edge;
    const char *a, *b;
    char *c;
    double beta;
} product;

static int64_t least(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

static void run_tile(void *job, int64_t tile)
{
    const product *p = job;
    int64_t at = tile * p->edge, size = (int64_t)fr_dtype_size(p->dtype);

    if (p->by_rows)
        multiply(p->dtype, p->trans_a, p->trans_b, least(p->edge, p->m - at), p->n, p->k,
                 p->a + at * (p->trans_a ? 1 : p->lda) * size, p->lda, p->b, p->ldb, p->beta, p->c + at * p->ldc * size,
                 p->ldc);
    else
        multiply(p->dtype, p->trans_a, p->trans_b, p->m, least(p->edge, p->n - at), p->k, p->a, p->lda,
                 p->b + at * (p->trans_b ? p->ldb : 1) * size, p->ldb, p->beta, p->c + at * size, p->ldc);
}

void fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
             const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    double work = (double)m * (double)n * (double)k;

    if (m == 0 || n == 0)
        return;
    if (work <= SMALL) {
        multiply(dtype, trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
        return;
    }

    bool by_rows = m >= n;
    int64_t length = by_rows ? m : n;
    double wanted = work / TILE_WORK < MOST_TILES ? work / TILE_WORK : MOST_TILES;
    int64_t edge = wanted < 2 ? length : ((int64_t)((double)length / wanted) + EDGE - 1) / EDGE * EDGE;

    if (edge == 0) /* few rows and columns, long sums */
        edge = EDGE;

    product p = { dtype, trans_a, trans_b, by_rows, m, n, k, lda, ldb, ldc, edge, a, b, c, beta };

    begin_single_threaded();
    fr_run_tiles((length + edge - 1) / edge, run_tile, &p);
    end_single_threaded();
}
