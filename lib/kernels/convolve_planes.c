/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A channel with its padding is a plane, taken for one long line. At output position i of that line, tap k of the
 * filter meets the plane's value i + offset[k]. So the columns of convolve.c are the planes themselves, shifted: a row
 * for each channel and tap, which begins at its offset. Positions that belong to no output, where a line of the plane
 * ends, are computed and left out; in the gradient of the weight they meet zeros.
 *
 * With a stride s the channel is dealt out to s * s planes: plane (a,b), its phase, has lines a, a + s, ... and columns
 * b, b + s, ... of the padded channel. Then each tap meets one of the planes, and moves on it by 1 where the window
 * moves by s.
 *
 * The gradient of the input is a convolution too, for each phase one that gives its plane: of the planes of dy by those
 * taps of the filters that meet it, turned round. */
#include "kernels/convolve_planes.h"

#include "core/memory.h"
#include "core/shape.h"
#include "kernels/packed_gemm.h"
#include "kernels/plane.h"
#include "kernels/units.h"

enum {
    BLOCK = 1 << 16,     /* values that a block reads, packs or writes, about */
    BLOCKS = 16,         /* of all images: enough for the threads; but each has */
    MIN_POSITIONS = 128, /* at least, and */
    UNIT = 16,           /* a multiple of so many: then no vector of the product is cut */
    MAX_STRIDE = 2
};

static int64_t reach_of(const fr_sliding_window *w, int dim)
{
    return (w->kernel[dim] - 1) * w->dilation[dim];
}

/* How far the filter reaches on a plane. */
static int64_t shift_of(const fr_sliding_window *w, int dim)
{
    return reach_of(w, dim) / w->stride[dim];
}

/* A filter that reaches further than the image would make planes much larger than it. Each phase needs taps. */
bool fr_suits_planes(const fr_convolution *c)
{
    enum { FEW_ROWS = 8 };
    const fr_sliding_window *w = &c->window;
    bool suits = w->kernel[0] * w->kernel[1] > 1 && c->in_channels * w->kernel[0] * w->kernel[1] > FEW_ROWS;

    for (int i = 0; i < FR_SPATIAL_DIMS; i++)
        suits = suits && (w->stride[i] == 1 || (w->stride[i] <= MAX_STRIDE && w->dilation[i] == 1)) &&
                w->stride[i] <= w->kernel[i] && reach_of(w, i) <= w->in_size[i] && w->pad_before[i] <= reach_of(w, i) &&
                w->pad_after[i] <= reach_of(w, i);
    return suits;
}

/* For a filter's tap: the phase that it meets, and its offset there. */
typedef struct {
    int64_t phase, shift;
} tap;

static tap tap_of(const fr_sliding_window *w, int64_t width, int64_t k)
{
    int64_t line = k / w->kernel[1] * w->dilation[0], column = k % w->kernel[1] * w->dilation[1];

    return (tap){ line % w->stride[0] * w->stride[1] + column % w->stride[1],
                  line / w->stride[0] * width + column / w->stride[1] };
}

/* Of a padded channel. */
static fr_plane plane_of_phase(const fr_sliding_window *w, int64_t width, int64_t phase)
{
    int64_t place[] = { phase / w->stride[1], phase % w->stride[1] }; /* of the plane's first value */
    int64_t before[FR_SPATIAL_DIMS], first[FR_SPATIAL_DIMS], n[FR_SPATIAL_DIMS];

    for (int i = 0; i < FR_SPATIAL_DIMS; i++) {
        before[i] = fr_divide_up(fr_most(w->pad_before[i] - place[i], 0), w->stride[i]);
        first[i] = before[i] * w->stride[i] + place[i] - w->pad_before[i];
        n[i] = fr_divide_up(fr_most(w->in_size[i] - first[i], 0), w->stride[i]);
    }
    return (fr_plane){ .lines = n[0],
                       .columns = n[1],
                       .first = first[0] * w->in_size[1] + first[1],
                       .line_step = w->stride[0] * w->in_size[1],
                       .column_step = w->stride[1],
                       .top = before[0],
                       .left = before[1],
                       .width = width };
}

/* Of an output, whose first value is at position 0 but for these lines and columns before it. */
static fr_plane plane_of_output(const fr_sliding_window *w, int64_t width, int64_t top, int64_t left)
{
    return (fr_plane){ .lines = w->out_size[0],
                       .columns = w->out_size[1],
                       .line_step = w->out_size[1],
                       .column_step = 1,
                       .top = top,
                       .left = left,
                       .width = width };
}

