/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A channel with its padding is a plane, taken for one long line. At output position i of that line, tap k of the
 * filter meets the plane's value i + offset[k]. So the columns of convolve.c are the planes themselves, shifted: a row
 * for each channel and tap, which begins at its offset. Positions that belong to no output, where a line of the plane
 * ends, are computed and left out; in the gradient of the weight they meet zeros.
 *
 * The gradient of the input is a convolution too: of the planes of dy by the filters turned round, with the padding
 * that completes that of x. */
#include "kernels/convolve_planes.h"

#include "core/memory.h"
#include "core/shape.h"
#include "core/threads.h"
#include "kernels/packed_gemm.h"
#include "kernels/plane.h"

enum {
    BLOCK = 1 << 16,     /* values of the packed matrix of a block, about */
    MIN_POSITIONS = 128, /* of a block, */
    UNIT = 64,           /* which has a multiple of so many: then no panel of the product is cut */
    TILE_WORK = 1 << 20  /* multiply-adds in a tile, at least */
};

static int64_t reach_of(const fr_sliding_window *w, int dim)
{
    return (w->kernel[dim] - 1) * w->dilation[dim];
}

/* A filter that reaches further than the image would make planes much larger than it. */
bool fr_suits_planes(const fr_convolution *c)
{
    enum { FEW_ROWS = 8 };
    const fr_sliding_window *w = &c->window;
    bool suits = w->kernel[0] * w->kernel[1] > 1 && c->in_channels * w->kernel[0] * w->kernel[1] > FEW_ROWS;

    for (int i = 0; i < FR_SPATIAL_DIMS; i++)
        suits = suits && w->stride[i] == 1 && reach_of(w, i) <= w->in_size[i] && w->pad_before[i] <= reach_of(w, i) &&
                w->pad_after[i] <= reach_of(w, i);
    return suits;
}

typedef struct job job;

struct job {
    const fr_convolution *c;
    fr_dtype dtype;
    int64_t size;          /* bytes of a value */
    fr_plane in, out;      /* of x, with its padding, and of y */
    int64_t rows;          /* channels times taps; the first value of each is at */
    int64_t *offset;       /* in the pieces of the channels' planes */
    int64_t block, blocks; /* positions of a block; blocks of a group of an image */
    int64_t piece;         /* positions of a plane that a block reaches */
    const char *x, *weight, *dy;
    char *result;
    bool add;
    int64_t slice; /* dweight: images of a slice */
    int64_t units, per_tile;
    void (*run)(const job *j, int64_t unit, char *scratch);
    char *scratch;
    int64_t pieces_bytes, packed_bytes, out_bytes; /* the parts of a tile's scratch */
};

static int64_t round_up(int64_t a, int64_t unit)
{
    return fr_divide_up(a, unit) * unit;
}

static job job_of(fr_dtype dtype, const fr_convolution *c)
{
    const fr_sliding_window *w = &c->window;
    job j = { .c = c, .dtype = dtype, .size = (int64_t)fr_dtype_size(dtype) };
    int64_t run;

    j.in = (fr_plane){ .lines = w->in_size[0],
                       .columns = w->in_size[1],
                       .top = w->pad_before[0],
                       .left = w->pad_before[1],
                       .width = w->pad_before[1] + w->in_size[1] + w->pad_after[1] };
    j.out = (fr_plane){ .lines = w->out_size[0], .columns = w->out_size[1], .width = j.in.width };
    j.rows = c->in_channels * w->kernel[0] * w->kernel[1];
    run = (w->out_size[0] - 1) * j.in.width + w->out_size[1];
    j.blocks = fr_divide_up(run, fr_most(BLOCK / j.rows, MIN_POSITIONS));
    j.block = round_up(fr_divide_up(run, j.blocks), UNIT);
    j.blocks = fr_divide_up(run, j.block);
    j.piece = j.block + reach_of(w, 0) * j.in.width + reach_of(w, 1);
    return j;
}

