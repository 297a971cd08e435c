/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* logsumexp: y = log(sum(exp(x))) over n of (outer,n,inner), computed as m + log(sum(exp(x - m))) with the maximum m,
 * so that exp does not overflow. The sums of parts are merged by
 *
 *     a e^m + b e^k = (a e^(m - M) + b e^(k - M)) e^M, M = max(m, k)
 *
 * Backward: dx = dy exp(x - y). */
#ifndef T
#include "kernels/reduce.h"

#include "core/integer.h"

#include "core/threads.h"
#include "kernels/vmath.h"

/* The exponentials add up to sum * exp(base). base is -inf if all values are -inf, and finite if one is inf. */
typedef struct {
    double base, sum;
} state;

FR_INLINE double rebased(state s, double base)
{
    return s.sum == 0 || s.base == base ? s.sum : s.sum * exp(s.base - base);
}

FR_INLINE state merged(state s, state o)
{
    double base = s.base > o.base ? s.base : o.base;

    return (state){ base, rebased(s, base) + rebased(o, base) };
}

FR_INLINE double finite_log(double sum)
{
    return sum < INFINITY ? log(sum) : NAN;
}

/* The work of backward is cut into blocks of rows of the slabs (n,inner). */
typedef struct {
    fr_dim_sizes sizes;
    int64_t block, in_slab, blocks, per_tile; /* rows of a block; blocks of a slab, of all, of a tile */
    const void *x, *y, *dy;
    void *dx;
} gradient;

#define KERNEL_FILE "kernels/logsumexp.c"
#include "kernels/instantiate.h"

const fr_reducer *fr_logsumexp_reducer(fr_dtype dtype)
{
    return FR_KERNEL_FOR(dtype, logsumexp);
}

const fr_reducer *fr_logsumexp_parts_reducer(fr_dtype dtype)
{
    return FR_KERNEL_FOR(dtype, parts);
}

void fr_logsumexp_backward(fr_dtype dtype, fr_dim_sizes sizes, const void *x, const void *y, const void *dy, void *dx)
{
    enum { TILE = 1 << 16 }; /* values, about */
    gradient g = { .sizes = sizes, .x = x, .y = y, .dy = dy, .dx = dx };

    if (sizes.outer == 0 || sizes.n == 0 || sizes.inner == 0)
        return;
    g.block = fr_least(fr_divide_up(TILE, sizes.inner), sizes.n);
    g.in_slab = fr_divide_up(sizes.n, g.block);
    g.blocks = sizes.outer * g.in_slab;
    g.per_tile = fr_divide_up(TILE, g.block * sizes.inner);
    fr_run_tiles(fr_divide_up(g.blocks, g.per_tile), FR_KERNEL_FOR(dtype, gradient_tile), &g);
}
#else
/* Makes states of width columns, which lie `across` apart. It finds the maxima first and then the sums, so that the
 * loop over exp becomes vector code. */
FR_INLINE void FN(gather)(int64_t rows, int64_t width, int64_t stride, int64_t across, const T *restrict x,
                          state *restrict states)
{
    T top[FR_REDUCE_WIDTH], sum[FR_REDUCE_WIDTH];

    for (int64_t j = 0; j < width; j++) {
        top[j] = -INFINITY;
        sum[j] = 0;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < width; j++) {
            T v = x[r * stride + j * across];

            top[j] = v > top[j] ? v : top[j];
        }
    for (int64_t j = 0; j < width; j++)
        top[j] = top[j] > -INFINITY && top[j] < INFINITY ? top[j] : 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < width; j++)
            sum[j] += TYPED(fr_exp)(x[r * stride + j * across] - top[j]);
    for (int64_t j = 0; j < width; j++)
        states[j] = (state){ sum[j] == 0 ? -INFINITY : (double)top[j], (double)sum[j] };
}

static void FN(add_states)(int64_t rows, int64_t width, int64_t stride, int64_t at, const void *x, void *states,
                           double p)
{
    state more[FR_REDUCE_WIDTH], *s = states;

    (void)at;
    (void)p;
    FN(gather)(rows, width, stride, 1, x, more);
    for (int64_t j = 0; j < width; j++)
        s[j] = merged(s[j], more[j]);
}

