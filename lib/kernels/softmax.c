/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* softmax, y = exp(x - m) / s, and log_softmax, y = (x - m) - log(s), with the maximum m = max(x) and
 * s = sum(exp(x - m)). Taking m off keeps exp from overflowing. Backward:
 *
 *     softmax       dx = (dy - sum(dy y)) y
 *     log_softmax   dx = dy - exp(y) sum(dy) */
#ifndef T
#include "kernels/softmax.h"

#include "core/integer.h"

#include "core/threads.h"
#include "kernels/vmath.h"

enum {
    LANES = 16,    /* partial results, merged in a fixed order, so that a reduction becomes vector code */
    COLUMNS = 64,  /* columns that are done together, at most, where inner is not 1 */
    TILE = 1 << 16 /* values of a tile, about */
};

/* The work is cut into units: a slab (n,inner), or at most COLUMNS of its columns. */
typedef struct {
    fr_dim_sizes sizes;
    int64_t width, units, units_per_tile; /* width: columns of a unit */
    fr_softmax_kind kind;
    const void *dy, *from; /* forward: NULL and x; backward: dy and y */
    void *to;
} softmax;

#define KERNEL_FILE "kernels/softmax.c"
#include "kernels/instantiate.h"

static void run(fr_dtype dtype, softmax s)
{
    int64_t n = s.sizes.n, inner = s.sizes.inner;

    if (s.sizes.outer == 0 || n == 0 || inner == 0)
        return;
    s.width = inner < COLUMNS ? inner : COLUMNS;
    s.units = s.sizes.outer * ((inner + s.width - 1) / s.width);
    s.units_per_tile = n * s.width < TILE ? TILE / (n * s.width) : 1;
    fr_run_tiles((s.units + s.units_per_tile - 1) / s.units_per_tile, FR_KERNEL_FOR(dtype, softmax_tile), &s);
}

void fr_softmax_forward(fr_dtype dtype, fr_dim_sizes sizes, fr_softmax_kind kind, const void *x, void *y)
{
    run(dtype, (softmax){ .sizes = sizes, .kind = kind, .from = x, .to = y });
}

void fr_softmax_backward(fr_dtype dtype, fr_dim_sizes sizes, fr_softmax_kind kind, const void *dy, const void *y,
                         void *dx)
{
    run(dtype, (softmax){ .sizes = sizes, .kind = kind, .dy = dy, .from = y, .to = dx });
}
#else
/* --- One row: inner is 1 ------------------------------------------------------------------------------------------ */

/* The greater value; a if v is NaN, which comes back with x - greatest. */
FR_INLINE T FN(greater)(T a, T v)
{
    return v > a ? v : a;
}

FR_INLINE T FN(plus)(T a, T v)
{
    return a + v;
}

/* Reduces x (n) by merge, which is inlined, from the value start. */
FR_INLINE T FN(reduce_row)(int64_t n, const T *x, T start, T (*merge)(T a, T v))
{
    T lane[LANES];
    int64_t whole = n / LANES * LANES;

    FR_SIMD for (int j = 0; j < LANES; j++) lane[j] = start;
    for (int64_t i = 0; i < whole; i += LANES)
        FR_SIMD for (int j = 0; j < LANES; j++) lane[j] = merge(lane[j], x[i + j]);
    for (int64_t i = whole; i < n; i++)
        lane[i - whole] = merge(lane[i - whole], x[i]);
    FR_UNROLL for (int half = LANES / 2; half > 0; half /= 2)
    {
        FR_UNROLL for (int j = 0; j < half; j++) lane[j] = merge(lane[j], lane[j + half]);
    }
    return lane[0];
}

/* Writes y = exp(x - greatest) and returns its sum. The values after the last whole LANES are padded with -inf. In
 * float32, where exp is vector code, all LANES of them are computed, in float64 only the values. */
FR_INLINE T FN(exponentials)(int64_t n, const T *restrict x, T greatest, T *restrict y)
{
    T lane[LANES] = { 0 }, rest[LANES];
    int64_t whole = n / LANES * LANES;

    for (int64_t i = 0; i < whole; i += LANES)
        FR_SIMD for (int j = 0; j < LANES; j++)
        {
            T e = TYPED(fr_exp)(x[i + j] - greatest);

            y[i + j] = e;
            lane[j] += e;
        }
    if (whole < n) {
        int64_t filled = sizeof(T) == sizeof(float) ? LANES : n - whole;

        FR_SIMD for (int j = 0; j < LANES; j++) rest[j] = -INFINITY;
        memcpy(rest, x + whole, (size_t)(n - whole) * sizeof(T));
        FR_SIMD for (int64_t j = 0; j < filled; j++)
        {
            rest[j] = TYPED(fr_exp)(rest[j] - greatest);
            lane[j] += rest[j];
        }
        memcpy(y + whole, rest, (size_t)(n - whole) * sizeof(T));
    }
    FR_UNROLL for (int half = LANES / 2; half > 0; half /= 2)
    {
        FR_UNROLL for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    }
    return lane[0];
}

