/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* pool.h has the formulas. Threads take planes. */
#ifndef T
#include "kernels/pool.h"

#include "core/shape.h"

#include "core/threads.h"
#include "kernels/vmath.h"

enum {
    TILE = 1 << 15, /* values in a tile, about: those of the planes and of all their windows */
    LANES = 16,     /* avg: partial sums of a long row, in a fixed order, so that they become vector code */
};

/* Forward from x to y or backward from dy to dx, for one plane. position: of max pools. */
typedef void pool_plane(const fr_pool *p, const void *from, void *to, int64_t *position);

typedef struct {
    const fr_pool *p;
    pool_plane *run;
    int64_t planes, planes_per_tile;
    int64_t from_bytes, to_bytes, out_numel; /* of a plane */
    const char *from;
    char *to;
    int64_t *position; /* NULL for avg */
} job;

/* --- avg: where windows lie --------------------------------------------------------------------------------------- */

/* A window along one dim: the values begin..end-1, and what it counts as in the divisor. */
typedef struct {
    int64_t begin, end, count;
} span;

/* Holds one value at least: padding is at most half a kernel, and with ceil_mode the last window begins before the
 * padding behind the input. */
FR_INLINE span window_span(const fr_pool *p, int dim, int64_t i)
{
    const fr_sliding_window *w = &p->window;
    int64_t in = w->in_size[dim], out = w->out_size[dim];

    if (p->adaptive) {
        int64_t begin = i * in / out, end = ((i + 1) * in - 1) / out + 1;

        return (span){ begin, end, end - begin };
    }

    int64_t padded_begin = i * w->stride[dim] - w->pad_before[dim];
    int64_t padded_end = fr_least(padded_begin + w->kernel[dim], in + w->pad_after[dim]);
    int64_t begin = fr_most(padded_begin, 0), end = fr_least(padded_end, in);

    return (span){ begin, end, p->exclude_pad ? end - begin : padded_end - padded_begin };
}

FR_INLINE double divisor_of(const fr_pool *p, span lines, span columns)
{
    return p->divisor ? (double)p->divisor : (double)lines.count * (double)columns.count;
}

/* True if windows are of 2 by 2 values side by side, with no padding. */
static bool is_fours(const fr_sliding_window *w)
{
    bool fours = true;

    for (int i = 0; i < FR_SPATIAL_DIMS; i++)
        fours = fours && w->kernel[i] == 2 && w->stride[i] == 2 && w->dilation[i] == 1 && w->pad_before[i] == 0 &&
                2 * w->out_size[i] <= w->in_size[i];
    return fours;
}

#define KERNEL_FILE "kernels/pool.c"
#include "kernels/instantiate.h"

/* --- Threads ------------------------------------------------------------------------------------------------------ */

static void run_tile(void *user, int64_t tile)
{
    const job *j = user;
    int64_t end = fr_least((tile + 1) * j->planes_per_tile, j->planes);

    for (int64_t i = tile * j->planes_per_tile; i < end; i++)
        j->run(j->p, j->from + i * j->from_bytes, j->to + i * j->to_bytes,
               j->position ? j->position + i * j->out_numel : NULL);
}

/* values: how many are read or written for a plane. The size of tiles depends on it. */
static void run_planes(job j, double values)
{
    j.planes_per_tile = 1 + (int64_t)(TILE / (values + 1));
    fr_run_tiles((j.planes + j.planes_per_tile - 1) / j.planes_per_tile, run_tile, &j);
}

static job job_of(fr_dtype dtype, const fr_pool *p, int64_t planes, bool backward)
{
    int64_t size = (int64_t)fr_dtype_size(dtype), out_numel = fr_window_out_numel(&p->window);
    int64_t in_bytes = fr_window_in_numel(&p->window) * size, out_bytes = out_numel * size;

    return (job){ .p = p,
                  .planes = planes,
                  .from_bytes = backward ? out_bytes : in_bytes,
                  .to_bytes = backward ? in_bytes : out_bytes,
                  .out_numel = out_numel };
}

/* Values of a plane and of all its windows. */
static double values_of(const fr_pool *p)
{
    double window = p->adaptive ? 0 : (double)p->window.kernel[0] * (double)p->window.kernel[1];

    return (double)fr_window_in_numel(&p->window) + (double)fr_window_out_numel(&p->window) * window;
}

