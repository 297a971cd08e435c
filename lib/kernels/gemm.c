/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products: chooses the library or kernel, and the tiles. Both depend on the sizes alone, so that results do not
 * depend on the number of threads. */
#include <config.h>

#include "kernels/gemm.h"

#include "core/integer.h"
#include "core/locks.h"
#include "core/shape.h"
#include "core/threads.h"
#include "kernels/large_gemm.h"
#include "kernels/small_gemm.h"

/* int64, which no BLAS and none of our kernels has. Wraps around. */
static void multiply_int64(const fr_product *p)
{
    const uint64_t *a = p->a, *b = p->b;

    for (int64_t i = 0; i < p->m; i++) {
        uint64_t *c = (uint64_t *)p->c + i * p->ldc;

        for (int64_t j = 0; j < p->n && !p->add; j++)
            c[j] = 0;
        for (int64_t l = 0; l < p->k; l++)
            for (int64_t j = 0; j < p->n; j++)
                c[j] += a[i * p->a_row + l * p->a_column] * b[l * p->b_row + j * p->b_column];
    }
}

/* Multiply-adds. */
static double work_of(const fr_product *p)
{
    return (double)p->m * (double)p->n * (double)p->k;
}

/* --- A BLAS ------------------------------------------------------------------------------------------------------ */

#ifdef FR_HAVE_CBLAS
#include "core/cpu.h"

#include <cblas.h>
#include <limits.h>

/* True if the BLAS has kernels for AVX-512. An OpenBLAS that does not know the CPU takes those for Haswell, AVX2. */
static bool blas_has_avx512(void)
{
#ifdef FR_HAVE_OPENBLAS
    extern char *openblas_get_corename(void);
    const char *core = openblas_get_corename();

    return strcmp(core, "SkylakeX") == 0 || strcmp(core, "Cooperlake") == 0 || strcmp(core, "SapphireRapids") == 0;
#else
    return true;
#endif
}

/* True where the BLAS is faster: for products too narrow for our tiles, for small ones if it has AVX-512 (but OpenBLAS
 * is slow where B has to be transposed), and for all on CPUs without AVX2. */
static bool suits_blas(const fr_product *p)
{
    enum { FEW_ROWS = 4, FEW_COLUMNS = 16, FEW_TRANSPOSED = 32, SMALL = 1000000 /* OpenBLAS packs little then */ };
    bool trans_a = p->a_column != 1, trans_b = p->b_column != 1;
    int64_t longest = fr_most(fr_most(fr_most(p->m, p->n), fr_most(p->k, p->ldc)),
                              fr_most(fr_most(p->a_row, p->a_column), fr_most(p->b_row, p->b_column)));

    return p->m > 0 && p->n > 0 && p->k > 0 && longest <= INT_MAX &&
           (fr_cpu_level() == FR_CPU_BASE || p->m < FEW_ROWS || p->n < (trans_a ? FEW_TRANSPOSED : FEW_COLUMNS) ||
            (!trans_b && work_of(p) <= SMALL && fr_cpu_level() == FR_CPU_AVX512 && blas_has_avx512()));
}

static void multiply_by_blas(const fr_product *p)
{
    bool trans_a = p->a_column != 1, trans_b = p->b_column != 1;
    enum CBLAS_TRANSPOSE ta = trans_a ? CblasTrans : CblasNoTrans, tb = trans_b ? CblasTrans : CblasNoTrans;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k, ldc = (int)fr_most(p->ldc, n);
    int lda = (int)(trans_a ? fr_most(p->a_column, m) : fr_most(p->a_row, k));
    int ldb = (int)(trans_b ? fr_most(p->b_column, k) : fr_most(p->b_row, n));

    if (p->dtype == FR_F64)
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, p->a, lda, p->b, ldb, p->add, p->c, ldc);
    else
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, p->a, lda, p->b, ldb, p->add, p->c, ldc);
    if (p->sums)
        fr_sum_columns(p->dtype, p->k, p->m, p->a, p->a_column, p->add, p->sums);
}
#else
static bool suits_blas(const fr_product *p)
{
    (void)p;
    return false;
}

static void multiply_by_blas(const fr_product *p)
{
    (void)p;
}
#endif

/* OpenBLAS shares large products among its own threads, and the order of its sums depends on their number. So the
 * number is set to 1 while any of our threads is in here, and then restored: it is a setting of the whole process. */
#ifdef FR_HAVE_OPENBLAS
extern int openblas_get_num_threads(void);
extern void openblas_set_num_threads(int);

static int users, threads_before;

/* True if OpenBLAS might share p among threads. Some versions compute products with a vector by gemv, and share smaller
 * ones of these. */
static bool is_shared(const fr_product *p)
{
    return work_of(p) > (p->m == 1 || p->n == 1 ? 9216 : 1 << 18);
}

static void begin_single_threaded(void)
{
    fr_lock(FR_LOCK_BLAS_THREADS);
    if (users++ == 0) {
        threads_before = openblas_get_num_threads();
        if (threads_before != 1)
            openblas_set_num_threads(1);
    }
    fr_unlock(FR_LOCK_BLAS_THREADS);
}

