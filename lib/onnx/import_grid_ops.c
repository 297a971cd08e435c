/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's AffineGrid and GridSample: values of an image, or of more dims, at places between its pixels. */
#include <config.h>

#include "core/integer.h"
#include "onnx/import.h"

#include <frond/autograd.h>
#include <frond/op.h>
#include <frond/ops.h>

/* --- AffineGrid -------------------------------------------------------------------------------------------------- */

/* The places of n pixels from -1 to 1: of the middles of the outermost pixels, or of their edges. */
static fr_tensor *places_of(int64_t n, bool align_corners)
{
    fr_tensor *i = fr_arange(0, (double)fr_most(n, 1), 1, FR_F64);
    double last = n > 1 ? (double)n - 1 : 1;

    if (align_corners)
        return n == 1 ? fr_zeros_like(i) : fr_sub_scalar(fr_mul_scalar(i, 2 / last), 1);
    return fr_sub_scalar(fr_div_scalar(fr_add_scalar(fr_mul_scalar(i, 2), 1), (double)fr_most(n, 1)), 1);
}

/* theta (N,D,D+1) times (x,y,...,1) for each pixel of size (N,C,...,H,W): (N,...,H,W,D) */
static bool run_affine_grid(fr_import_call *c)
{
    bool align = fr_import_int(c, "align_corners", 0);
    fr_tensor *columns[FR_MAX_DIMS], *theta = fr_import_input(c, 0), *base;
    fr_import_ints size;

    if (!fr_import_require(c, 2) || !fr_import_input_ints(c, 1, "", &size))
        return false;

    int dims = size.n - 2;
    fr_shape pixels = { .ndim = dims }, shape = { .ndim = size.n };

    if (dims < 2 || dims > 3 || theta->shape.ndim != 3 || theta->shape.dim[1] != dims ||
        theta->shape.dim[2] != dims + 1)
        return fr_import_fail(c, "expected theta (N, 2, 3) and a size (N, C, H, W), or those of one dim more");
    memcpy(pixels.dim, size.value + 2, (size_t)dims * sizeof *pixels.dim);
    for (int i = 0; i < dims; i++) {
        fr_shape along = { dims, { 1, 1, 1 } };

        if (pixels.dim[i] < 1)
            return fr_import_fail(c, "its size has a dim below 1");
        along.dim[i] = pixels.dim[i];
        columns[dims - 1 - i] = fr_expand(fr_reshape(places_of(pixels.dim[i], align), along), pixels);
    }
    columns[dims] = fr_expand(fr_full_of((fr_shape){ 0 }, 1, FR_F64), pixels);
    base = fr_cast(fr_reshape(fr_stack(columns, dims + 1, -1), FR_SHAPE(-1, dims + 1)), fr_dtype_of(theta));
    shape.dim[0] = theta->shape.dim[0];
    memcpy(shape.dim + 1, pixels.dim, (size_t)dims * sizeof *shape.dim);
    shape.dim[dims + 1] = dims;
    return fr_import_return(c, fr_reshape(fr_matmul(base, fr_transpose(theta, 1, 2)), shape));
}

/* --- GridSample -------------------------------------------------------------------------------------------------- */

enum { NEAREST = 1, LINEAR = 2, CUBIC = 4 }; /* the pixels that count along a dim */
enum { ZEROS, BORDER, REFLECTION };

typedef struct {
    int taps, padding;
    bool align_corners;
} grid_way;

/* Places below the first and above the last edge (or pixel), folded back between them as often as it takes. */
static fr_tensor *reflected(const grid_way *way, fr_tensor *place, int64_t size)
{
    double low = way->align_corners ? 0 : -0.5, span = way->align_corners ? (double)size - 1 : (double)size;
    fr_tensor *from = fr_abs(fr_sub_scalar(place, low));

    if (span == 0)
        return fr_mul_scalar(place, 0);
    from = fr_remainder_scalar(from, 2 * span);
    return fr_add_scalar(fr_minimum(from, fr_sub(fr_full_of((fr_shape){ 0 }, 2 * span, fr_dtype_of(from)), from)), low);
}

/* What tap k counts, of a place that is `part` of the way from tap 0 to tap 1, or of 4 taps from tap 1 to tap 2. */
static fr_tensor *weight_of(const grid_way *way, fr_tensor *part, int k)
{
    double a = -0.75;
    fr_tensor *x = fr_abs(fr_sub_scalar(part, k - (way->taps == CUBIC)));

    if (way->taps == NEAREST)
        return fr_ones_like(part);
    if (way->taps == LINEAR)
        return fr_sub(fr_ones_like(x), x);
    if (k == 1 || k == 2) /* ((a + 2) x - (a + 3)) x^2 + 1 */
        return fr_add_scalar(fr_mul(fr_sub_scalar(fr_mul_scalar(x, a + 2), a + 3), fr_square(x)), 1);
    x = fr_mul(fr_add_scalar(fr_mul(fr_sub_scalar(x, 5), x), 8), x); /* a (x^3 - 5 x^2 + 8 x - 4) */
    return fr_mul_scalar(fr_sub_scalar(x, 4), a);
}