/* Convolves planes: out[o] = sum over c, k of weight[o][c][k] in[c], shifted. */
typedef struct {
    const fr_convolution *c;
    fr_dtype dtype;
    int64_t size;                              /* bytes of a value */
    int64_t width;                             /* of all planes */
    int64_t channels, planes, taps;            /* that are read: of a group, and planes of each; of each channel */
    int64_t rows;                              /* channels times taps; the first value of each is at */
    int64_t *offset;                           /* in the pieces of the channels' planes */
    fr_plane in[MAX_STRIDE * MAX_STRIDE], out; /* planes of a channel; and what a block is written to, or dy */
    int64_t out_channels, in_numel, out_numel; /* values of a channel */
    int64_t begin;                             /* the first position of the first block */
    int64_t run, block, blocks;                /* positions of a group of an image, of a block; how many blocks */
    int64_t piece;                             /* positions of a plane that a block reaches */
    const char *x, *weight, *dy, *bias;        /* bias: NULL: none */
    char *result;
    bool back;                                     /* dx: by the taps that meet its */
    int64_t phase;                                 /* the other way round */
    int64_t slice;                                 /* dweight: images of a slice */
    bool by_taps;                                  /* and how its products are cut */
    int64_t pieces_bytes, packed_bytes, out_bytes; /* the parts of a unit's scratch */
} job;

/* Cuts the positions of the image in plane `out` into blocks. packed: how many values are packed for one position. */
static void cut_blocks(job *j, int64_t packed)
{
    const fr_sliding_window *w = &j->c->window;
    int64_t values = fr_most(packed, fr_most(j->channels * j->planes, j->out_channels)), most;

    j->run = (j->out.lines - 1) * j->width + j->out.columns;
    j->begin = j->out.top * j->width + j->out.left;
    most = fr_least(BLOCK / values, fr_divide_up(j->c->batch * j->c->groups * j->run, BLOCKS));
    j->blocks = fr_divide_up(j->run, fr_most(most, MIN_POSITIONS));
    j->block = fr_round_up(fr_divide_up(j->run, j->blocks), UNIT);
    j->blocks = fr_divide_up(j->run, j->block);
    j->piece = j->block + shift_of(w, 0) * j->width + shift_of(w, 1);
}

/* Positions of block b, in whole UNITs: the last one may be shorter. */
static int64_t positions_of(const job *j, int64_t b)
{
    return fr_least(j->block, fr_round_up(j->run - b * j->block, UNIT));
}

/* With stride 1 the zeros before a line are those behind the line above it. */
static int64_t width_of(const fr_sliding_window *w)
{
    int64_t before = w->pad_before[1], after = w->pad_after[1];

    return fr_divide_up(w->in_size[1] + (w->stride[1] == 1 ? fr_most(before, after) : before + after), w->stride[1]);
}

static job job_of(fr_dtype dtype, const fr_convolution *c)
{
    return (job){ .c = c, .dtype = dtype, .size = (int64_t)fr_dtype_size(dtype), .width = width_of(&c->window) };
}

/* From x to y. */
static job forward_job(fr_dtype dtype, const fr_convolution *c)
{
    const fr_sliding_window *w = &c->window;
    job j = job_of(dtype, c);

    j.channels = c->in_channels;
    j.out_channels = c->out_channels;
    j.planes = w->stride[0] * w->stride[1];
    j.taps = w->kernel[0] * w->kernel[1];
    j.in_numel = fr_window_in_numel(w);
    j.out_numel = fr_window_out_numel(w);
    for (int64_t i = 0; i < j.planes; i++)
        j.in[i] = plane_of_phase(w, j.width, i);
    j.out = plane_of_output(w, j.width, 0, 0);
    j.rows = j.channels * j.taps;
    cut_blocks(&j, 0);
    return j;
}

static void set_offsets(job *j)
{
    const fr_sliding_window *w = &j->c->window;
    int64_t reach = shift_of(w, 0) * j->width + shift_of(w, 1), *offset = j->offset;

    for (int64_t channel = 0; channel < j->channels; channel++)
        for (int64_t k = 0; k < w->kernel[0] * w->kernel[1]; k++) {
            tap t = tap_of(w, j->width, k);

            if (!j->back)
                *offset++ = (channel * j->planes + t.phase) * j->piece + t.shift;
            else if (t.phase == j->phase)
                *offset++ = channel * j->piece + reach - t.shift;
        }
}

