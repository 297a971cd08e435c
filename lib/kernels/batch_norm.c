/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* batch_norm.h has the formulas. One thread takes a group of neighbouring channels from their statistics to their
 * results, so that a small group stays in the cache. A group is a matrix with a column for each place of each of its
 * channels, `width` columns, and a row for each image; from row to row there are `stride` values. All sums are of
 * doubles. */
#ifndef T
#include "kernels/batch_norm.h"

#include "core/integer.h"
#include "core/shape.h"

#include "core/threads.h"
#include "kernels/vmath.h"

#include <math.h>

enum {
    COLUMNS = 256,  /* a group of several channels has at most so many columns, */
    BLOCK = 512,    /* which are computed so many at a time */
    TILE = 1 << 15, /* values in a tile, about */
};

typedef struct {
    const fr_batch_norm_args *a;
    int64_t group_size, groups_per_tile; /* channels in a group */
} job;

/* The channels of a group. Forward: factor and term are weight and bias. Backward: factor is scale weight, term is
 * mean(dy) and product is mean(dy h), both 0 in evaluation. */
typedef struct {
    int64_t first, count; /* first: the first channel */
    double mean[COLUMNS], scale[COLUMNS], factor[COLUMNS], term[COLUMNS], product[COLUMNS];
} group;

/* The values of a column that results are computed with. HIGH + LOW is the mean: in float32, x - HIGH alone would be
 * off by the mean's rounding. */
enum { HIGH, LOW, SCALE, FACTOR, TERM, PRODUCT, COLUMN_VALUES };

/* Columns of one channel in a block of columns. */
static int64_t columns_per_channel(const fr_batch_norm_args *a)
{
    return fr_least(a->inner, BLOCK);
}

/* A sum with the next value's term added: of x, a value of a channel with this mean, and of its gradient. */
typedef double add_term(double sum, double x, double dy, double mean);

FR_INLINE double add_x(double sum, double x, double dy, double mean)
{
    (void)dy;
    (void)mean;
    return sum + x;
}

FR_INLINE double add_square(double sum, double x, double dy, double mean)
{
    (void)dy;
    return sum + (x - mean) * (x - mean);
}

FR_INLINE double add_dy(double sum, double x, double dy, double mean)
{
    (void)x;
    (void)mean;
    return sum + dy;
}

FR_INLINE double add_product(double sum, double x, double dy, double mean)
{
    return sum + dy * (x - mean);
}

/* For each column k: sums[k] += the sum of x, of (x - mean)^2 or of dy; products[k] += that of dy (x - mean). */
typedef void column_sums(int64_t rows, int64_t width, int64_t stride, const void *x, const void *dy, const double *mean,
                         double *sums, double *products);

#define KERNEL_FILE "kernels/batch_norm.c"
#include "kernels/instantiate.h"

void fr_normalise_channels(fr_dtype dtype, const fr_batch_norm_args *a)
{
    job j = { .a = a, .group_size = a->inner > 0 ? fr_most(COLUMNS / a->inner, 1) : 1 };
    int64_t columns = j.group_size * a->inner, size = (int64_t)fr_dtype_size(dtype);

    if (a->batch == 0 || a->channels == 0 || a->inner == 0) {
        if (a->dweight)
            memset(a->dweight, 0, (size_t)(a->channels * size));
        if (a->dbias)
            memset(a->dbias, 0, (size_t)(a->channels * size));
        return;
    }
    j.groups_per_tile = fr_most(TILE / columns / a->batch, 1);
    fr_run_tiles((a->channels - 1) / (j.groups_per_tile * j.group_size) + 1, FR_KERNEL_FOR(dtype, batch_norm_tile), &j);
}
#else
/* --- Sums over columns -------------------------------------------------------------------------------------------- */

/* Adds the terms of one row of values, or with `pair` of two, to each column's sums. second: NULL for one sum. */
FR_INLINE void FN(add_rows)(bool pair, int64_t width, int64_t stride, const T *x, const T *dy, const double *mean,
                            add_term *first, double *sums, add_term *second, double *products)
{
    FR_SIMD for (int64_t k = 0; k < width; k++)
    {
        double m = mean[k], s = 0, p = 0;

        s = first(s, (double)x[k], (double)dy[k], m);
        if (second)
            p = second(p, (double)x[k], (double)dy[k], m);
        if (pair)
            s = first(s, (double)x[stride + k], (double)dy[stride + k], m);
        if (pair && second)
            p = second(p, (double)x[stride + k], (double)dy[stride + k], m);
        sums[k] += s;
        if (second)
            products[k] += p;
    }
}