void fr_max_pool_planes(fr_dtype dtype, const fr_pool *p, int64_t planes, const void *x, void *y, int64_t *position)
{
    job j = job_of(dtype, p, planes, false);

    j.run = FR_KERNEL_FOR(dtype, max_pool_plane);
    j.from = x;
    j.to = y;
    j.position = position;
    run_planes(j, values_of(p));
}

void fr_max_pool_planes_backward(fr_dtype dtype, const fr_pool *p, int64_t planes, const void *dy, int64_t *position,
                                 void *dx)
{
    job j = job_of(dtype, p, planes, true);

    j.run = FR_KERNEL_FOR(dtype, max_pool_backward);
    j.from = dy;
    j.to = dx;
    j.position = position;
    run_planes(j, (double)(fr_window_in_numel(&p->window) + j.out_numel));
}

void fr_avg_pool_planes(fr_dtype dtype, const fr_pool *p, int64_t planes, const void *x, void *y)
{
    job j = job_of(dtype, p, planes, false);

    j.run = FR_KERNEL_FOR(dtype, avg_pool_plane);
    j.from = x;
    j.to = y;
    run_planes(j, values_of(p));
}

void fr_avg_pool_planes_backward(fr_dtype dtype, const fr_pool *p, int64_t planes, const void *dy, void *dx)
{
    job j = job_of(dtype, p, planes, true);

    j.run = FR_KERNEL_FOR(dtype, avg_pool_backward);
    j.from = dy;
    j.to = dx;
    run_planes(j, values_of(p));
}
#else
/* --- max ---------------------------------------------------------------------------------------------------------- */

/* n outputs of a line against one value of each of their windows. These values lie a stride apart; the first is x[0],
 * which is at position `first` of the plane. Values come in the order of their positions; position -1: none yet. */
FR_INLINE void FN(max_values)(int64_t n, int64_t stride, int64_t first, const T *restrict x, T *restrict y,
                              int64_t *restrict position)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i * stride;
        bool better = position[i] < 0 || x[k] > y[i] || x[k] != x[k];

        y[i] = better ? x[k] : y[i];
        position[i] = better ? first + k : position[i];
    }
}

/* All outputs of a plane against the values at (k,l) in the kernel. */
static void FN(max_lines)(const fr_sliding_window *w, int64_t k, int64_t l, const T *x, T *y, int64_t *position)
{
    fr_valid_outputs lines = fr_window_valid_outputs(w, 0, k), columns = fr_window_valid_outputs(w, 1, l);
    int64_t n = columns.end - columns.begin, stride = w->stride[1];

    for (int64_t line = lines.begin; line < lines.end && n > 0; line++) {
        int64_t in = (line * w->stride[0] + lines.offset) * w->in_size[1] + columns.begin * stride + columns.offset;
        int64_t out = line * w->out_size[1] + columns.begin;

        if (stride == 1)
            FN(max_values)(n, 1, in, x + in, y + out, position + out);
        else
            FN(max_values)(n, stride, in, x + in, y + out, position + out);
    }
}

/* The better of a window's value so far, *best at *place, and of x, the value at `at`. */
FR_INLINE void FN(take_better)(T x, int at, T *best, int *place)
{
    bool better = x > *best || x != x;

    *best = better ? x : *best;
    *place = better ? at : *place;
}

/* A line of n windows of 2 by 2 values; `at` is the position of the first. They are taken in blocks, the last of which
 * begins so early that it ends with the line: what is left over would be branches, and those are mispredicted. */
FR_INLINE void FN(max_fours)(int64_t n, const int block, int64_t at, int64_t width, const T *restrict above,
                             const T *restrict below, T *restrict y, int64_t *restrict position)
{
    for (int64_t from = 0; from < n; from += block) {
        int64_t first = fr_least(from, n - block);

        FR_SIMD for (int64_t i = first; i < first + block; i++)
        {
            T best = above[2 * i];
            int place = 0;

            FN(take_better)(above[2 * i + 1], 1, &best, &place);
            FN(take_better)(below[2 * i], 2, &best, &place);
            FN(take_better)(below[2 * i + 1], 3, &best, &place);
            y[i] = best;
            position[i] = at + 2 * i + (place & 1) + (place > 1 ? width : 0);
        }
    }
}