/* Runs all units, of `work` multiply-adds each. False if memory runs out. */
static bool run_job(job *j, fr_unit *run, int64_t packed_bytes, int64_t sums_bytes, int64_t units, double work)
{
    enum { ALIGNED = 64 };
    const int64_t most = INT64_MAX / 1024; /* values: so that no size below overflows */
    int64_t pieces, out;
    size_t offset_bytes = (size_t)j->rows * sizeof *j->offset;
    bool ok;

    if (!fr_mul_size(j->channels * j->planes, j->piece, &pieces) || !fr_mul_size(j->out_channels, j->block, &out) ||
        pieces > most || out > most || packed_bytes < 0 || packed_bytes > most || !(j->offset = fr_alloc(offset_bytes)))
        return false;
    j->pieces_bytes = fr_round_up(pieces * j->size, ALIGNED);
    j->packed_bytes = fr_round_up(packed_bytes, ALIGNED);
    j->out_bytes = fr_round_up(out * j->size, ALIGNED);
    set_offsets(j);
    ok = fr_run_units(units, work, j->pieces_bytes + j->packed_bytes + j->out_bytes + sums_bytes, run, j);
    fr_free(j->offset, offset_bytes);
    return ok;
}

/* Reads what a block from position `first` on reaches, of a group of an image: (channels,planes,piece). */
static void read_pieces(const job *j, int64_t group, int64_t first, char *pieces)
{
    for (int64_t i = 0; i < j->channels; i++)
        for (int64_t k = 0; k < j->planes; k++, pieces += j->piece * j->size)
            fr_plane_read(j->dtype, &j->in[k], first, j->piece,
                          j->x + (group * j->channels + i) * j->in_numel * j->size, pieces);
}

/* --- y: a unit is one block of a group of an image ---------------------------------------------------------------- */

static void compute_block(const void *user, int64_t unit, char *pieces)
{
    const job *j = user;
    int64_t group = unit / j->blocks, b = unit % j->blocks, n = positions_of(j, b), first = j->begin + b * j->block;
    const char *weight = j->weight + group % j->c->groups * j->out_channels * j->rows * j->size;
    char *out = pieces + j->pieces_bytes + j->packed_bytes;

    read_pieces(j, group, first, pieces);
    fr_multiply_shifted(j->dtype, j->out_channels, n, j->rows, weight, j->rows, pieces, j->offset, out, j->block);
    for (int64_t i = 0; i < j->out_channels; i++)
        fr_plane_write(j->dtype, &j->out, first, n, out + i * j->block * j->size,
                       j->bias ? j->bias + (group % j->c->groups * j->out_channels + i) * j->size : NULL,
                       j->result + (group * j->out_channels + i) * j->out_numel * j->size);
}

static bool compute_blocks(job *j)
{
    return run_job(j, compute_block, 0, 0, j->c->batch * j->c->groups * j->blocks,
                   (double)j->out_channels * (double)j->rows * (double)j->block);
}

bool fr_planes_convolve(fr_dtype dtype, const fr_convolution *c, const void *x, const void *weight, const void *bias,
                        void *y)
{
    job j = forward_job(dtype, c);

    j.x = x;
    j.weight = weight;
    j.bias = bias;
    j.result = y;
    return compute_blocks(&j);
}

/* --- dx: the same from dy to each phase of dx --------------------------------------------------------------------- */

/* to[c][o][n] = tap k of weight[o][c], the n-th of `taps` taps that meet a phase, for each group. */
static void turn_tap(const fr_convolution *c, int64_t k, int64_t size, const char *weight, int64_t n, int64_t taps,
                     char *to)
{
    int64_t filter = c->window.kernel[0] * c->window.kernel[1] * size, filters = c->in_channels * c->out_channels;

    to += n * size;
    for (int64_t g = 0; g < c->groups; g++, weight += filters * filter)
        for (int64_t i = 0; i < c->in_channels; i++)
            for (int64_t o = 0; o < c->out_channels; o++, to += taps * size)
                memcpy(to, weight + (o * c->in_channels + i) * filter + k * size, (size_t)size);
}

/* The number of taps that meet a phase. */
static int64_t turn_filters(const fr_convolution *c, int64_t phase, int64_t size, const char *weight, char *to)
{
    int64_t all = c->window.kernel[0] * c->window.kernel[1], taps = 0, n = 0;

    for (int64_t k = 0; k < all; k++)
        taps += tap_of(&c->window, 0, k).phase == phase;
    for (int64_t k = 0; k < all; k++)
        if (tap_of(&c->window, 0, k).phase == phase)
            turn_tap(c, k, size, weight, n++, taps, to);
    return taps;
}

/* An output was computed from what lies behind it on the plane; so dy lies before it, with as much padding. */
static job input_job(fr_dtype dtype, const fr_convolution *c, int64_t phase, int64_t taps)
{
    const fr_sliding_window *w = &c->window;
    job j = job_of(dtype, c);

    j.channels = c->out_channels;
    j.out_channels = c->in_channels;
    j.planes = 1;
    j.taps = taps;
    j.in_numel = fr_window_out_numel(w);
    j.out_numel = fr_window_in_numel(w);
    j.in[0] = plane_of_output(w, j.width, shift_of(w, 0), shift_of(w, 1));
    j.out = plane_of_phase(w, j.width, phase);
    j.back = true;
    j.phase = phase;
    j.rows = j.channels * j.taps;
    cut_blocks(&j, 0);
    return j;
}