FR_INLINE void FN(add_columns)(int64_t rows, int64_t width, int64_t stride, const T *x, const T *dy, const double *mean,
                               add_term *first, double *sums, add_term *second, double *products)
{
    int64_t r = 0;

    for (; r + 2 <= rows; r += 2, x += 2 * stride, dy += 2 * stride)
        FN(add_rows)(true, width, stride, x, dy, mean, first, sums, second, products);
    if (r < rows)
        FN(add_rows)(false, width, stride, x, dy, mean, first, sums, second, products);
}

static void FN(sum_x)(int64_t rows, int64_t width, int64_t stride, const void *x, const void *dy, const double *mean,
                      double *sums, double *products)
{
    (void)products;
    FN(add_columns)(rows, width, stride, x, dy, mean, add_x, sums, NULL, NULL);
}

static void FN(sum_squares)(int64_t rows, int64_t width, int64_t stride, const void *x, const void *dy,
                            const double *mean, double *sums, double *products)
{
    (void)products;
    FN(add_columns)(rows, width, stride, x, dy, mean, add_square, sums, NULL, NULL);
}

static void FN(sum_gradients)(int64_t rows, int64_t width, int64_t stride, const void *x, const void *dy,
                              const double *mean, double *sums, double *products)
{
    FN(add_columns)(rows, width, stride, x, dy, mean, add_dy, sums, add_product, products);
}

/* sum[i] and product[i]: what add_up finds in all columns of channel first + i. mean: of these channels, or NULL;
 * product: NULL if there is but one sum. */
static void FN(sum_channels)(const fr_batch_norm_args *a, column_sums *add_up, int64_t first, int64_t count,
                             const double *mean, double *sum, double *product)
{
    double sums[BLOCK] = { 0 }, products[BLOCK] = { 0 }, means[BLOCK] = { 0 };
    int64_t run = columns_per_channel(a), width = count * a->inner, stride = a->channels * a->inner;
    const T *x = (const T *)a->x + first * a->inner, *dy = a->dy ? (const T *)a->dy + first * a->inner : x;

    for (int64_t i = 0; mean && i < count; i++)
        for (int64_t k = 0; k < run; k++)
            means[i * run + k] = mean[i];
    for (int64_t k = 0; k < width; k += BLOCK)
        add_up(a->batch, fr_least(width - k, BLOCK), stride, x + k, dy + k, means, sums, products);
    for (int64_t i = 0; i < count; i++) {
        sum[i] = 0;
        for (int64_t k = 0; k < run; k++)
            sum[i] += sums[i * run + k];
        if (product)
            product[i] = 0;
        for (int64_t k = 0; product && k < run; k++)
            product[i] += products[i * run + k];
    }
}

/* --- A group of channels ------------------------------------------------------------------------------------------ */

static void FN(compute_stats)(const fr_batch_norm_args *a, const group *g)
{
    double *mean = a->stats + g->first, *variance = mean + a->channels, n = (double)(a->batch * a->inner);

    FN(sum_channels)(a, FN(sum_x), g->first, g->count, NULL, mean, NULL);
    for (int64_t i = 0; i < g->count; i++)
        mean[i] /= n;
    FN(sum_channels)(a, FN(sum_squares), g->first, g->count, mean, variance, NULL);
    for (int64_t i = 0; i < g->count; i++)
        variance[i] /= n;
}

static void FN(load_group)(const fr_batch_norm_args *a, group *g)
{
    const T *weight = a->weight, *bias = a->bias;

    for (int64_t i = 0; i < g->count; i++) {
        int64_t c = g->first + i;

        g->mean[i] = a->stats[c];
        g->scale[i] = 1 / sqrt(a->stats[a->channels + c] + a->eps);
        g->factor[i] = weight ? (double)weight[c] : 1;
        g->term[i] = bias ? (double)bias[c] : 0;
        g->product[i] = 0;
    }
}

