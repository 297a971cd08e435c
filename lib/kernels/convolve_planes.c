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
#include "kernels/phases.h"
#include "kernels/units.h"

enum {
    BLOCK = 1 << 16,    /* values that a block reads, packs or writes, about */
    BLOCKS = 8,         /* of all images: enough for the threads; but each has */
    MIN_POSITIONS = 64, /* at least, and */
    UNIT = 16,          /* a multiple of so many: then no vector of the product is cut */
    MAX_STRIDE = 2
};

/* A filter that reaches further than the image would make planes much larger than it. Each phase needs taps. */
bool fr_suits_planes(const fr_convolution *c)
{
    enum { FEW_ROWS = 8 };
    const fr_sliding_window *w = &c->window;
    bool suits = w->kernel[0] * w->kernel[1] > 1 && c->in_channels * w->kernel[0] * w->kernel[1] > FEW_ROWS;

    for (int i = 0; i < FR_SPATIAL_DIMS; i++)
        suits = suits && (w->stride[i] == 1 || (w->stride[i] <= MAX_STRIDE && w->dilation[i] == 1)) &&
                w->stride[i] <= w->kernel[i] && fr_window_reach(w, i) <= w->in_size[i] &&
                w->pad_before[i] <= fr_window_reach(w, i) && w->pad_after[i] <= fr_window_reach(w, i);
    return suits;
}

/* What is computed from planes: y, or a phase of dx: out[o] = sum over c, k of weight[o][c][k] in[c], shifted. */
typedef struct {
    fr_plane out; /* what a block is written to; of dweight dy, which is read */
    const char *weight;
    int64_t begin, run;          /* its first position; positions of a group of an image, 0: none */
    int64_t taps, rows, *offset; /* rows: channels times taps; where the first value of each is in the pieces */
} target;

typedef struct {
    const fr_convolution *c;
    fr_dtype dtype;
    int64_t size;                              /* bytes of a value */
    int64_t width;                             /* of all planes */
    int64_t channels, planes;                  /* that are read: of a group, and planes of each */
    fr_plane in[MAX_STRIDE * MAX_STRIDE];      /* planes of a channel */
    int64_t out_channels, in_numel, out_numel; /* values of a channel */
    target target[MAX_STRIDE * MAX_STRIDE];
    int targets;
    int64_t begin, block, blocks; /* of the first block; positions of a block; how many blocks */
    int64_t piece;                /* positions of a plane that a block reaches */
    const char *x, *dy, *bias;    /* bias: NULL: none */
    char *result;
    bool back;                                     /* dx: target i is computed by the taps that meet phase i */
    int64_t slice;                                 /* dweight: images of a slice */
    bool by_taps;                                  /* and how its products are cut */
    int64_t pieces_bytes, packed_bytes, out_bytes; /* the parts of a unit's scratch */
} job;

/* Sets the positions of all targets; returns those of the longest. *begin, *last: the first and the last beginning. */
static int64_t find_positions(job *j, int64_t *begin, int64_t *last)
{
    int64_t longest = 1;

    *begin = INT64_MAX;
    *last = 0;
    for (int i = 0; i < j->targets; i++) {
        target *t = &j->target[i];

        t->rows = j->channels * t->taps;
        if (t->out.lines == 0 || t->out.columns == 0)
            continue;
        t->begin = t->out.top * j->width + t->out.left;
        t->run = (t->out.lines - 1) * j->width + t->out.columns;
        *begin = fr_least(*begin, t->begin);
        *last = fr_most(*last, t->begin);
        longest = fr_most(longest, t->run);
    }
    *begin = fr_least(*begin, *last);
    return longest;
}

/* Cuts the positions of an image into blocks. packed: how many values are packed for one position. */
static void cut_blocks(job *j, int64_t packed)
{
    const fr_sliding_window *w = &j->c->window;
    int64_t values = fr_most(packed, fr_most(j->channels * j->planes, j->out_channels)), last;
    int64_t run = find_positions(j, &j->begin, &last);
    int64_t most = fr_least(BLOCK / values, fr_divide_up(j->c->batch * j->c->groups * run, BLOCKS));

    j->blocks = fr_divide_up(run, fr_most(most, MIN_POSITIONS));
    j->block = fr_round_up(fr_divide_up(run, j->blocks), UNIT);
    j->blocks = fr_divide_up(run, j->block);
    j->piece = j->block + last - j->begin + fr_phase_reach(w, 0) * j->width + fr_phase_reach(w, 1);
}

static job job_of(fr_dtype dtype, const fr_convolution *c)
{
    return (job){ .c = c, .dtype = dtype, .size = (int64_t)fr_dtype_size(dtype), .width = fr_phase_width(&c->window) };
}

