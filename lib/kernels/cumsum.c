/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* kernels/cumsum.h says what this computes. float32 is added up in double. */
#ifndef T
#include "kernels/cumsum.h"

#include "core/integer.h"

#include "core/threads.h"
#include "kernels/reduce.h"

enum {
    WIDTH = 512,   /* columns that are walked down at once */
    TILE = 1 << 15 /* values of a tile, about */
};

/* Each slab (n,inner) is cut into chunks of WIDTH columns. */
typedef struct {
    fr_dim_sizes sizes;
    int64_t step; /* from one value of a column to the next: inner, or -inner */
    int64_t chunks, all_chunks, per_tile;
    const void *x;
    void *y;
} cumsum;

#define KERNEL_INT64
#define KERNEL_FILE "kernels/cumsum.c"
#include "kernels/instantiate.h"

void fr_cumsum_forward(fr_dtype dtype, fr_dim_sizes sizes, bool reversed, const void *x, void *y)
{
    cumsum c = { .sizes = sizes, .x = x, .y = y };

    if (sizes.outer == 0 || sizes.n == 0 || sizes.inner == 0)
        return;
    c.step = reversed ? -sizes.inner : sizes.inner;
    c.chunks = (sizes.inner + WIDTH - 1) / WIDTH;
    c.all_chunks = sizes.outer * c.chunks;
    c.per_tile = 1 + TILE / (sizes.n * fr_least(sizes.inner, WIDTH));
    fr_run_tiles((c.all_chunks + c.per_tile - 1) / c.per_tile, FR_KERNEL_FOR_ANY(dtype, cumsum_tile), &c);
}
#else
static void FN(cumsum_column)(int64_t n, int64_t step, const T *restrict x, T *restrict y)
{
    FR_SUM_TYPE(T) sum = 0;

    for (int64_t k = 0; k < n; k++)
        y[k * step] = (T)(sum += (FR_SUM_TYPE(T))x[k * step]);
}

/* The same for four columns, `next` apart: none of their sums waits for another's. They are rows of memory, and the CPU
 * does not see that the next four follow: it is told, a cache line at a time. (From the back it sees nothing at all: 4M
 * values take 1.5 ms so, and 8.5 without.) */
static void FN(cumsum_four)(int64_t n, int64_t step, int64_t next, const T *restrict x, T *restrict y)
{
    enum { LINE = 64 / sizeof(T) };
    FR_SUM_TYPE(T) sum[4] = { 0 };

    for (int64_t from = 0; from < n; from += LINE) {
        for (int j = 4; j < 8; j++) {
            __builtin_prefetch(x + from * step + j * next);
            __builtin_prefetch(y + from * step + j * next, 1);
        }
        for (int64_t k = from; k < fr_least(from + LINE, n); k++)
            FR_UNROLL for (int j = 0; j < 4; j++)
            {
                sum[j] += (FR_SUM_TYPE(T))x[k * step + j * next];
                y[k * step + j * next] = (T)sum[j];
            }
    }
}

static void FN(cumsum_columns)(int64_t n, int64_t width, int64_t step, const T *restrict x, T *restrict y)
{
    FR_SUM_TYPE(T) sum[WIDTH];

    for (int64_t j = 0; j < width; j++)
        sum[j] = 0;
    for (int64_t k = 0; k < n; k++)
        for (int64_t j = 0; j < width; j++) {
            sum[j] += (FR_SUM_TYPE(T))x[k * step + j];
            y[k * step + j] = (T)sum[j];
        }
}

static void FN(cumsum_tile)(void *job, int64_t tile)
{
    const cumsum *c = job;
    int64_t n = c->sizes.n, inner = c->sizes.inner, from = tile * c->per_tile;
    int64_t to = fr_least(from + c->per_tile, c->all_chunks);

    for (int64_t i = from, done; i < to; i += done) {
        int64_t column = i % c->chunks * WIDTH, width = fr_least(inner - column, WIDTH);
        int64_t at = (i / c->chunks * n + (c->step < 0 ? n - 1 : 0)) * inner + column;
        const T *x = (const T *)c->x + at;
        T *y = (T *)c->y + at;

        done = inner == 1 && to - i >= 4 ? 4 : 1;
        if (done == 4)
            FN(cumsum_four)(n, c->step, n, x, y);
        else if (width == 1)
            FN(cumsum_column)(n, c->step, x, y);
        else
            FN(cumsum_columns)(n, width, c->step, x, y);
    }
}
#endif