/* dweight and dbias, and what dx needs. */
static void FN(compute_gradients)(const fr_batch_norm_args *a, group *g)
{
    T *dweight = a->dweight, *dbias = a->dbias;
    double n = (double)(a->batch * a->inner);

    FN(sum_channels)(a, FN(sum_gradients), g->first, g->count, g->mean, g->term, g->product);
    for (int64_t i = 0; i < g->count; i++) {
        g->product[i] *= g->scale[i];
        g->factor[i] *= g->scale[i];
        if (dweight)
            dweight[g->first + i] = (T)g->product[i];
        if (dbias)
            dbias[g->first + i] = (T)g->term[i];
        g->term[i] = a->training ? g->term[i] / n : 0;
        g->product[i] = a->training ? g->product[i] / n : 0;
    }
}

/* What the columns of a block are computed with: a group's values as T, once for each column. */
static void FN(spread_to_columns)(const group *g, int64_t run, T c[][BLOCK])
{
    for (int64_t i = 0; i < g->count; i++)
        for (int64_t k = i * run; k < (i + 1) * run; k++) {
            c[HIGH][k] = (T)g->mean[i];
            c[LOW][k] = (T)(g->mean[i] - (double)c[HIGH][k]);
            c[SCALE][k] = (T)g->scale[i];
            c[FACTOR][k] = (T)g->factor[i];
            c[TERM][k] = (T)g->term[i];
            c[PRODUCT][k] = (T)g->product[i];
        }
}

static void FN(compute_y)(int64_t rows, int64_t width, int64_t stride, T c[][BLOCK], const T *x, T *y)
{
    for (int64_t r = 0; r < rows; r++, x += stride, y += stride)
        FR_SIMD for (int64_t k = 0; k < width; k++)
        {
            T h = ((x[k] - c[HIGH][k]) - c[LOW][k]) * c[SCALE][k];

            y[k] = h * c[FACTOR][k] + c[TERM][k];
        }
}

static void FN(compute_dx)(int64_t rows, int64_t width, int64_t stride, T c[][BLOCK], const T *x, const T *dy, T *dx)
{
    for (int64_t r = 0; r < rows; r++, x += stride, dy += stride, dx += stride)
        FR_SIMD for (int64_t k = 0; k < width; k++)
        {
            T h = ((x[k] - c[HIGH][k]) - c[LOW][k]) * c[SCALE][k];

            dx[k] = c[FACTOR][k] * ((dy[k] - c[TERM][k]) - h * c[PRODUCT][k]);
        }
}

static void FN(apply)(const fr_batch_norm_args *a, const group *g)
{
    int64_t width = g->count * a->inner, stride = a->channels * a->inner;
    T c[COLUMN_VALUES][BLOCK];

    FN(spread_to_columns)(g, columns_per_channel(a), c);
    for (int64_t k = 0; k < width; k += BLOCK) {
        int64_t at = g->first * a->inner + k, block = fr_least(width - k, BLOCK);
        const T *x = (const T *)a->x + at;
        T *out = (T *)a->out + at;

        if (a->dy)
            FN(compute_dx)(a->batch, block, stride, c, x, (const T *)a->dy + at, out);
        else
            FN(compute_y)(a->batch, block, stride, c, x, out);
    }
}

static void FN(run_group)(const fr_batch_norm_args *a, int64_t first, int64_t count)
{
    group g = { .first = first, .count = count };

    if (a->training && !a->dy)
        FN(compute_stats)(a, &g);
    FN(load_group)(a, &g);
    if (a->dy)
        FN(compute_gradients)(a, &g);
    if (a->out)
        FN(apply)(a, &g);
}

static void FN(batch_norm_tile)(void *user, int64_t tile)
{
    const job *j = user;
    int64_t channels = j->a->channels, per_tile = j->groups_per_tile * j->group_size;
    int64_t end = fr_least((tile + 1) * per_tile, channels);

    for (int64_t first = tile * per_tile; first < end; first += j->group_size)
        FN(run_group)(j->a, first, fr_least(j->group_size, channels - first));
}
#endif