static void set_offsets(job *j)
{
    const fr_sliding_window *w = &j->c->window;
    int64_t taps = w->kernel[0] * w->kernel[1];

    for (int64_t i = 0; i < j->rows; i++) {
        int64_t k = i % taps;

        j->offset[i] =
            i / taps * j->piece + k / w->kernel[1] * w->dilation[0] * j->in.width + k % w->kernel[1] * w->dilation[1];
    }
}

static void run_tile(void *user, int64_t tile)
{
    const job *j = user;
    int64_t end = fr_least((tile + 1) * j->per_tile, j->units);

    for (int64_t i = tile * j->per_tile; i < end; i++)
        j->run(j, i, j->scratch + tile * (j->pieces_bytes + j->packed_bytes + j->out_bytes));
}

/* Runs all units, of `work` multiply-adds each. False if memory runs out. */
static bool run_job(job *j, void (*run)(const job *j, int64_t unit, char *scratch), int64_t packed_bytes, int64_t units,
                    double work)
{
    enum { MAX_TILES = 32, ALIGNED = 64 };
    const int64_t most = INT64_MAX / 1024; /* values: so that no size below overflows */
    int64_t tiles, bytes, pieces, out;

    if (!fr_mul_size(j->c->in_channels, j->piece, &pieces) || !fr_mul_size(j->c->out_channels, j->block, &out) ||
        pieces > most || out > most || packed_bytes < 0 || packed_bytes > most)
        return false;
    j->run = run;
    j->units = units;
    j->per_tile = fr_most(work < TILE_WORK ? (int64_t)(TILE_WORK / work) : 1, fr_divide_up(units, MAX_TILES));
    tiles = fr_divide_up(units, j->per_tile);
    j->pieces_bytes = round_up(pieces * j->size, ALIGNED);
    j->packed_bytes = round_up(packed_bytes, ALIGNED);
    j->out_bytes = round_up(out * j->size, ALIGNED);
    bytes = tiles * (j->pieces_bytes + j->packed_bytes + j->out_bytes);
    j->offset = fr_alloc(fr_bytes(j->rows * (int64_t)sizeof *j->offset));
    j->scratch = j->offset ? fr_alloc(fr_bytes(bytes)) : NULL;
    if (j->scratch) {
        set_offsets(j);
        fr_run_tiles(tiles, run_tile, j);
        fr_free(j->scratch, (size_t)bytes);
    }
    if (j->offset)
        fr_free(j->offset, (size_t)j->rows * sizeof *j->offset);
    return j->scratch != NULL;
}

/* Reads what a block from position `first` on reaches, of a group of an image: (in_channels,piece). */
static void read_pieces(const job *j, int64_t group, int64_t first, char *pieces)
{
    int64_t channels = j->c->in_channels, image = j->in.lines * j->in.columns;

    for (int64_t i = 0; i < channels; i++)
        fr_plane_read(j->dtype, &j->in, first, j->piece, j->x + (group * channels + i) * image * j->size,
                      pieces + i * j->piece * j->size);
}

/* --- y: a unit is one block of a group of an image ---------------------------------------------------------------- */

static void compute_y(const job *j, int64_t unit, char *pieces)
{
    const fr_convolution *c = j->c;
    int64_t group = unit / j->blocks, first = unit % j->blocks * j->block, image = j->out.lines * j->out.columns;
    const char *weight = j->weight + group % c->groups * c->out_channels * j->rows * j->size;
    char *out = pieces + j->pieces_bytes + j->packed_bytes;

    read_pieces(j, group, first, pieces);
    fr_multiply_shifted(j->dtype, c->out_channels, j->block, j->rows, weight, j->rows, pieces, j->offset, out,
                        j->block);
    for (int64_t i = 0; i < c->out_channels; i++)
        fr_plane_write(j->dtype, &j->out, first, j->block, out + i * j->block * j->size, j->add,
                       j->result + (group * c->out_channels + i) * image * j->size);
}