/* From x to y. */
static job forward_job(fr_dtype dtype, const fr_convolution *c)
{
    const fr_sliding_window *w = &c->window;
    job j = job_of(dtype, c);

    j.channels = c->in_channels;
    j.out_channels = c->out_channels;
    j.planes = w->stride[0] * w->stride[1];
    j.in_numel = fr_window_in_numel(w);
    j.out_numel = fr_window_out_numel(w);
    for (int64_t i = 0; i < j.planes; i++)
        j.in[i] = fr_phase_plane(w, j.width, i);
    j.targets = 1;
    j.target[0] = (target){ .out = fr_output_plane(w, j.width, 0, 0), .taps = w->kernel[0] * w->kernel[1] };
    cut_blocks(&j, 0);
    return j;
}

/* Of target i, from `offset` on. Returns the end. */
static int64_t *set_offsets(job *j, int i, int64_t *offset)
{
    const fr_sliding_window *w = &j->c->window;
    int64_t reach = fr_phase_reach(w, 0) * j->width + fr_phase_reach(w, 1);

    j->target[i].offset = offset;
    for (int64_t channel = 0; channel < j->channels; channel++)
        for (int64_t k = 0; k < w->kernel[0] * w->kernel[1]; k++) {
            fr_tap t = fr_tap_of(w, j->width, k);

            if (!j->back)
                *offset++ = (channel * j->planes + t.phase) * j->piece + t.shift;
            else if (t.phase == i)
                *offset++ = channel * j->piece + reach - t.shift;
        }
    return offset;
}

