/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* row_norm.h has the formulas. Each row is read several times while it is in the cache. All sums are of doubles. */
#ifndef T
#include "kernels/row_norm.h"

#include "core/integer.h"
#include "core/memory.h"

#include "core/threads.h"
#include "kernels/vmath.h"

#include <math.h>

enum {
    LANES = 16,         /* partial sums of a row, in a fixed order, so that they become vector code */
    TILE = 1 << 15,     /* values of x in a tile, about */
    MIN_TILE_ROWS = 16, /* backward: a tile has at least so many rows, since it needs 2n sums of its own */
    GROUP = 4,          /* rows whose shares of dweight and dbias are added up before they go to those sums */
};

typedef struct {
    const fr_row_norm_args *a;
    int64_t rows_per_tile, tiles;
    double *sums; /* backward: (tiles,2,n), dweight and dbias of each tile; NULL if neither is wanted */
} job;

/* One empty tile if there are no rows. */
static job job_of(const fr_row_norm_args *a, int64_t min_rows)
{
    job j = { .a = a, .rows_per_tile = fr_most(TILE / fr_most(a->n, 1), min_rows) };

    j.tiles = a->rows > 0 ? (a->rows - 1) / j.rows_per_tile + 1 : 1;
    return j;
}

#define KERNEL_FILE "kernels/row_norm.c"
#include "kernels/instantiate.h"

void fr_normalise_rows(fr_dtype dtype, const fr_row_norm_args *a)
{
    job j = job_of(a, 1);

    if (a->rows > 0 && a->n > 0)
        fr_run_tiles(j.tiles, FR_KERNEL_FOR(dtype, row_norm_forward_tile), &j);
}

bool fr_normalise_rows_backward(fr_dtype dtype, const fr_row_norm_args *a)
{
    job j = job_of(a, MIN_TILE_ROWS);
    int64_t columns = 2 * a->n;
    size_t bytes = (size_t)(j.tiles * columns) * sizeof *j.sums;

    if (a->n == 0)
        return true;
    if ((a->dweight || a->dbias) && !(j.sums = fr_alloc(bytes)))
        return false;
    fr_run_tiles(j.tiles, FR_KERNEL_FOR(dtype, row_norm_backward_tile), &j);
    if (!j.sums)
        return true;
    for (int64_t i = columns; i < j.tiles * columns; i++)
        j.sums[i % columns] += j.sums[i];
    FR_KERNEL_FOR(dtype, store_sums)(&j);
    fr_free(j.sums, bytes);
    return true;
}
#else
/* A row of x. high + low is the mean: in float32, x - high alone would be off by the mean's rounding. */
typedef struct {
    const T *x;
    T high, low, scale;
} FN(row);

FR_INLINE FN(row) FN(row_of)(const fr_row_norm_args *a, int64_t r)
{
    double mean = a->stats[2 * r];
    FN(row) row = { .x = (const T *)a->x + r * a->n, .high = (T)mean, .scale = (T)a->stats[2 * r + 1] };

    row.low = (T)(mean - (double)row.high);
    return row;
}

FR_INLINE T FN(h)(FN(row) row, int64_t k)
{
    return ((row.x[k] - row.high) - row.low) * row.scale;
}

/* The sum of the partial sums. */
FR_INLINE double FN(total)(double *lane)
{
    FR_UNROLL for (int half = LANES / 2; half > 0; half /= 2)
    {
        FR_UNROLL for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    }
    return lane[0];
}

/* --- Forward ------------------------------------------------------------------------------------------------------ */

/* In one pass, with d = x - x_0: mean = x_0 + mean(d), variance = mean(d^2) - mean(d)^2. In double that difference is
 * exact enough: mean(d^2) is at most n times the variance, as x_0 is one of the n values. (Chan, Golub and LeVeque,
 * "Algorithms for computing the sample variance", 1983, have shifted data.) */