bool fr_planes_grad_input(fr_dtype dtype, const fr_convolution *c, const void *dy, const void *weight, void *dx)
{
    const fr_sliding_window *w = &c->window;
    int64_t size = (int64_t)fr_dtype_size(dtype);
    size_t bytes = (size_t)(c->groups * c->in_channels * c->out_channels * w->kernel[0] * w->kernel[1] * size);
    char *turned = fr_alloc(bytes);
    bool ok = turned != NULL;

    for (int64_t phase = 0; ok && phase < w->stride[0] * w->stride[1]; phase++) {
        int64_t taps = turn_filters(c, phase, size, weight, turned);
        job j = input_job(dtype, c, phase, taps);

        j.x = dy;
        j.weight = turned;
        j.result = dx;
        ok = j.out.lines == 0 || j.out.columns == 0 || compute_blocks(&j);
    }
    fr_free(turned, bytes);
    return ok;
}

/* --- dweight: a unit is one group of a slice of the images -------------------------------------------------------- */

/* sums (channels,taps,filters): for each tap the product of the planes, shifted, and dy transposed. */
static void multiply_taps(const job *j, int64_t n, const char *pieces, const char *packed, bool add, char *sums)
{
    int64_t filters = j->out_channels;

    for (int64_t k = 0; k < j->taps; k++)
        fr_multiply_packed(j->dtype, j->channels, filters, n, pieces + j->offset[k] * j->size, j->planes * j->piece, 1,
                           packed, NULL, add, sums + k * filters * j->size, j->taps * filters);
}

/* Adds the products of a block, of n positions of dy, to sums. One of the two is transposed: dy, or all its shifted
 * planes. */
static void add_block(const job *j, int64_t n, const char *pieces, char *packed, const char *dy, bool add, char *sums)
{
    if (j->by_taps) {
        fr_pack(j->dtype, n, j->out_channels, dy, 1, j->block, packed);
        multiply_taps(j, n, pieces, packed, add, sums);
        return;
    }
    fr_pack_shifted(j->dtype, n, j->rows, pieces, j->offset, packed);
    fr_multiply_packed(j->dtype, j->out_channels, j->rows, n, dy, j->block, 1, packed, NULL, add, sums, j->rows);
}

static void compute_dweight(const void *user, int64_t unit, char *pieces)
{
    const job *j = user;
    const fr_convolution *c = j->c;
    int64_t slice = unit / c->groups, image_size = j->out.lines * j->out.columns;
    int64_t end = fr_least((slice + 1) * j->slice, c->batch), weights = c->out_channels * j->rows * j->size;
    char *packed = pieces + j->pieces_bytes, *dy = packed + j->packed_bytes;
    char *dweight = j->result + unit * weights, *sums = j->by_taps ? dy + j->out_bytes : dweight;

    for (int64_t image = slice * j->slice; image < end; image++)
        for (int64_t b = 0; b < j->blocks; b++) {
            int64_t group = image * c->groups + unit % c->groups, first = b * j->block;
            int64_t n = fr_least(j->block, j->run - first);

            read_pieces(j, group, first, pieces);
            for (int64_t i = 0; i < c->out_channels; i++)
                fr_plane_read(j->dtype, &j->out, first, n, j->dy + (group * c->out_channels + i) * image_size * j->size,
                              dy + i * j->block * j->size);
            add_block(j, n, pieces, packed, dy, image > slice * j->slice || b > 0, sums);
        }
    if (j->by_taps)
        fr_transpose_rows(j->dtype, j->rows, c->out_channels, sums, dweight);
}

/* Products of few rows, or columns, would not fill the registers. */
static bool suits_taps(const fr_convolution *c)
{
    enum { ROWS = 4, COLUMNS = 8 };

    return c->in_channels >= ROWS && c->out_channels >= COLUMNS;
}

bool fr_planes_grad_weight(fr_dtype dtype, const fr_convolution *c, int64_t slice, const void *x, const void *dy,
                           void *dweight)
{
    job j = forward_job(dtype, c);
    int64_t columns;

    j.x = x;
    j.dy = dy;
    j.result = dweight;
    j.slice = slice;
    j.by_taps = suits_taps(c);
    columns = j.by_taps ? j.out_channels : j.rows;
    cut_blocks(&j, columns);
    return run_job(&j, compute_dweight, fr_packed_bytes(dtype, j.block, columns),
                   j.by_taps ? j.rows * j.out_channels * j.size : 0, fr_divide_up(c->batch, slice) * c->groups,
                   (double)c->out_channels * (double)j.rows * (double)(j.block * j.blocks) * (double)slice);
}