/* Runs all units, of `work` multiply-adds each. False if memory runs out. */
static bool run_job(job *j, fr_unit *run, int64_t packed_bytes, int64_t sums_bytes, int64_t units, double work)
{
    enum { ALIGNED = 64 };
    const int64_t most = INT64_MAX / 1024; /* values: so that no size below overflows */
    int64_t pieces, out, *offsets, *next;
    size_t offset_bytes =
        (size_t)(j->channels * j->c->window.kernel[0] * j->c->window.kernel[1]) * sizeof *j->target->offset;
    bool ok;

    if (!fr_mul_size(j->channels * j->planes, j->piece, &pieces) || !fr_mul_size(j->out_channels, j->block, &out) ||
        pieces > most || out > most || packed_bytes < 0 || packed_bytes > most || !(offsets = fr_alloc(offset_bytes)))
        return false;
    j->pieces_bytes = fr_round_up(pieces * j->size, ALIGNED);
    j->packed_bytes = fr_round_up(packed_bytes, ALIGNED);
    j->out_bytes = fr_round_up(out * j->size, ALIGNED);
    next = offsets;
    for (int i = 0; i < j->targets; i++)
        next = set_offsets(j, i, next);
    ok = fr_run_units(units, work, j->pieces_bytes + j->packed_bytes + j->out_bytes + sums_bytes, run, j);
    fr_free(offsets, offset_bytes);
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

/* Block b of one target. */
static void compute_target(const job *j, const target *t, int64_t group, int64_t b, const char *pieces, char *out)
{
    int64_t first = t->begin + b * j->block, channel = group % j->c->groups * j->out_channels;
    int64_t n = fr_least(j->block, fr_round_up(t->run - b * j->block, UNIT));

    if (n <= 0)
        return;
    fr_multiply_shifted(j->dtype, j->out_channels, n, t->rows, t->weight + channel * t->rows * j->size, t->rows,
                        pieces + (t->begin - j->begin) * j->size, t->offset, out, j->block);
    for (int64_t i = 0; i < j->out_channels; i++)
        fr_plane_write(j->dtype, &t->out, first, n, out + i * j->block * j->size,
                       j->bias ? j->bias + (channel + i) * j->size : NULL,
                       j->result + (group * j->out_channels + i) * j->out_numel * j->size);
}

static void compute_block(const void *user, int64_t unit, char *pieces)
{
    const job *j = user;
    int64_t group = unit / j->blocks, b = unit % j->blocks;

    read_pieces(j, group, j->begin + b * j->block, pieces);
    for (int i = 0; i < j->targets; i++)
        compute_target(j, &j->target[i], group, b, pieces, pieces + j->pieces_bytes + j->packed_bytes);
}

static bool compute_blocks(job *j)
{
    int64_t rows = 0;

    for (int i = 0; i < j->targets; i++)
        rows += j->target[i].rows;
    return run_job(j, compute_block, 0, 0, j->c->batch * j->c->groups * j->blocks,
                   (double)j->out_channels * (double)rows * (double)j->block);
}

bool fr_planes_convolve(fr_dtype dtype, const fr_convolution *c, const void *x, const void *weight, const void *bias,
                        void *y)
{
    job j = forward_job(dtype, c);

    j.x = x;
    j.target[0].weight = weight;
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

/* The `taps` taps that meet a phase, from `to` on. Returns the end. */
static char *turn_filters(const fr_convolution *c, int64_t phase, int64_t taps, int64_t size, const char *weight,
                          char *to)
{
    int64_t n = 0;

    for (int64_t k = 0; k < c->window.kernel[0] * c->window.kernel[1]; k++)
        if (fr_tap_of(&c->window, 0, k).phase == phase)
            turn_tap(c, k, size, weight, n++, taps, to);
    return to + c->groups * c->in_channels * c->out_channels * taps * size;
}

/* An output was computed from what lies behind it on the plane; so dy lies before it, with as much padding. */
static job input_job(fr_dtype dtype, const fr_convolution *c)
{
    const fr_sliding_window *w = &c->window;
    job j = job_of(dtype, c);

    j.channels = c->out_channels;
    j.out_channels = c->in_channels;
    j.planes = 1;
    j.in_numel = fr_window_out_numel(w);
    j.out_numel = fr_window_in_numel(w);
    j.in[0] = fr_output_plane(w, j.width, fr_phase_reach(w, 0), fr_phase_reach(w, 1));
    j.targets = (int)(w->stride[0] * w->stride[1]);
    for (int i = 0; i < j.targets; i++)
        j.target[i].out = fr_phase_plane(w, j.width, i);
    for (int64_t k = 0; k < w->kernel[0] * w->kernel[1]; k++)
        j.target[fr_tap_of(w, j.width, k).phase].taps++;
    j.back = true;
    cut_blocks(&j, 0);
    return j;
}

bool fr_planes_grad_input(fr_dtype dtype, const fr_convolution *c, const void *dy, const void *weight, void *dx)
{
    job j = input_job(dtype, c);
    size_t bytes =
        (size_t)(c->groups * c->in_channels * c->out_channels * c->window.kernel[0] * c->window.kernel[1] * j.size);
    char *turned = fr_alloc(bytes), *next = turned;
    bool ok = turned != NULL;

    j.x = dy;
    j.result = dx;
    for (int i = 0; ok && i < j.targets; i++) {
        j.target[i].weight = next;
        next = turn_filters(c, i, j.target[i].taps, j.size, weight, next);
    }
    ok = ok && compute_blocks(&j);
    fr_free(turned, bytes);
    return ok;
}

/* --- dweight: a unit is one group of a slice of the images -------------------------------------------------------- */

/* sums (channels,taps,filters): for each tap the product of the planes, shifted, and dy transposed. */
static void multiply_taps(const job *j, int64_t n, const char *pieces, const char *packed, bool add, char *sums)
{
    const target *t = &j->target[0];
    int64_t filters = j->out_channels;

    for (int64_t k = 0; k < t->taps; k++)
        fr_multiply_packed(j->dtype, j->channels, filters, n, pieces + t->offset[k] * j->size, j->planes * j->piece, 1,
                           packed, NULL, add, sums + k * filters * j->size, t->taps * filters);
}

/* Adds the products of a block, of n positions of dy, to sums. One of the two is transposed: dy, or all its shifted
 * planes. */
static void add_block(const job *j, int64_t n, const char *pieces, char *packed, const char *dy, bool add, char *sums)
{
    const target *t = &j->target[0];

    if (j->by_taps) {
        fr_pack(j->dtype, n, j->out_channels, dy, 1, j->block, packed);
        multiply_taps(j, n, pieces, packed, add, sums);
        return;
    }
    fr_pack_shifted(j->dtype, n, t->rows, pieces, t->offset, packed);
    fr_multiply_packed(j->dtype, j->out_channels, t->rows, n, dy, j->block, 1, packed, NULL, add, sums, t->rows);
}

static void compute_dweight(const void *user, int64_t unit, char *pieces)
{
    const job *j = user;
    const fr_convolution *c = j->c;
    const target *t = &j->target[0];
    int64_t slice = unit / c->groups, image_size = t->out.lines * t->out.columns;
    int64_t end = fr_least((slice + 1) * j->slice, c->batch), weights = c->out_channels * t->rows * j->size;
    char *packed = pieces + j->pieces_bytes, *dy = packed + j->packed_bytes;
    char *dweight = j->result + unit * weights, *sums = j->by_taps ? dy + j->out_bytes : dweight;

    for (int64_t image = slice * j->slice; image < end; image++)
        for (int64_t b = 0; b < j->blocks; b++) {
            int64_t group = image * c->groups + unit % c->groups, first = b * j->block;
            int64_t n = fr_least(j->block, t->run - first);

            read_pieces(j, group, first, pieces);
            for (int64_t i = 0; i < c->out_channels; i++)
                fr_plane_read(j->dtype, &t->out, first, n, j->dy + (group * c->out_channels + i) * image_size * j->size,
                              dy + i * j->block * j->size);
            add_block(j, n, pieces, packed, dy, image > slice * j->slice || b > 0, sums);
        }
    if (j->by_taps)
        fr_transpose_rows(j->dtype, t->rows, c->out_channels, sums, dweight);
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
    columns = j.by_taps ? j.out_channels : j.target[0].rows;
    cut_blocks(&j, columns);
    return run_job(&j, compute_dweight, fr_packed_bytes(dtype, j.block, columns),
                   j.by_taps ? j.target[0].rows * j.out_channels * j.size : 0,
                   fr_divide_up(c->batch, slice) * c->groups,
                   (double)c->out_channels * (double)j.target[0].rows * (double)(j.block * j.blocks) * (double)slice);
}