/* One dim: the places (N,P), where each tap is, and what it counts; 0 outside of the image, where zeros are. */
typedef struct {
    fr_tensor *index[4], *weight[4];
} grid_axis;

static bool read_axis(const grid_way *way, fr_tensor *grid, int64_t size, grid_axis *axis)
{
    double scale = way->align_corners ? ((double)size - 1) / 2 : (double)size / 2;
    fr_tensor *place = fr_add_scalar(fr_mul_scalar(grid, scale), ((double)size - 1) / 2), *before, *part;

    place = way->taps == NEAREST ? fr_round(place) : place;
    if (way->padding == BORDER)
        place = fr_clamp(place, 0, (double)size - 1);
    if (way->padding == REFLECTION)
        place = reflected(way, place, size);
    before = fr_detach(fr_floor(place));
    part = fr_sub(place, before);
    for (int k = 0; k < way->taps; k++) {
        fr_tensor *at = fr_add_scalar(before, k - (way->taps == CUBIC)), *in;

        if (way->padding == REFLECTION)
            at = reflected(way, at, size);
        in = fr_clamp(at, 0, (double)size - 1);
        axis->index[k] = fr_cast(in, FR_I64);
        axis->weight[k] = weight_of(way, part, k);
        if (way->padding == ZEROS)
            axis->weight[k] = fr_mul(axis->weight[k], fr_eq(in, at));
    }
    return axis->index[way->taps - 1] && axis->weight[way->taps - 1];
}

/* The sum over all taps of all dims. x (N,C,pixels), grid of one dim more than the places. */
static fr_tensor *sample(const grid_way *way, fr_tensor *x, const fr_shape *s, const grid_axis *axes, int dims)
{
    fr_tensor *y = NULL;
    int combinations = 1;

    for (int d = 0; d < dims; d++)
        combinations *= way->taps;
    for (int i = 0; i < combinations; i++) {
        fr_tensor *at = NULL, *weight = NULL, *values;

        for (int d = 0, rest = i; d < dims; d++, rest /= way->taps) {
            const grid_axis *a = &axes[d];

            at = d == 0 ? a->index[rest % way->taps]
                        : fr_add(fr_mul_scalar(at, (double)s->dim[2 + d]), a->index[rest % way->taps]);
            weight = d == 0 ? a->weight[rest % way->taps] : fr_mul(weight, a->weight[rest % way->taps]);
        }
        at = fr_unsqueeze(at, 1);
        if (!at)
            return NULL;
        at = fr_contiguous(fr_expand(at, FR_SHAPE(s->dim[0], s->dim[1], fr_dim(at, 2))));
        values = fr_mul(fr_gather(x, 2, at), fr_unsqueeze(weight, 1));
        y = i == 0 ? values : fr_add(y, values);
    }
    return y;
}

static bool run_grid_sample(fr_import_call *c)
{
    static const char *const modes[] = { "linear", "bilinear", "nearest", "cubic", "bicubic", NULL };
    static const int taps[] = { LINEAR, LINEAR, NEAREST, CUBIC, CUBIC };
    static const char *const paddings[] = { "zeros", "border", "reflection", NULL };
    int mode = fr_import_choice(c, "mode", modes), padding = fr_import_choice(c, "padding_mode", paddings), dims;
    grid_axis axes[3];

    if (mode < 0 || padding < 0 || !fr_import_require(c, 2))
        return false;

    const fr_shape *s = &c->in[0]->shape, *g = &c->in[1]->shape;
    grid_way way = { taps[mode], padding, fr_import_int(c, "align_corners", 0) };
    fr_shape shape = *g;

    dims = s->ndim - 2;
    if (dims < 1 || dims > 3 || g->ndim != s->ndim || g->dim[dims + 1] != dims || g->dim[0] != s->dim[0] ||
        c->in[0]->numel == 0 || c->in[1]->numel == 0)
        return fr_import_fail(c, "expected x (N, C, ...) and a grid (N, ..., D) of its D dims, neither empty");
    for (int d = 0; d < dims; d++) {
        fr_tensor *grid = fr_reshape(fr_select(c->in[1], -1, dims - 1 - d), FR_SHAPE(s->dim[0], -1));

        if (!read_axis(&way, grid, s->dim[2 + d], &axes[d]))
            return false;
    }
    shape.dim[1] = s->dim[1];
    memcpy(shape.dim + 2, g->dim + 1, (size_t)dims * sizeof *shape.dim);
    return fr_import_return(
        c, fr_reshape(sample(&way, fr_reshape(c->in[0], FR_SHAPE(s->dim[0], s->dim[1], -1)), s, axes, dims), shape));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "AffineGrid", "align_corners", .run = run_affine_grid },
    { "GridSample", "align_corners mode padding_mode", .run = run_grid_sample },
};

const fr_import_op_table fr_import_grid_ops = { ops, sizeof ops / sizeof *ops };