static void FN(compute_stats)(const fr_row_norm_args *a, int64_t r)
{
    const T *x = (const T *)a->x + r * a->n;
    double n = (double)a->n, shift = a->centred ? (double)x[0] : 0, sum[LANES] = { 0 }, squares[LANES] = { 0 };
    int64_t whole = a->n / LANES * LANES;

    for (int64_t i = 0; i < whole; i += LANES)
        FR_SIMD for (int j = 0; j < LANES; j++)
        {
            double d = (double)x[i + j] - shift;

            sum[j] += d;
            squares[j] += d * d;
        }
    for (int64_t k = whole; k < a->n; k++) {
        double d = (double)x[k] - shift;

        sum[k - whole] += d;
        squares[k - whole] += d * d;
    }

    double mean = a->centred ? FN(total)(sum) / n : 0;

    a->stats[2 * r] = shift + mean;
    a->stats[2 * r + 1] = 1 / sqrt(FN(total)(squares) / n - mean * mean + a->eps);
}

static void FN(normalise)(const fr_row_norm_args *a, int64_t r)
{
    const T *weight = a->weight, *bias = a->bias;
    T *y = (T *)a->y + r * a->n;
    FN(row) row = FN(row_of)(a, r);
    int64_t n = a->n;

    if (weight && bias)
        FR_SIMD for (int64_t k = 0; k < n; k++) y[k] = FN(h)(row, k) * weight[k] + bias[k];
    else if (weight)
        FR_SIMD for (int64_t k = 0; k < n; k++) y[k] = FN(h)(row, k) * weight[k];
    else if (bias)
        FR_SIMD for (int64_t k = 0; k < n; k++) y[k] = FN(h)(row, k) + bias[k];
    else
        FR_SIMD for (int64_t k = 0; k < n; k++) y[k] = FN(h)(row, k);
}

static void FN(row_norm_forward_tile)(void *user, int64_t tile)
{
    const job *j = user;
    int64_t end = fr_least((tile + 1) * j->rows_per_tile, j->a->rows);

    for (int64_t r = tile * j->rows_per_tile; r < end; r++) {
        FN(compute_stats)(j->a, r);
        FN(normalise)(j->a, r);
    }
}

/* --- Backward ----------------------------------------------------------------------------------------------------- */

/* The gradient v of a row's h, at k. It is rounded as dx, or dy: a product within a larger expression would not be. */
FR_INLINE T FN(take_v)(const T *dy, const T *weight, T *dx, int64_t k)
{
    if (!weight)
        return dy[k];
    dx[k] = dy[k] * weight[k];
    return dx[k];
}

/* The means of v and v h over a row. Where there is a weight dx gets v. Four values are added before they become a
 * double, which costs more than adding. */
FR_INLINE void FN(take_means)(int64_t n, FN(row) row, const T *dy, const T *weight, T *dx, T *mean_v, T *mean_vh)
{
    double sum_v[LANES] = { 0 }, sum_vh[LANES] = { 0 };
    int64_t i = 0;

    for (; i + 4 * LANES <= n; i += 4 * LANES)
        FR_SIMD for (int j = 0; j < LANES; j++)
        {
            int64_t k0 = i + j, k1 = k0 + LANES, k2 = k1 + LANES, k3 = k2 + LANES;
            T v0 = FN(take_v)(dy, weight, dx, k0), v1 = FN(take_v)(dy, weight, dx, k1);
            T v2 = FN(take_v)(dy, weight, dx, k2), v3 = FN(take_v)(dy, weight, dx, k3);
            T vh0 = v0 * FN(h)(row, k0), vh1 = v1 * FN(h)(row, k1);
            T vh2 = v2 * FN(h)(row, k2), vh3 = v3 * FN(h)(row, k3);

            sum_v[j] += (double)((v0 + v1) + (v2 + v3));
            sum_vh[j] += (double)((vh0 + vh1) + (vh2 + vh3));
        }
    for (int64_t k = i; k < n; k++) {
        T v = FN(take_v)(dy, weight, dx, k);

        sum_v[(k - i) % LANES] += (double)v;
        sum_vh[(k - i) % LANES] += (double)(v * FN(h)(row, k));
    }
    *mean_v = (T)(FN(total)(sum_v) / (double)n);
    *mean_vh = (T)(FN(total)(sum_vh) / (double)n);
}