static bool FN(all_lowest)(int64_t n, const T *x)
{
    while (n > 0 && x[n - 1] == -INFINITY)
        n--;
    return n == 0;
}

static void FN(forward_row)(int64_t n, const T *restrict x, T *restrict y, fr_softmax_kind kind)
{
    T greatest = FN(reduce_row)(n, x, -INFINITY, FN(greater)), sum = FN(exponentials)(n, x, greatest, y);

    if (kind == FR_LOG_SOFTMAX) {
        T shift = TYPED(fr_log)(sum);

        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - greatest) - shift;
    } else {
        T scale = 1 / sum;

        for (int64_t i = 0; i < n; i++)
            y[i] *= scale;
    }
    if (kind == FR_SAFE_SOFTMAX && isnan(y[0]) && FN(all_lowest)(n, x))
        memset(y, 0, (size_t)n * sizeof(T));
}

static void FN(backward_row)(int64_t n, const T *restrict dy, const T *restrict y, T *restrict dx, fr_softmax_kind kind)
{
    bool logs = kind == FR_LOG_SOFTMAX;

    for (int64_t i = 0; i < n; i++)
        dx[i] = logs ? dy[i] : dy[i] * y[i];

    T sum = FN(reduce_row)(n, dx, 0, FN(plus));

    if (logs)
        for (int64_t i = 0; i < n; i++)
            dx[i] = dy[i] - TYPED(fr_exp)(y[i]) * sum;
    else
        for (int64_t i = 0; i < n; i++)
            dx[i] = (dy[i] - sum) * y[i];
}

/* --- Columns: the n values of each are a step of inner apart ------------------------------------------------------ */

static void FN(forward_columns)(int64_t n, int64_t step, int64_t width, const T *restrict x, T *restrict y,
                                fr_softmax_kind kind)
{
    T greatest[COLUMNS], sum[COLUMNS] = { 0 };

    for (int j = 0; j < COLUMNS; j++)
        greatest[j] = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0, k = i * step; j < width; j++, k++)
            greatest[j] = FN(greater)(greatest[j], x[k]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0, k = i * step; j < width; j++, k++)
            y[k] = TYPED(fr_exp)(x[k] - greatest[j]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0, k = i * step; j < width; j++, k++)
            sum[j] += y[k];
    if (kind != FR_LOG_SOFTMAX) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0, k = i * step; j < width; j++, k++)
                y[k] /= sum[j];
        return;
    }
    for (int64_t j = 0; j < width; j++)
        sum[j] = TYPED(fr_log)(sum[j]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0, k = i * step; j < width; j++, k++)
            y[k] = (x[k] - greatest[j]) - sum[j];
}

static void FN(backward_columns)(int64_t n, int64_t step, int64_t width, const T *restrict dy, const T *restrict y,
                                 T *restrict dx, fr_softmax_kind kind)
{
    T sum[COLUMNS] = { 0 };

    if (kind == FR_LOG_SOFTMAX) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0, k = i * step; j < width; j++, k++)
                sum[j] += dy[k];
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0, k = i * step; j < width; j++, k++)
                dx[k] = dy[k] - TYPED(fr_exp)(y[k]) * sum[j];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0, k = i * step; j < width; j++, k++)
            sum[j] += dy[k] * y[k];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0, k = i * step; j < width; j++, k++)
            dx[k] = (dy[k] - sum[j]) * y[k];
}

/* --- Units of an array -------------------------------------------------------------------------------------------- */

static void FN(run_unit)(const softmax *s, int64_t at, int64_t width)
{
    const T *dy = s->dy ? (const T *)s->dy + at : NULL, *from = (const T *)s->from + at;
    T *to = (T *)s->to + at;
    int64_t n = s->sizes.n, inner = s->sizes.inner;

    if (inner == 1 && !dy)
        FN(forward_row)(n, from, to, s->kind);
    else if (inner == 1)
        FN(backward_row)(n, dy, from, to, s->kind);
    else if (!dy)
        FN(forward_columns)(n, inner, width, from, to, s->kind);
    else
        FN(backward_columns)(n, inner, width, dy, from, to, s->kind);
}

static void FN(softmax_tile)(void *job, int64_t tile)
{
    const softmax *s = job;
    int64_t n = s->sizes.n, inner = s->sizes.inner, first = tile * s->units_per_tile;
    int64_t end = fr_least(first + s->units_per_tile, s->units);
    int64_t in_slab = (inner + s->width - 1) / s->width; /* units of a slab */

    for (int64_t i = first; i < end; i++) {
        int64_t column = i % in_slab * s->width;

        FN(run_unit)(s, i / in_slab * n * inner + column, fr_least(s->width, inner - column));
    }
}
#endif
