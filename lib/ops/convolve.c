/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The kernels of convolutions: matrix products with columns, of which there is one for each place of the output; it
 * holds the values in the window there, a row for each channel and tap. For one image and group, with weights
 * (filters,rows),
 *     y = w columns,    gradient of columns = w' g, to be added up in dx,    dw = g columns'.
 * Columns are made a block at a time, so that they stay in the cache; where the window is one value they are x. */
#include "core/blas.h"
#include "core/threads.h"
#include "ops/convolution.h"

enum {
    BLOCK = 1 << 16,       /* values in a block of columns, about, */
    LEAST_COLUMNS = 64,    /* which are at least so many */
    TILE_WORK = 1 << 20,   /* multiply-adds to a tile, at least, */
    MOST_TILES = 32,       /* of which there are at most so many: each has a block of columns */
    MOST_PARTIAL = 1 << 22 /* values in all partial sums of dw */
};

/* n values of x that lie a stride apart: column = x, and x += column. */
typedef void fr_take_row(int64_t n, int64_t stride, const void *x, void *column);
typedef void fr_add_row(int64_t n, int64_t stride, void *x, const void *column);

#define ROWS(T)                                                                                                        \
    FR_KERNEL(take_##T, (int64_t n, int64_t stride, const void *px, void *pcolumn), (n, stride, px, pcolumn))          \
    {                                                                                                                  \
        const T *restrict x = px;                                                                                      \
        T *restrict column = pcolumn;                                                                                  \
        if (stride == 1)                                                                                               \
            for (int64_t i = 0; i < n; i++)                                                                            \
                column[i] = x[i];                                                                                      \
        else                                                                                                           \
            for (int64_t i = 0; i < n; i++)                                                                            \
                column[i] = x[i * stride];                                                                             \
    }                                                                                                                  \
    FR_KERNEL(add_##T, (int64_t n, int64_t stride, void *px, const void *pcolumn), (n, stride, px, pcolumn))           \
    {                                                                                                                  \
        T *restrict x = px;                                                                                            \
        const T *restrict column = pcolumn;                                                                            \
        if (stride == 1)                                                                                               \
            for (int64_t i = 0; i < n; i++)                                                                            \
                x[i] += column[i];                                                                                     \
        else                                                                                                           \
            for (int64_t i = 0; i < n; i++)                                                                            \
                x[i * stride] += column[i];                                                                            \
    }

ROWS(float)
ROWS(double)

typedef struct job job;

/* One unit of the work; scratch has room for a block of columns. */
typedef void run_unit(const job *j, int64_t unit, char *scratch);

struct job {
    const fr_convolution *c;
    fr_dtype dtype;
    fr_take_row *take;
    fr_add_row *add;
    int64_t size;             /* of a value, in bytes */
    int64_t rows, plane, out; /* of the columns; values in a channel of x and of y */
    bool one;                 /* the window is one value */
    int64_t block, blocks;    /* columns in a block, blocks to an image */
    const char *x, *w, *g;    /* the operands */
    char *to, *partial;       /* the result; dw's sums over further slices */
    bool onto;                /* y: add to what is there */
    int64_t slice;            /* dw: images in a slice */
    int64_t units, per_tile, scratch_values;
    run_unit *run;
    char *scratch;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

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

static job job_of(const fr_convolution *c, fr_dtype dtype)
{
    job j = { .c = c, .dtype = dtype, .size = (int64_t)fr_dtype_size(dtype), .one = is_one_value(&c->w) };

    j.take = dtype == FR_F64 ? take_double : take_float;
    j.add = dtype == FR_F64 ? add_double : add_float;
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

/* Runs all units, of `work` multiply-adds each. False: out of memory. */
static bool run_job(job *j, run_unit *run, int64_t units, double work)
{
    int64_t tiles, bytes;

    j->run = run;
    j->units = units;
    j->per_tile = most(work < TILE_WORK ? (int64_t)(TILE_WORK / work) : 1, pieces_of(units, MOST_TILES));
    tiles = pieces_of(units, j->per_tile);
    if (!fr_mul_size(j->rows, j->block, &j->scratch_values) || !fr_mul_size(j->scratch_values, tiles * j->size, &bytes))
        return false;
    if (!j->one && !(j->scratch = fr_alloc((size_t)bytes)))
        return false;
    fr_run_tiles(tiles, run_tile, j);
    if (!j->one)
        fr_free(j->scratch, (size_t)bytes);
    return true;
}

/* --- Columns ----------------------------------------------------------------------------------------------------- */

/* One tap of one channel, at `offset` in x or dx: the row of it in the columns of outputs first..first+count-1. */
static void move_row(const job *j, const int64_t tap[FR_SPACE], int64_t first, int64_t count, const char *x, char *dx,
                     int64_t offset, char *column)
{
    const fr_windows *w = &j->c->w;
    int64_t from[FR_SPACE], to[FR_SPACE], start[FR_SPACE], n, stride = w->stride[1];

    for (int i = 0; i < FR_SPACE; i++)
        fr_windows_within(w, i, tap[i], &from[i], &to[i], &start[i]);
    for (int64_t at = first; at < first + count; at += n, column += n * j->size) {
        int64_t line = at / w->out[1], begin = at % w->out[1], end = least(w->out[1], begin + first + count - at);
        bool outside = line < from[0] || line >= to[0];
        int64_t a = outside ? end : least(most(from[1], begin), end), b = most(least(to[1], end), a);
        int64_t value = (line * w->stride[0] + start[0]) * w->size[1] + a * stride + start[1];

        n = end - begin;
        if (!dx) {
            memset(column, 0, (size_t)((a - begin) * j->size));
            memset(column + (b - begin) * j->size, 0, (size_t)((end - b) * j->size));
        }
        if (a < b && dx)
            j->add(b - a, stride, dx + (offset + value) * j->size, column + (a - begin) * j->size);
        else if (a < b)
            j->take(b - a, stride, x + (offset + value) * j->size, column + (a - begin) * j->size);
    }
}

/* columns (rows,count) from x (channels,size); where dx is not NULL, added to it instead. */
static void move_columns(const job *j, int64_t first, int64_t count, const char *x, char *dx, char *columns)
{
    int64_t tap[FR_SPACE];

    for (int64_t channel = 0; channel < j->c->channels; channel++)
        for (tap[0] = 0; tap[0] < j->c->w.kernel[0]; tap[0]++)
            for (tap[1] = 0; tap[1] < j->c->w.kernel[1]; tap[1]++, columns += count * j->size)
                move_row(j, tap, first, count, x, dx, channel * j->plane, columns);
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

bool fr_convolve_values(const fr_convolution *c, fr_dtype dtype, const void *x, const void *w, bool onto, void *y)
{
    job j = job_of(c, dtype);

    j.x = x;
    j.w = w;
    j.to = y;
    j.onto = onto;
    if (!is_empty(&j))
        return run_job(&j, run_y, c->images * c->groups * j.blocks,
                       (double)c->filters * (double)j.rows * (double)j.block);
    if (!onto)
        memset(y, 0, (size_t)(c->images * c->groups * c->filters * j.out * j.size));
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

bool fr_convolve_by_x(const fr_convolution *c, fr_dtype dtype, const void *g, const void *w, void *dx)
{
    job j = job_of(c, dtype);

    j.g = g;
    j.w = w;
    j.to = dx;
    if (!is_empty(&j))
        return run_job(&j, run_dx, c->images * c->groups, (double)c->filters * (double)j.rows * (double)j.out);
    memset(dx, 0, (size_t)(c->images * c->groups * c->channels * j.plane * j.size));
    return true;
}

/* --- dw: one group of a slice of images; then the slices' sums are added up --------------------------------------- */

static void run_dw(const job *j, int64_t unit, char *scratch)
{
    const fr_convolution *c = j->c;
    int64_t slice = unit / c->groups, group = unit % c->groups, weights = c->groups * c->filters * j->rows, lead;
    int64_t from = slice * j->slice, to = least(from + j->slice, c->images);
    char *dw =
        (slice > 0 ? j->partial + (slice - 1) * weights * j->size : j->to) + group * c->filters * j->rows * j->size;

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

bool fr_convolve_by_w(const fr_convolution *c, fr_dtype dtype, const void *x, const void *g, void *dw)
{
    job j = job_of(c, dtype);
    int64_t weights = c->groups * c->filters * j.rows, slices;
    size_t bytes;
    bool ok;

    j.x = x;
    j.g = g;
    j.to = dw;
    if (is_empty(&j)) {
        memset(dw, 0, (size_t)(weights * j.size));
        return true;
    }
    j.slice = slice_of(&j);
    slices = pieces_of(c->images, j.slice);
    bytes = (size_t)((slices - 1) * weights * j.size);
    if (slices > 1 && !(j.partial = fr_alloc(bytes)))
        return false;
    ok = run_job(&j, run_dw, slices * c->groups, (double)c->filters * (double)j.rows * (double)j.out * (double)j.slice);
    for (int64_t i = 0; ok && i < slices - 1; i++)
        j.add(weights, 1, dw, j.partial + i * weights * j.size);
    fr_free(j.partial, bytes);
    return ok;
}