/* dx of row r. */
static void FN(compute_dx)(const fr_row_norm_args *a, int64_t r)
{
    int64_t n = a->n;
    const T *v = (const T *)a->dy + r * n;
    T *dx = (T *)a->dx + r * n, mean_v, mean_vh;
    FN(row) row = FN(row_of)(a, r);

    if (a->weight) {
        FN(take_means)(n, row, v, a->weight, dx, &mean_v, &mean_vh);
        v = dx;
    } else {
        FN(take_means)(n, row, v, NULL, NULL, &mean_v, &mean_vh);
    }
    mean_v = a->centred ? mean_v : 0;
    FR_SIMD for (int64_t k = 0; k < n; k++) dx[k] = row.scale * ((v[k] - mean_v) - FN(h)(row, k) * mean_vh);
}

/* Adds the shares of rows r..r+3 to the sums. */
static void FN(add_group)(const fr_row_norm_args *a, int64_t r, double *sums)
{
    FN(row) row0 = FN(row_of)(a, r);
    FN(row) row1 = FN(row_of)(a, r + 1);
    FN(row) row2 = FN(row_of)(a, r + 2);
    FN(row) row3 = FN(row_of)(a, r + 3);
    int64_t n = a->n;
    const T *dy = (const T *)a->dy + r * n;
    double *dweight = sums, *dbias = sums + n;

    FR_SIMD for (int64_t k = 0; k < n; k++)
    {
        T dy0 = dy[k], dy1 = dy[n + k], dy2 = dy[2 * n + k], dy3 = dy[3 * n + k];
        T dw0 = dy0 * FN(h)(row0, k), dw1 = dy1 * FN(h)(row1, k);
        T dw2 = dy2 * FN(h)(row2, k), dw3 = dy3 * FN(h)(row3, k);

        dweight[k] += (double)((dw0 + dw1) + (dw2 + dw3));
        dbias[k] += (double)((dy0 + dy1) + (dy2 + dy3));
    }
}

static void FN(add_row)(const fr_row_norm_args *a, int64_t r, double *sums)
{
    const T *dy = (const T *)a->dy + r * a->n;
    FN(row) row = FN(row_of)(a, r);
    int64_t n = a->n;
    double *dweight = sums, *dbias = sums + n;

    FR_SIMD for (int64_t k = 0; k < n; k++)
    {
        dweight[k] += (double)(dy[k] * FN(h)(row, k));
        dbias[k] += (double)dy[k];
    }
}

/* A group of rows at a time, which is still in the cache when the sums read it. */
static void FN(row_norm_backward_tile)(void *user, int64_t tile)
{
    const job *j = user;
    const fr_row_norm_args *a = j->a;
    int64_t end = fr_least((tile + 1) * j->rows_per_tile, a->rows);
    double *sums = j->sums ? j->sums + tile * 2 * a->n : NULL;

    if (sums)
        memset(sums, 0, (size_t)(2 * a->n) * sizeof *sums);
    for (int64_t first = tile * j->rows_per_tile; first < end; first += GROUP) {
        int64_t to = fr_least(first + GROUP, end);

        for (int64_t r = first; a->dx && r < to; r++)
            FN(compute_dx)(a, r);
        if (sums && to - first == GROUP)
            FN(add_group)(a, first, sums);
        else
            for (int64_t r = first; sums && r < to; r++)
                FN(add_row)(a, r, sums);
    }
}

/* The sums of all tiles, which are in the first one's place, as T. */
static void FN(store_sums)(const job *j)
{
    T *dweight = j->a->dweight, *dbias = j->a->dbias;
    int64_t n = j->a->n;

    for (int64_t k = 0; dweight && k < n; k++)
        dweight[k] = (T)j->sums[k];
    for (int64_t k = 0; dbias && k < n; k++)
        dbias[k] = (T)j->sums[n + k];
}
#endif
