/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The kernels of convolutions: matrix products with columns, of which there is one for each place of the output; it
 * holds the values in the window there, a row for each channel and tap. For one image and group, with weights
 * (filters,rows),
 *     y = w columns,    gradient of columns = w' g, to be added up in dx,    dw = g columns'.
 * Columns are made a block at a time, so that they stay in the cache; where the window is one value they are x. */
#include "kernels/gemm.h"
#include "core/threads.h"
#include "ops/conv/conv.h"
#include "ops/reduce/reduce.h"

enum {
    BLOCK = 1 << 16,       /* values in a block of columns, about, */
    LEAST_COLUMNS = 64,    /* which are at least so many */
    TILE_WORK = 1 << 20,   /* multiply-adds to a tile, at least, */
    MOST_TILES = 32,       /* of which there are at most so many: each has a block of columns */
    MOST_PARTIAL = 1 << 22 /* values in all partial sums of dw */
};

/* --- Rows of columns -----------------------------------------------------------------------------------------------
 */

/* By dim, for one tap: what fr_windows_within says. */
typedef struct {
    int64_t from[FR_SPACE], to[FR_SPACE], start[FR_SPACE];
} reach;

/* Of some outputs in one line the a-th to the (b-1)-th meet values, the first of which is at `value` in the channel. */
typedef struct {
    int64_t a, b, value;
} stretch;

FR_INLINE int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

FR_INLINE int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* For the n outputs of `line` from `begin` on. */
FR_INLINE stretch stretch_of(const fr_windows *w, const reach *r, int64_t line, int64_t begin, int64_t n)
{
    bool outside = line < r->from[0] || line >= r->to[0];
    int64_t a = outside ? n : least(most(r->from[1] - begin, 0), n), b = most(least(r->to[1] - begin, n), a);
    int64_t value = (line * w->stride[0] + r->start[0]) * w->size[1] + (begin + a) * w->stride[1] + r->start[1];

    return (stretch){ a, b, value };
}

/* The row of one tap of the channel x, in the columns of outputs first..first+count-1: made, or added to x. */
typedef void fr_take_row(const fr_windows *w, const reach *r, int64_t first, int64_t count, const void *x, void *row);
typedef void fr_add_row(const fr_windows *w, const reach *r, int64_t first, int64_t count, void *x, const void *row);

#define EACH_LINE(...)                                                                                                 \
    int64_t line = first / w->out[1], begin = first % w->out[1], stride = w->stride[1];                                \
    for (int64_t left = count, n; left > 0; left -= n, row += n, line++, begin = 0) {                                  \
        n = least(left, w->out[1] - begin);                                                                            \
        stretch s = stretch_of(w, r, line, begin, n);                                                                  \
        __VA_ARGS__                                                                                                    \
    }

#define ROWS(T)                                                                                                        \
    FR_KERNEL(take_##T,                                                                                                \
              (const fr_windows *w, const reach *r, int64_t first, int64_t count, const void *px, void *prow),         \
              (w, r, first, count, px, prow))                                                                          \
    {                                                                                                                  \
        const T *restrict x = px;                                                                                      \
        T *restrict row = prow;                                                                                        \
        EACH_LINE({                                                                                                    \
            for (int64_t i = 0; i < s.a; i++)                                                                          \
                row[i] = 0;                                                                                            \
            for (int64_t i = s.a; stride == 1 && i < s.b; i++)                                                         \
                row[i] = x[s.value + i - s.a];                                                                         \
            for (int64_t i = s.a; stride != 1 && i < s.b; i++)                                                         \
                row[i] = x[s.value + (i - s.a) * stride];                                                              \
            for (int64_t i = s.b; i < n; i++)                                                                          \
                row[i] = 0;                                                                                            \
        })                                                                                                             \
    }                                                                                                                  \
    FR_KERNEL(add_##T,                                                                                                 \
              (const fr_windows *w, const reach *r, int64_t first, int64_t count, void *px, const void *prow),         \
              (w, r, first, count, px, prow))                                                                          \
    {                                                                                                                  \
        T *restrict x = px;                                                                                            \
        const T *restrict row = prow;                                                                                  \
        EACH_LINE({                                                                                                    \
            for (int64_t i = s.a; stride == 1 && i < s.b; i++)                                                         \
                x[s.value + i - s.a] += row[i];                                                                        \
            for (int64_t i = s.a; stride != 1 && i < s.b; i++)                                                         \
                x[s.value + (i - s.a) * stride] += row[i];                                                             \
        })                                                                                                             \
    }

ROWS(float)
ROWS(double)

/* --- The work ------------------------------------------------------------------------------------------------------
 */

typedef struct job job;

/* One unit of the work; scratch has room for a block of columns. */
typedef void run_unit(const job *j, int64_t unit, char *scratch);

