/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* convolve.h has the formulas. They are computed as matrix products with columns (im2col: Chellapilla et al., "High
 * Performance Convolutional Neural Networks for Document Processing", 2006): one column for each position of the output
 * holds the values of the window there, so that there is a row for each channel and position in the kernel. For one
 * image and group, with weight as (out_channels,rows),
 *
 *     y = weight columns,    dcolumns = weight' dy, which col2im adds up to dx,    dweight = dy columns'
 *
 * Columns are made a block at a time, so that they stay in the cache. If the window is one value, they are x itself.
 * Most convolutions of stride 1 or 2 need no columns: convolve_planes.c computes them, and depthwise.c those of groups
 * of one channel and few filters. */
#ifndef T
#include "kernels/convolve.h"

#include "core/integer.h"
#include "core/row.h"
#include "core/shape.h"
#include "kernels/convolve_planes.h"
#include "kernels/depthwise.h"
#include "kernels/gemm.h"
#include "kernels/units.h"
#include "kernels/vmath.h"

enum {
    FEW_FILTERS = 2,      /* of one channel: columns would not pay */
    BLOCK = 1 << 16,      /* values in a block of columns, about, */
    MIN_COLUMNS = 64,     /* which are at least so many */
    MAX_PARTIAL = 1 << 22 /* values in all slices of dweight, about */
};

/* --- Rows of columns ---------------------------------------------------------------------------------------------- */

/* Of n outputs in one line, the windows of begin..end-1 have a value of the input. The first of these is at `input` in
 * the channel. */
typedef struct {
    int64_t begin, end, input;
} run_of_values;

/* For the n outputs of `line` from column `from` on. */
FR_INLINE run_of_values values_in_line(const fr_sliding_window *w, const fr_valid_outputs valid[FR_SPATIAL_DIMS],
                                       int64_t line, int64_t from, int64_t n)
{
    bool padding = line < valid[0].begin || line >= valid[0].end;
    int64_t begin = padding ? n : fr_least(fr_most(valid[1].begin - from, 0), n);
    int64_t end = fr_most(fr_least(valid[1].end - from, n), begin);
    int64_t input_line = line * w->stride[0] + valid[0].offset;

    return (run_of_values){ begin, end, input_line * w->in_size[1] + (from + begin) * w->stride[1] + valid[1].offset };
}

/* The row of one channel and kernel position, in the columns of outputs first..first+count-1. im2col_row reads it from
 * the channel, col2im_row adds it to the channel. valid: the kernel position's outputs in each dim. */
typedef void im2col_row(const fr_sliding_window *w, const fr_valid_outputs valid[FR_SPATIAL_DIMS], int64_t first,
                        int64_t count, const void *channel, void *row);
typedef void col2im_row(const fr_sliding_window *w, const fr_valid_outputs valid[FR_SPATIAL_DIMS], int64_t first,
                        int64_t count, const void *row, void *channel);

#define KERNEL_FILE "kernels/convolve.c"
#include "kernels/instantiate.h"

/* --- Work, cut into units ----------------------------------------------------------------------------------------- */

/* How a convolution is computed. */
typedef enum {
    NOTHING, /* there is nothing to multiply: all sums are 0 */
    COLUMNS,
    DEPTHWISE,
    PLANES
} way;

typedef struct {
    const fr_convolution *c;
    fr_dtype dtype;
    im2col_row *im2col;
    col2im_row *col2im;
    int64_t value_size;                /* in bytes */
    int64_t rows, in_numel, out_numel; /* rows of the columns; values in a channel of x and of y */
    way way;
    bool one_value;              /* the window is one value: x is the columns */
    fr_depthwise_plan plan;      /* of DEPTHWISE */
    int64_t block, blocks;       /* columns in a block, blocks in an image */
    const char *x, *weight, *dy; /* the operands */
    const char *bias;            /* NULL: none */
    char *result;
    int64_t slice; /* dweight: images in a slice */
} job;

static bool is_one_value(const fr_sliding_window *w)
{
    bool one = true;

    for (int i = 0; i < FR_SPATIAL_DIMS; i++)
        one = one && w->kernel[i] == 1 && w->stride[i] == 1 && w->pad_before[i] == 0 && w->pad_after[i] == 0;
    return one;
}

static way way_of(job *j)
{
    const fr_convolution *c = j->c;

    if (c->batch == 0 || c->out_channels == 0 || j->rows == 0)
        return NOTHING;
    if (!j->one_value && c->in_channels == 1 && c->out_channels <= FEW_FILTERS &&
        fr_depthwise_begin(&c->window, &j->plan))
        return DEPTHWISE;
    return fr_suits_planes(c) ? PLANES : COLUMNS;
}

static job job_of(fr_dtype dtype, const fr_convolution *c)
{
    job j = { .c = c, .dtype = dtype, .value_size = (int64_t)fr_dtype_size(dtype) };

    j.im2col = FR_KERNEL_FOR(dtype, im2col_row);
    j.col2im = FR_KERNEL_FOR(dtype, col2im_row);
    j.one_value = is_one_value(&c->window);
    j.rows = c->in_channels * c->window.kernel[0] * c->window.kernel[1];
    j.in_numel = fr_window_in_numel(&c->window);
    j.out_numel = fr_window_out_numel(&c->window);
    j.way = way_of(&j);
    j.blocks = j.way == COLUMNS ? fr_divide_up(j.out_numel, fr_most(BLOCK / j.rows, MIN_COLUMNS)) : 1;
    j.block = fr_divide_up(j.out_numel, j.blocks);
    return j;
}

/* Multiply-adds of a group of an image; with few of them for each value, moving the values is most of the work. */
static double work_of(const job *j)
{
    enum { MOVED = 16 };
    double moved = j->way == DEPTHWISE ? (double)j->in_numel + (double)j->out_numel : 0;

    return (double)j->c->out_channels * (double)j->rows * (double)j->out_numel + MOVED * moved;
}

/* Bytes of scratch memory of a unit: a block of columns, or planes. -1 if that overflows. */
static int64_t scratch_bytes(const job *j)
{
    int64_t values = j->plan.scratch, bytes;

    if (j->one_value)
        return 0;
    if ((j->way != DEPTHWISE && !fr_mul_size(j->rows, j->block, &values)) ||
        !fr_mul_size(values, j->value_size, &bytes))
        return -1;
    return bytes;
}

/* --- Columns ------------------------------------------------------------------------------------------------------ */

/* The block of columns (rows,count) of outputs first..first+count-1: read from x (in_channels,in_size) or, if dx is not
 * NULL, added to dx. */
static void move_columns(const job *j, int64_t first, int64_t count, const char *x, char *dx, char *columns)
{
    const fr_sliding_window *w = &j->c->window;
    int64_t kernel_numel = w->kernel[0] * w->kernel[1];

    for (int64_t i = 0; i < j->rows; i++, columns += count * j->value_size) {
        int64_t channel = i / kernel_numel * j->in_numel * j->value_size, k = i % kernel_numel;
        const fr_valid_outputs valid[] = { fr_window_valid_outputs(w, 0, k / w->kernel[1]),
                                           fr_window_valid_outputs(w, 1, k % w->kernel[1]) };

        if (dx)
            j->col2im(w, valid, first, count, columns, dx + channel);
        else
            j->im2col(w, valid, first, count, x + channel, columns);
    }
}

/* The columns of x (in_channels,in_size), made in scratch or x itself. *ld: from row to row of them. */
static const char *get_columns(const job *j, int64_t first, int64_t count, const char *x, char *scratch, int64_t *ld)
{
    *ld = j->one_value ? j->in_numel : count;
    if (j->one_value)
        return x + first * j->value_size;
    move_columns(j, first, count, x, NULL, scratch);
    return scratch;
}

/* --- y: a unit is one block of a group of an image ---------------------------------------------------------------- */

/* The biases of a group, or NULL. */
static const char *biases_of(const job *j, int64_t group)
{
    return j->bias ? j->bias + group % j->c->groups * j->c->out_channels * j->value_size : NULL;
}

/* n values of each channel of a group of y become its bias. */
static void fill_with_biases(const job *j, int64_t group, int64_t n, char *y)
{
    const char *bias = biases_of(j, group);

    for (int64_t i = 0; bias && i < j->c->out_channels; i++)
        fr_fill_row(y + i * j->out_numel * j->value_size, bias + i * j->value_size, (size_t)j->value_size, (size_t)n);
}

static void compute_y(const void *user, int64_t unit, char *scratch)
{
    const job *j = user;
    const fr_convolution *c = j->c;
    int64_t group = unit / j->blocks, first = unit % j->blocks * j->block; /* group: of all groups of all images */
    int64_t count = fr_least(j->block, j->out_numel - first), ld;
    const char *weight = j->weight + group % c->groups * c->out_channels * j->rows * j->value_size;
    const char *x = j->x + group * c->in_channels * j->in_numel * j->value_size;
    const char *columns = get_columns(j, first, count, x, scratch, &ld);
    char *y = j->result + (group * c->out_channels * j->out_numel + first) * j->value_size;

    fill_with_biases(j, group, count, y);
    fr_gemm(j->dtype, false, false, c->out_channels, count, j->rows, weight, j->rows, columns, ld, j->bias != NULL, y,
            j->out_numel);
}

/* A unit is a group of an image. */
static void compute_y_depthwise(const void *user, int64_t unit, char *scratch)
{
    const job *j = user;
    const fr_convolution *c = j->c;
    const char *weight = j->weight + unit % c->groups * c->out_channels * j->rows * j->value_size;
    const char *bias = biases_of(j, unit);
    char *y = j->result + unit * c->out_channels * j->out_numel * j->value_size;

    for (int64_t i = 0; i < c->out_channels; i++)
        fr_depthwise(j->dtype, &c->window, &j->plan, scratch, j->x + unit * j->in_numel * j->value_size,
                     weight + i * j->rows * j->value_size, bias ? bias + i * j->value_size : NULL,
                     y + i * j->out_numel * j->value_size);
}

bool fr_convolve(fr_dtype dtype, const fr_convolution *c, const void *x, const void *weight, const void *bias, void *y)
{
    job j = job_of(dtype, c);

    j.x = x;
    j.weight = weight;
    j.result = y;
    j.bias = bias;
    if (j.way == PLANES)
        return fr_planes_convolve(dtype, c, x, weight, bias, y);
    if (j.way != NOTHING)
        return fr_run_units(c->batch * c->groups * j.blocks, work_of(&j) / (double)j.blocks, scratch_bytes(&j),
                            j.way == DEPTHWISE ? compute_y_depthwise : compute_y, &j);
    memset(y, 0, (size_t)(c->out_channels * c->groups * c->batch * j.out_numel * j.value_size));
    for (int64_t group = 0; group < c->batch * c->groups; group++)
        fill_with_biases(&j, group, j.out_numel, (char *)y + group * c->out_channels * j.out_numel * j.value_size);
    return true;
}

/* --- dx: a unit is one group of an image, since its windows overlap ----------------------------------------------- */

static void compute_dx(const void *user, int64_t unit, char *scratch)
{
    const job *j = user;
    const fr_convolution *c = j->c;
    const char *dy = j->dy + unit * c->out_channels * j->out_numel * j->value_size;
    const char *weight = j->weight + unit % c->groups * c->out_channels * j->rows * j->value_size;
    char *dx = j->result + unit * c->in_channels * j->in_numel * j->value_size;

    if (j->one_value) {
        fr_gemm(j->dtype, true, false, j->rows, j->out_numel, c->out_channels, weight, j->rows, dy, j->out_numel, false,
                dx, j->in_numel);
        return;
    }
    for (int64_t i = 0; j->way == DEPTHWISE && i < c->out_channels; i++)
        fr_depthwise_grad_input(j->dtype, &c->window, &j->plan, scratch, dy + i * j->out_numel * j->value_size,
                                weight + i * j->rows * j->value_size, i > 0, dx);
    if (j->way == COLUMNS)
        memset(dx, 0, (size_t)(c->in_channels * j->in_numel * j->value_size));
    for (int64_t first = 0; j->way == COLUMNS && first < j->out_numel; first += j->block) {
        int64_t count = fr_least(j->block, j->out_numel - first);

        fr_gemm(j->dtype, true, false, j->rows, count, c->out_channels, weight, j->rows, dy + first * j->value_size,
                j->out_numel, false, scratch, count);
        move_columns(j, first, count, NULL, dx, scratch);
    }
}

bool fr_convolve_grad_input(fr_dtype dtype, const fr_convolution *c, const void *dy, const void *weight, void *dx)
{
    job j = job_of(dtype, c);

    j.dy = dy;
    j.weight = weight;
    j.result = dx;
    if (j.way == PLANES)
        return fr_planes_grad_input(dtype, c, dy, weight, dx);
    if (j.way != NOTHING)
        return fr_run_units(c->batch * c->groups, work_of(&j), scratch_bytes(&j), compute_dx, &j);
    memset(dx, 0, (size_t)(c->in_channels * c->groups * c->batch * j.in_numel * j.value_size));
    return true;
}

/* --- dweight: a unit is one group of a slice of the images -------------------------------------------------------- */

static void compute_dweight(const void *user, int64_t unit, char *scratch)
{
    const job *j = user;
    const fr_convolution *c = j->c;
    int64_t slice = unit / c->groups, group = unit % c->groups, ld;
    int64_t end = fr_least((slice + 1) * j->slice, c->batch);
    char *dweight = j->result + unit * c->out_channels * j->rows * j->value_size;

    for (int64_t image = slice * j->slice; image < end; image++) {
        const char *x = j->x + (image * c->groups + group) * c->in_channels * j->in_numel * j->value_size;
        const char *dy = j->dy + (image * c->groups + group) * c->out_channels * j->out_numel * j->value_size;

        for (int64_t first = 0; first < j->out_numel; first += j->block) {
            int64_t count = fr_least(j->block, j->out_numel - first);
            const char *columns = get_columns(j, first, count, x, scratch, &ld);
            bool add = image > slice * j->slice || first > 0;

            fr_gemm(j->dtype, false, true, c->out_channels, j->rows, count, dy + first * j->value_size, j->out_numel,
                    columns, ld, add, dweight, j->rows);
        }
    }
}

static void compute_dweight_depthwise(const void *user, int64_t unit, char *scratch)
{
    const job *j = user;
    const fr_convolution *c = j->c;
    int64_t slice = unit / c->groups, group = unit % c->groups, filter = j->rows * j->value_size;
    int64_t end = fr_least((slice + 1) * j->slice, c->batch);
    char *dweight = j->result + unit * c->out_channels * filter;

    memset(dweight, 0, (size_t)(c->out_channels * filter));
    for (int64_t image = slice * j->slice; image < end; image++) {
        int64_t channel = image * c->groups + group;
        const char *dy = j->dy + channel * c->out_channels * j->out_numel * j->value_size;

        for (int64_t i = 0; i < c->out_channels; i++)
            fr_depthwise_grad_weight(j->dtype, &c->window, &j->plan, scratch,
                                     j->x + channel * j->in_numel * j->value_size,
                                     dy + i * j->out_numel * j->value_size, dweight + i * filter);
    }
}

/* Images in a slice: as many as make up a tile's work; more if the slices of dweight would take much memory. */
static int64_t slice_of(const job *j)
{
    const fr_convolution *c = j->c;
    int64_t slices = fr_most(1, fr_least(FR_MAX_UNIT_TILES, MAX_PARTIAL / (c->groups * c->out_channels * j->rows)));

    return fr_least(fr_most(fr_units_per_tile(work_of(j)), fr_divide_up(c->batch, slices)), c->batch);
}

int64_t fr_convolve_slices(const fr_convolution *c)
{
    job j = job_of(FR_F32, c);

    return j.way == NOTHING ? 1 : fr_divide_up(c->batch, slice_of(&j));
}

bool fr_convolve_grad_weight(fr_dtype dtype, const fr_convolution *c, const void *x, const void *dy, void *dweight)
{
    job j = job_of(dtype, c);

    j.x = x;
    j.dy = dy;
    j.result = dweight;
    if (j.way == NOTHING) {
        memset(dweight, 0, (size_t)(c->out_channels * c->groups * j.rows * j.value_size));
        return true;
    }
    j.slice = slice_of(&j);
    if (j.way == PLANES)
        return fr_planes_grad_weight(dtype, c, j.slice, x, dy, dweight);
    return fr_run_units(fr_divide_up(c->batch, j.slice) * c->groups, work_of(&j) * (double)j.slice, scratch_bytes(&j),
                        j.way == DEPTHWISE ? compute_dweight_depthwise : compute_dweight, &j);
}
#else
static void FN(im2col_row)(const fr_sliding_window *w, const fr_valid_outputs valid[FR_SPATIAL_DIMS], int64_t first,
                           int64_t count, const void *channel, void *prow)
{
    const T *restrict x = channel;
    T *restrict row = prow;
    int64_t line = first / w->out_size[1], from = first % w->out_size[1], stride = w->stride[1];

    for (int64_t n; count > 0; count -= n, row += n, line++, from = 0) {
        n = fr_least(count, w->out_size[1] - from);
        run_of_values r = values_in_line(w, valid, line, from, n);

        for (int64_t i = 0; i < r.begin; i++)
            row[i] = 0;
        for (int64_t i = r.begin; stride == 1 && i < r.end; i++)
            row[i] = x[r.input + i - r.begin];
        for (int64_t i = r.begin; stride != 1 && i < r.end; i++)
            row[i] = x[r.input + (i - r.begin) * stride];
        for (int64_t i = r.end; i < n; i++)
            row[i] = 0;
    }
}

static void FN(col2im_row)(const fr_sliding_window *w, const fr_valid_outputs valid[FR_SPATIAL_DIMS], int64_t first,
                           int64_t count, const void *prow, void *channel)
{
    T *restrict x = channel;
    const T *restrict row = prow;
    int64_t line = first / w->out_size[1], from = first % w->out_size[1], stride = w->stride[1];

    for (int64_t n; count > 0; count -= n, row += n, line++, from = 0) {
        n = fr_least(count, w->out_size[1] - from);
        run_of_values r = values_in_line(w, valid, line, from, n);

        for (int64_t i = r.begin; stride == 1 && i < r.end; i++)
            x[r.input + i - r.begin] += row[i];
        for (int64_t i = r.begin; stride != 1 && i < r.end; i++)
            x[r.input + (i - r.begin) * stride] += row[i];
    }
}
#endif