/* The state of a row of n neighbouring values, in lanes. The values after the last whole lanes are padded with -inf. */
FR_INLINE state FN(row_state)(int64_t n, const T *restrict x)
{
    T top[FR_REDUCE_LANES], sum[FR_REDUCE_LANES] = { 0 }, rest[FR_REDUCE_LANES], greatest;
    int64_t whole = n / FR_REDUCE_LANES * FR_REDUCE_LANES;

    for (int j = 0; j < FR_REDUCE_LANES; j++)
        top[j] = rest[j] = -INFINITY;
    memcpy(rest, x + whole, (size_t)(n - whole) * sizeof(T));
    for (int64_t k = 0; k < whole; k += FR_REDUCE_LANES)
        for (int j = 0; j < FR_REDUCE_LANES; j++)
            top[j] = x[k + j] > top[j] ? x[k + j] : top[j];
    for (int j = 0; j < FR_REDUCE_LANES; j++)
        top[j] = rest[j] > top[j] ? rest[j] : top[j];
    for (int half = FR_REDUCE_LANES / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            top[j] = top[j + half] > top[j] ? top[j + half] : top[j];
    greatest = top[0] > -INFINITY && top[0] < INFINITY ? top[0] : 0;
    for (int64_t k = 0; k < whole; k += FR_REDUCE_LANES)
        FR_SIMD for (int j = 0; j < FR_REDUCE_LANES; j++) sum[j] += TYPED(fr_exp)(x[k + j] - greatest);
    if (whole < n)
        FR_SIMD for (int j = 0; j < FR_REDUCE_LANES; j++) sum[j] += TYPED(fr_exp)(rest[j] - greatest);
    for (int half = FR_REDUCE_LANES / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            sum[j] += sum[j + half];
    return (state){ sum[0] == 0 ? -INFINITY : (double)greatest, (double)sum[0] };
}

/* Small slabs have count * inner columns. Those of several slabs are gathered together where each slab has just one of
 * few values. finish makes results, of size bytes each. */
FR_INLINE void FN(reduce_small)(int64_t count, int64_t n, int64_t inner, const T *x, char *y, size_t size,
                                void (*finish)(int64_t width, int64_t n, int64_t inner, const void *states, void *y,
                                               double p))
{
    int64_t columns = count * inner, across = inner == 1 ? n : 1, most = inner == 1 ? columns : inner;
    state states[FR_REDUCE_WIDTH];

    for (int64_t i = 0, width; i < columns; i += width) {
        width = most - i % most < FR_REDUCE_WIDTH ? most - i % most : FR_REDUCE_WIDTH;
        if (inner == 1 && n >= FR_REDUCE_LANES)
            for (int64_t j = 0; j < width; j++)
                states[j] = FN(row_state)(n, x + (i + j) * n);
        else
            FN(gather)(n, width, inner, across, x + i / inner * n * inner + i % inner, states);
        finish(width, n, inner, states, y + (size_t)i * size, 0);
    }
}

/* --- The reducers ------------------------------------------------------------------------------------------------- */

static void FN(logsumexp_small)(int64_t count, int64_t n, int64_t inner, const void *x, void *y, double p);
static void FN(parts_small)(int64_t count, int64_t n, int64_t inner, const void *x, void *y, double p);

/* The two parts of a result: m and log(sum(exp(x - m))). */
typedef struct {
    T top, log;
} FN(two_parts);

#define STATE      state
#define INIT       ((state){ -INFINITY, 0 })
#define MERGE      merged(s, o)
#define ADD        FN(add_states)
#define BY_COLUMNS true

#define REDUCER logsumexp
#define OUT     T
#define RESULT  (T)(s.base + TYPED(fr_log)((T)s.sum))
#define SMALL   FN(logsumexp_small)
#include "kernels/reduce_states.h"
#undef REDUCER
#undef OUT
#undef RESULT
#undef SMALL

#define REDUCER parts
#define OUT     FN(two_parts)
#define RESULT  ((FN(two_parts)){ (T)s.base, (T)finite_log(s.sum) })
#define SMALL   FN(parts_small)
#include "kernels/reduce_states.h"
#undef REDUCER
#undef OUT
#undef RESULT
#undef SMALL

#undef STATE
#undef INIT
#undef MERGE
#undef ADD
#undef BY_COLUMNS

static void FN(logsumexp_small)(int64_t count, int64_t n, int64_t inner, const void *x, void *y, double p)
{
    (void)p;
    FN(reduce_small)(count, n, inner, x, y, sizeof(T), FN(logsumexp_finish));
}

static void FN(parts_small)(int64_t count, int64_t n, int64_t inner, const void *x, void *y, double p)
{
    (void)p;
    FN(reduce_small)(count, n, inner, x, y, sizeof(FN(two_parts)), FN(parts_finish));
}

/* --- Backward ----------------------------------------------------------------------------------------------------- */

/* x and dx (rows,inner), y and dy (inner). */
FR_INLINE void FN(block_gradient)(int64_t rows, int64_t inner, const T *restrict x, const T *restrict y,
                                  const T *restrict dy, T *restrict dx)
{
    if (inner == 1)
        for (int64_t i = 0; i < rows; i++)
            dx[i] = *dy * TYPED(fr_exp)(x[i] - *y);
    else
        for (; rows > 0; rows--, x += inner, dx += inner)
            for (int64_t j = 0; j < inner; j++)
                dx[j] = dy[j] * TYPED(fr_exp)(x[j] - y[j]);
}

static void FN(gradient_tile)(void *job, int64_t tile)
{
    const gradient *g = job;
    int64_t inner = g->sizes.inner, end = fr_least((tile + 1) * g->per_tile, g->blocks);

    for (int64_t i = tile * g->per_tile; i < end; i++) {
        int64_t slab = i / g->in_slab, row = i % g->in_slab * g->block, at = (slab * g->sizes.n + row) * inner;

        FN(block_gradient)
        (fr_least(g->block, g->sizes.n - row), inner, (const T *)g->x + at, (const T *)g->y + slab * inner,
         (const T *)g->dy + slab * inner, (T *)g->dx + at);
    }
}
#endif