static void end_single_threaded(void)
{
    fr_lock(FR_LOCK_BLAS_THREADS);
    if (--users == 0 && threads_before != 1)
        openblas_set_num_threads(threads_before);
    fr_unlock(FR_LOCK_BLAS_THREADS);
}
#else
static bool is_shared(const fr_product *p)
{
    (void)p;
    return false;
}

static void begin_single_threaded(void)
{
}

static void end_single_threaded(void)
{
}
#endif

static void multiply_tile(const fr_product *p, bool by_blas)
{
    if (p->dtype == FR_I64)
        multiply_int64(p);
    else if (by_blas)
        multiply_by_blas(p);
    else
        fr_multiply_here(p);
}

/* --- Tiles ------------------------------------------------------------------------------------------------------- */

typedef struct {
    const fr_product *product;
    bool by_blas;
    int64_t rows, columns, across; /* of a tile; how many tiles lie side by side */
} job;

static void run_tile(void *user, int64_t tile)
{
    const job *w = user;
    fr_product p = *w->product;
    int64_t i = tile / w->across * w->rows, j = tile % w->across * w->columns, size = (int64_t)fr_dtype_size(p.dtype);

    p.m = fr_least(w->rows, p.m - i);
    p.n = fr_least(w->columns, p.n - j);
    p.a = (const char *)p.a + i * p.a_row * size;
    p.b = (const char *)p.b + j * p.b_column * size;
    p.c = (char *)p.c + (i * p.ldc + j) * size;
    p.sums = p.sums && j == 0 ? (char *)p.sums + i * size : NULL;
    multiply_tile(&p, w->by_blas);
}

/* Cuts C into tiles: enough of them for the threads, but not so small that packing B for each costs much, nor so large
 * that what a tile reads leaves the second-level cache. A transposed A may be packed for each tile: then a tile keeps
 * columns together rather than rows. */
static job cut_tiles(const fr_product *p)
{
    enum { TILES = 8, TILE_WORK = 1 << 20, TILE_VALUES = 1 << 18, ROWS = 1024, COLUMNS = 512, UNIT = 64 };
    double share = (double)p->m * (double)p->n / TILES, least_share = TILE_WORK / (double)fr_most(p->k, 1);
    double values = share > least_share ? share : least_share;
    int64_t size = values < TILE_VALUES ? (int64_t)values : TILE_VALUES;
    job w = { .product = p };

    if (p->a_column == 1) {
        w.rows = fr_even_piece(p->m, fr_most(ROWS, size / p->n), UNIT);
        w.columns = fr_even_piece(p->n, fr_most(UNIT, size / w.rows), UNIT);
    } else {
        w.columns = fr_even_piece(p->n, fr_most(COLUMNS, size / p->m), UNIT);
        w.rows = fr_even_piece(p->m, fr_most(UNIT, size / w.columns), UNIT);
    }
    w.across = (p->n + w.columns - 1) / w.columns;
    return w;
}

static void multiply(const fr_product *p, bool by_blas)
{
    enum { ONE_TILE = 1 << 18 }; /* multiply-adds: up to here C is not cut */
    bool lowered = by_blas && is_shared(p);
    job w;

    if (work_of(p) <= ONE_TILE && !lowered) {
        multiply_tile(p, by_blas);
        return;
    }
    w = cut_tiles(p);
    w.by_blas = by_blas;
    if (lowered)
        begin_single_threaded();
    fr_run_tiles((p->m + w.rows - 1) / w.rows * w.across, run_tile, &w);
    if (lowered)
        end_single_threaded();
}

/* Rows of C become bias, onto which the product is added. */
static void multiply_onto_bias(const fr_product *p)
{
    fr_product q = *p;
    size_t size = fr_dtype_size(p->dtype);

    for (int64_t i = 0; i < p->m; i++)
        memcpy((char *)p->c + (size_t)(i * p->ldc) * size, p->bias, (size_t)p->n * size);
    q.bias = NULL;
    q.add = true;
    fr_multiply(&q);
}

/* Fork waits until no thread is in the BLAS: the child could find the BLAS's own locks locked. */
void fr_multiply(const fr_product *p)
{
    bool whole = p->dtype == FR_I64, by_blas;

    if (!whole && fr_is_small(p)) {
        fr_multiply_small(p);
        return;
    }
    if (p->bias) {
        multiply_onto_bias(p);
        return;
    }
    if (!whole && fr_is_large(p) && !suits_blas(p) && fr_multiply_large(p))
        return;
    by_blas = !whole && suits_blas(p);
    if (by_blas)
        fr_lock_shared(FR_LOCK_BLAS);
    multiply(p, by_blas);
    if (by_blas)
        fr_unlock(FR_LOCK_BLAS);
}

void fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
             const void *b, int64_t ldb, bool add, void *c, int64_t ldc)
{
    fr_multiply(&(fr_product){ .dtype = dtype,
                               .add = add,
                               .m = m,
                               .n = n,
                               .k = k,
                               .a = a,
                               .b = b,
                               .a_row = trans_a ? 1 : lda,
                               .a_column = trans_a ? lda : 1,
                               .b_row = trans_b ? 1 : ldb,
                               .b_column = trans_b ? ldb : 1,
                               .c = c,
                               .ldc = ldc });
}