struct job {
    const char *what; /* for errors */
    const fr_convolution *c;
    fr_dtype dtype;
    fr_take_row *take;
    fr_add_row *add;
    int64_t size;             /* of a value, in bytes */
    int64_t rows, plane, out; /* of the columns; values in a channel of x and of y */
    bool one;                 /* the window is one value */
    int64_t block, blocks;    /* columns in a block, blocks to an image */
    const char *x, *w, *g;    /* the operands */
    char *to;                 /* the result; dw: of each slice */
    bool onto;                /* y: add to what is there */
    int64_t slice;            /* dw: images in a slice */
    int64_t units, per_tile, scratch_values;
    run_unit *run;
    char *scratch;
};

static int64_t pieces_of(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

static bool is_one_value(const fr_windows *w)
{
    bool one = true;

    for (int i = 0; i < FR_SPACE; i++)
        one = one && w->kernel[i] == 1 && w->stride[i] == 1 && w->before[i] == 0 && w->after[i] == 0;
    return one;
}

static job job_of(const char *what, const fr_convolution *c, fr_dtype dtype)
{
    job j = { .what = what, .c = c, .dtype = dtype, .size = (int64_t)fr_dtype_size(dtype) };

    j.take = dtype == FR_F64 ? take_double : take_float;
    j.add = dtype == FR_F64 ? add_double : add_float;
    j.one = is_one_value(&c->w);
    j.rows = c->channels * c->w.kernel[0] * c->w.kernel[1];
    j.plane = fr_windows_size(&c->w);
    j.out = fr_windows_out(&c->w);
    j.blocks = pieces_of(j.out, most(BLOCK / most(j.rows, 1), LEAST_COLUMNS));
    j.block = pieces_of(j.out, j.blocks);
    return j;
}

/* Whether there is something to multiply; if not, sums are 0. */
static bool is_empty(const job *j)
{
    return j->c->images == 0 || j->c->filters == 0 || j->rows == 0;
}

static void run_tile(void *user, int64_t tile)
{
    const job *j = user;
    int64_t end = least((tile + 1) * j->per_tile, j->units);

    for (int64_t i = tile * j->per_tile; i < end; i++)
        j->run(j, i, j->scratch ? j->scratch + tile * j->scratch_values * j->size : NULL);
}

/* Runs all units, of `work` multiply-adds each. False with an error: out of memory. */
static bool run_job(job *j, run_unit *run, int64_t units, double work)
{
    int64_t tiles, bytes;

    j->run = run;
    j->units = units;
    j->per_tile = most(work < TILE_WORK ? (int64_t)(TILE_WORK / work) : 1, pieces_of(units, MOST_TILES));
    tiles = pieces_of(units, j->per_tile);
    if (!fr_mul_size(j->rows, j->block, &j->scratch_values) ||
        !fr_mul_size(j->scratch_values, tiles * j->size, &bytes) ||
        (!j->one && !(j->scratch = fr_alloc((size_t)bytes))))
        return fr_fail_memory(j->what);
    fr_run_tiles(tiles, run_tile, j);
    if (!j->one)
        fr_free(j->scratch, (size_t)bytes);
    return true;
}

/* --- Columns ----------------------------------------------------------------------------------------------------- */

/* columns (rows,count) from x (channels,size); where dx is not NULL, added to it instead. */
static void move_columns(const job *j, int64_t first, int64_t count, const char *x, char *dx, char *columns)
{
    const fr_windows *w = &j->c->w;
    int64_t taps = w->kernel[0] * w->kernel[1];

    for (int64_t i = 0; i < j->rows; i++, columns += count * j->size) {
        int64_t channel = i / taps * j->plane * j->size, tap[FR_SPACE] = { i % taps / w->kernel[1], i % w->kernel[1] };
        reach r;

        for (int k = 0; k < FR_SPACE; k++)
            fr_windows_within(w, k, tap[k], &r.from[k], &r.to[k], &r.start[k]);
        if (dx)
            j->add(w, &r, first, count, dx + channel, columns);
        else
            j->take(w, &r, first, count, x + channel, columns);
    }
}

/* The columns of x (channels,size), made in scratch or x itself; their rows are *lead apart. */
static const char *find_columns(const job *j, int64_t first, int64_t count, const char *x, char *scratch, int64_t *lead)
{
    *lead = j->one ? j->plane : count;
    if (j->one)
        return x + first * j->size;
    move_columns(j, first, count, x, NULL, scratch);
    return scratch;
}

/* --- y: one block of an image's group ----------------------------------------------------------------------------- */

static void run_y(const job *j, int64_t unit, char *scratch)
{
    const fr_convolution *c = j->c;
    int64_t group = unit / j->blocks, first = unit % j->blocks * j->block; /* among those of all images */
    int64_t count = least(j->block, j->out - first), lead;
    const char *w = j->w + group % c->groups * c->filters * j->rows * j->size;
    const char *columns =
        find_columns(j, first, count, j->x + group * c->channels * j->plane * j->size, scratch, &lead);

    fr_gemm(j->dtype, false, false, c->filters, count, j->rows, w, j->rows, columns, lead, j->onto ? 1 : 0,
            j->to + (group * c->filters * j->out + first) * j->size, j->out);
}

bool fr_convolve_values(const char *what, const fr_convolution *c, fr_dtype dtype, const void *x, const void *w,
                        bool onto, void *y)
{
    job j = job_of(what, c, dtype);

    j.x = x;
    j.w = w;
    j.to = y;
    j.onto = onto;
    if (!is_empty(&j))
        return run_job(&j, run_y, c->images * c->groups * j.blocks,
                       (double)c->filters * (double)j.rows * (double)j.block);
    if (!onto)
        memset(y, 0, (size_t)(c->filters * c->groups * c->images * j.out * j.size));
    return true;
}

/* --- dx: one image's group, as windows overlap -------------------------------------------------------------------- */

static void run_dx(const job *j, int64_t unit, char *scratch)
{
    const fr_convolution *c = j->c;
    const char *g = j->g + unit * c->filters * j->out * j->size;
    const char *w = j->w + unit % c->groups * c->filters * j->rows * j->size;
    char *dx = j->to + unit * c->channels * j->plane * j->size;

    if (j->one) {
        fr_gemm(j->dtype, true, false, j->rows, j->out, c->filters, w, j->rows, g, j->out, 0, dx, j->plane);
        return;
    }
    memset(dx, 0, (size_t)(c->channels * j->plane * j->size));
    for (int64_t first = 0; first < j->out; first += j->block) {
        int64_t count = least(j->block, j->out - first);

        fr_gemm(j->dtype, true, false, j->rows, count, c->filters, w, j->rows, g + first * j->size, j->out, 0, scratch,
                count);
        move_columns(j, first, count, NULL, dx, scratch);
    }
}

bool fr_convolve_by_x(const char *what, const fr_convolution *c, fr_dtype dtype, const void *g, const void *w, void *dx)
{
    job j = job_of(what, c, dtype);

    j.g = g;
    j.w = w;
    j.to = dx;
    if (!is_empty(&j))
        return run_job(&j, run_dx, c->images * c->groups, (double)c->filters * (double)j.rows * (double)j.out);
    memset(dx, 0, (size_t)(c->channels * c->groups * c->images * j.plane * j.size));
    return true;
}

/* --- dw: one group of a slice of images; then the slices are added up --------------------------------------- */

static void run_dw(const job *j, int64_t unit, char *scratch)
{
    const fr_convolution *c = j->c;
    int64_t slice = unit / c->groups, group = unit % c->groups, weights = c->filters * c->groups * j->rows, lead;
    int64_t from = slice * j->slice, to = least(from + j->slice, c->images);
    char *dw = j->to + (slice * weights + group * c->filters * j->rows) * j->size;

    for (int64_t image = from; image < to; image++) {
        const char *x = j->x + (image * c->groups + group) * c->channels * j->plane * j->size;
        const char *g = j->g + (image * c->groups + group) * c->filters * j->out * j->size;

        for (int64_t first = 0; first < j->out; first += j->block) {
            int64_t count = least(j->block, j->out - first);
            const char *columns = find_columns(j, first, count, x, scratch, &lead);

            fr_gemm(j->dtype, false, true, c->filters, j->rows, count, g + first * j->size, j->out, columns, lead,
                    image > from || first > 0 ? 1 : 0, dw, j->rows);
        }
    }
}

/* Images in a slice: as many as make a tile's work, more where sums of dw for each slice would take much memory. */
static int64_t slice_of(const job *j)
{
    const fr_convolution *c = j->c;
    double work = (double)c->filters * (double)j->rows * (double)j->out; /* of a group of an image */
    int64_t slices = most(1, least(MOST_TILES, MOST_PARTIAL / (c->groups * c->filters * j->rows)));

    return least(most(work < TILE_WORK ? (int64_t)(TILE_WORK / work) : 1, pieces_of(c->images, slices)), c->images);
}

bool fr_convolve_by_w(const char *what, const fr_convolution *c, fr_dtype dtype, const void *x, const void *g, void *dw)
{
    job j = job_of(what, c, dtype);
    int64_t weights = c->filters * c->groups * j.rows, slices;
    size_t bytes;
    bool ok;

    j.x = x;
    j.g = g;
    if (is_empty(&j)) {
        memset(dw, 0, (size_t)(weights * j.size));
        return true;
    }
    j.slice = slice_of(&j);
    slices = pieces_of(c->images, j.slice);
    bytes = (size_t)(slices * weights * j.size);
    j.to = slices > 1 ? fr_alloc(bytes) : dw;
    if (!j.to)
        return fr_fail_memory(what);
    ok = run_job(&j, run_dw, slices * c->groups, (double)c->filters * (double)j.rows * (double)j.out * (double)j.slice);
    if (slices > 1) {
        ok = ok && fr_sum_rows(what, dtype, slices, weights, j.to, dw);
        fr_free(j.to, bytes);
    }
    return ok;
}