/* Most pools consist of such windows. Each output is written once. */
static void FN(max_pool_fours)(const fr_sliding_window *w, const T *x, T *y, int64_t *position)
{
    int64_t width = w->in_size[1], n = w->out_size[1], at = 0;

    for (int64_t line = 0; line < w->out_size[0]; line++, y += n, position += n, at += 2 * width) {
        if (n >= 8)
            FN(max_fours)(n, 8, at, width, x + at, x + at + width, y, position);
        else if (n >= 4)
            FN(max_fours)(n, 4, at, width, x + at, x + at + width, y, position);
        else
            FN(max_fours)(n, 1, at, width, x + at, x + at + width, y, position);
    }
}

static void FN(max_pool_plane)(const fr_pool *p, const void *x, void *y, int64_t *position)
{
    const fr_sliding_window *w = &p->window;
    size_t out = (size_t)fr_window_out_numel(w);

    if (is_fours(w)) {
        FN(max_pool_fours)(w, x, y, position);
        return;
    }
    memset(y, 0, out * sizeof(T));
    memset(position, -1, out * sizeof *position);
    for (int64_t k = 0; k < w->kernel[0]; k++)
        for (int64_t l = 0; l < w->kernel[1]; l++)
            FN(max_lines)(w, k, l, x, y, position);
}

static void FN(max_pool_backward)(const fr_pool *p, const void *pdy, void *pdx, int64_t *position)
{
    const T *dy = pdy;
    T *dx = pdx;
    int64_t out = fr_window_out_numel(&p->window);

    memset(dx, 0, (size_t)fr_window_in_numel(&p->window) * sizeof *dx);
    for (int64_t i = 0; i < out; i++)
        dx[position[i]] += dy[i];
}

/* --- avg ---------------------------------------------------------------------------------------------------------- */

FR_INLINE double FN(sum_row)(int64_t n, const T *x)
{
    double sum = 0, lane[LANES];
    int64_t whole = n / LANES * LANES;

    for (int j = 0; j < LANES && whole > 0; j++)
        lane[j] = 0;
    for (int64_t i = 0; i < whole; i += LANES)
        for (int j = 0; j < LANES; j++)
            lane[j] += (double)x[i + j];
    for (int j = 0; j < LANES && whole > 0; j++)
        sum += lane[j];
    for (int64_t i = whole; i < n; i++)
        sum += (double)x[i];
    return sum;
}

static void FN(avg_pool_plane)(const fr_pool *p, const void *px, void *py, int64_t *position)
{
    const fr_sliding_window *w = &p->window;
    const T *restrict x = px;
    T *restrict y = py;

    (void)position;
    for (int64_t line = 0; line < w->out_size[0]; line++) {
        span lines = window_span(p, 0, line);

        for (int64_t column = 0; column < w->out_size[1]; column++) {
            span columns = window_span(p, 1, column);
            double sum = 0;

            for (int64_t i = lines.begin; i < lines.end; i++)
                sum += FN(sum_row)(columns.end - columns.begin, x + i * w->in_size[1] + columns.begin);
            *y++ = (T)(sum / divisor_of(p, lines, columns));
        }
    }
}

static void FN(avg_pool_backward)(const fr_pool *p, const void *pdy, void *pdx, int64_t *position)
{
    const fr_sliding_window *w = &p->window;
    const T *restrict dy = pdy;
    T *restrict dx = pdx;

    (void)position;
    memset(dx, 0, (size_t)fr_window_in_numel(w) * sizeof *dx);
    for (int64_t line = 0; line < w->out_size[0]; line++) {
        span lines = window_span(p, 0, line);

        for (int64_t column = 0; column < w->out_size[1]; column++) {
            span columns = window_span(p, 1, column);
            T share = (T)((double)*dy++ / divisor_of(p, lines, columns));

            for (int64_t i = lines.begin; i < lines.end; i++)
                for (int64_t k = columns.begin; k < columns.end; k++)
                    dx[i * w->in_size[1] + k] += share;
        }
    }
}
#endif