bool fr_planes_convolve(fr_dtype dtype, const fr_convolution *c, const void *x, const void *weight, bool add, void *y)
{
    job j = job_of(dtype, c);

    j.x = x;
    j.weight = weight;
    j.add = add;
    j.result = y;
    return run_job(&j, compute_y, 0, c->batch * c->groups * j.blocks,
                   (double)c->out_channels * (double)j.rows * (double)j.block);
}

/* --- dx ------------------------------------------------------------------------------------------------------------
 */

/* to[c][o][k] = weight[o][c][taps - 1 - k], of each group. */
static void turn_filters(const fr_convolution *c, int64_t size, const char *weight, char *to)
{
    int64_t taps = c->window.kernel[0] * c->window.kernel[1];

    for (int64_t g = 0; g < c->groups; g++)
        for (int64_t i = 0; i < c->in_channels; i++)
            for (int64_t o = 0; o < c->out_channels; o++) {
                const char *filter = weight + ((g * c->out_channels + o) * c->in_channels + i) * taps * size;

                for (int64_t k = taps; k-- > 0; to += size)
                    memcpy(to, filter + k * size, (size_t)size);
            }
}

bool fr_planes_grad_input(fr_dtype dtype, const fr_convolution *c, const void *dy, const void *weight, void *dx)
{
    const fr_sliding_window *w = &c->window;
    fr_convolution back = *c;
    int64_t size = (int64_t)fr_dtype_size(dtype);
    size_t bytes = (size_t)(c->groups * c->in_channels * c->out_channels * w->kernel[0] * w->kernel[1] * size);
    char *turned = fr_alloc(bytes);
    bool ok;

    back.in_channels = c->out_channels;
    back.out_channels = c->in_channels;
    for (int i = 0; i < FR_SPATIAL_DIMS; i++) {
        back.window.in_size[i] = w->out_size[i];
        back.window.out_size[i] = w->in_size[i];
        back.window.pad_before[i] = reach_of(w, i) - w->pad_before[i];
        back.window.pad_after[i] = reach_of(w, i) - w->pad_after[i];
    }
    if (!turned)
        return false;
    turn_filters(c, size, weight, turned);
    ok = fr_planes_convolve(dtype, &back, dy, turned, false, dx);
    fr_free(turned, bytes);
    return ok;
}

/* --- dweight: a unit is one group of a slice of the images -------------------------------------------------------- */

static void compute_dweight(const job *j, int64_t unit, char *pieces)
{
    const fr_convolution *c = j->c;
    int64_t slice = unit / c->groups, image_size = j->out.lines * j->out.columns;
    int64_t end = fr_least((slice + 1) * j->slice, c->batch);
    char *packed = pieces + j->pieces_bytes, *dy = packed + j->packed_bytes;

    for (int64_t image = slice * j->slice; image < end; image++)
        for (int64_t b = 0; b < j->blocks; b++) {
            int64_t group = image * c->groups + unit % c->groups, first = b * j->block;

            read_pieces(j, group, first, pieces);
            fr_pack_shifted(j->dtype, j->block, j->rows, pieces, j->offset, packed);
            for (int64_t i = 0; i < c->out_channels; i++)
                fr_plane_read(j->dtype, &j->out, first, j->block,
                              j->dy + (group * c->out_channels + i) * image_size * j->size,
                              dy + i * j->block * j->size);
            fr_multiply_packed(j->dtype, c->out_channels, j->rows, j->block, dy, j->block, 1, packed, NULL,
                               image > slice * j->slice || b > 0,
                               j->result + unit * c->out_channels * j->rows * j->size, j->rows);
        }
}

bool fr_planes_grad_weight(fr_dtype dtype, const fr_convolution *c, int64_t slice, const void *x, const void *dy,
                           void *dweight)
{
    job j = job_of(dtype, c);

    j.x = x;
    j.dy = dy;
    j.result = dweight;
    j.slice = slice;
    return run_job(&j, compute_dweight, fr_packed_bytes(dtype, j.block, j.rows),
                   fr_divide_up(c->batch, slice) * c->groups,
                   (double)c->out_channels * (double)j.rows * (double)(j.block * j.blocks) * (double)slice);
}
