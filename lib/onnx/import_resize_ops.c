/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's Resize and its elder Upsample: along one axis after another, each output is a sum of weighted inputs.
 * The rules for places and weights are those of the specification's Resize-19. */
#include <config.h>

#include "core/integer.h"
#include "graph/result_limit.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>
#include <stdlib.h>

enum { NEAREST, LINEAR, CUBIC };
enum { HALF_PIXEL, PYTORCH_HALF_PIXEL, ALIGN_CORNERS, ASYMMETRIC, CROP, HALF_PIXEL_SYMMETRIC };
enum { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, FLOOR, CEIL };
enum { STRETCH, NOT_LARGER, NOT_SMALLER };

static const char *const modes[] = { "nearest", "linear", "cubic", NULL };
static const char *const coordinates[] = { "half_pixel", "pytorch_half_pixel", "align_corners",
                                           "asymmetric", "tf_crop_and_resize", "half_pixel_symmetric",
                                           NULL };
static const char *const nearest_modes[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL };
static const char *const policies[] = { "stretch", "not_larger", "not_smaller", NULL };

typedef struct {
    int mode, coordinate, nearest, policy; /* of the lists above */
    bool antialias, exclude_outside;
    double cubic, extrapolation;
} resize_way;

/* How the sizes of one axis change; the part from..to of it is what CROP takes, 1 being the whole. */
typedef struct {
    int64_t in, out;
    double scale, from, to;
} resize_axis;

static bool is_upsample(const fr_import_call *c)
{
    return c->opset < 11 || strcmp(c->op->type, "Upsample") == 0;
}

/* Upsample, and Resize before operator set 11, round places down. */
static bool read_way(const fr_import_call *c, resize_way *way)
{
    bool old = is_upsample(c);

    *way = (resize_way){ .mode = fr_import_choice(c, "mode", modes),
                         .coordinate =
                             old ? ASYMMETRIC : fr_import_choice(c, "coordinate_transformation_mode", coordinates),
                         .nearest = old ? FLOOR : fr_import_choice(c, "nearest_mode", nearest_modes),
                         .policy = fr_import_choice(c, "keep_aspect_ratio_policy", policies),
                         .cubic = fr_import_float(c, "cubic_coeff_a", -0.75),
                         .extrapolation = fr_import_float(c, "extrapolation_value", 0) };
    way->antialias = way->mode != NEAREST && fr_import_int(c, "antialias", 0);
    way->exclude_outside = fr_import_int(c, "exclude_outside", 0);
    return way->mode >= 0 && way->coordinate >= 0 && way->nearest >= 0 && way->policy >= 0;
}

static bool check_resize(const fr_import_call *c)
{
    resize_way way;

    return read_way(c, &way);
}

/* Where output i of the axis lies among its inputs. */
static double place_of(const resize_way *way, const resize_axis *a, int64_t i)
{
    double size = (double)a->in, wanted = a->scale * size, x = (double)i, middle = (x + 0.5) / a->scale - 0.5;

    switch (way->coordinate) {
    case ALIGN_CORNERS:
        return wanted == 1 ? 0 : x * (size - 1) / (wanted - 1);
    case ASYMMETRIC:
        return x / a->scale;
    case CROP:
        return a->from * (size - 1) + (a->to - a->from) * (size - 1) * (a->out == 1 ? 0.5 : x / ((double)a->out - 1));
    case PYTORCH_HALF_PIXEL:
        return wanted == 1 ? -0.5 : middle;
    case HALF_PIXEL_SYMMETRIC:
        return size / 2 * (1 - (double)a->out / wanted) + middle;
    default:
        return middle;
    }
}

/* What an input at a distance counts: a triangle, or Keys' cubic. */
static double weight_at(const resize_way *way, double distance)
{
    double x = fabs(distance), a = way->cubic;

    if (way->mode == LINEAR)
        return fmax(0, 1 - x);
    return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* The input whose place, `part` of the way from one (0) to the next (1), is the nearest: 0 or 1. */
static int nearest_of(const resize_way *way, double part)
{
    switch (way->nearest) {
    case ROUND_PREFER_FLOOR:
        return part > 0.5;
    case ROUND_PREFER_CEIL:
        return part >= 0.5;
    case FLOOR:
        return part == 1;
    default:
        return 1;
    }
}

/* The inputs around each output (taps,out), and their weights in float64. */
typedef struct {
    int64_t taps, first; /* first: of the tap 0, from the input before the place */
    double scale;        /* of distances: below 1, more inputs count */
    fr_tensor *index, *weight, *outside;
} resize_taps;

static void fill_output(const resize_way *way, const resize_axis *a, resize_taps *t, int64_t i)
{
    int64_t *index = (int64_t *)(void *)t->index->origin;
    double *weight = (double *)(void *)t->weight->origin;
    double place = fmin(fmax(place_of(way, a, i), -0x1p40), 0x1p40), before = ceil(place) - 1, part = place - before;
    double sum = 0;

    for (int64_t k = 0; k < t->taps; k++) {
        int64_t at = (int64_t)before + t->first + k;
        bool left_out = way->exclude_outside && (at < 0 || at >= a->in);
        double w = weight_at(way, ((double)(t->first + k) - part) * t->scale);

        if (way->mode == NEAREST)
            at = (int64_t)before + nearest_of(way, part);
        index[k * a->out + i] = fr_most(0, fr_least(at, a->in - 1));
        sum += weight[k * a->out + i] = left_out ? 0 : w;
    }
    for (int64_t k = 0; k < t->taps && (way->antialias || way->exclude_outside); k++)
        weight[k * a->out + i] /= sum;
    ((int64_t *)(void *)t->outside->origin)[i] = way->coordinate == CROP && (place < 0 || place > (double)a->in - 1);
}

static bool make_taps(const resize_way *way, const resize_axis *a, resize_taps *t)
{
    t->scale = way->antialias ? fmin(a->scale, 1) : 1;
    t->first = (int64_t)floor(-(way->mode == CUBIC ? 2 : 1) / t->scale) + 1;
    t->taps = way->mode == NEAREST ? 1 : 2 - 2 * t->first;
    if (!fr_result_limit_count_bytes(fr_thread_self(), "resize", t->taps * a->out * 16))
        return false;
    t->index = fr_zeros_of(FR_SHAPE(t->taps, a->out), FR_I64);
    t->weight = fr_zeros_of(FR_SHAPE(t->taps, a->out), FR_F64);
    t->outside = fr_zeros_of(FR_SHAPE(a->out), FR_I64);
    for (int64_t i = 0; t->index && t->weight && t->outside && i < a->out; i++)
        fill_output(way, a, t, i);
    return t->index && t->weight && t->outside;
}

static fr_tensor *resize_along(const resize_way *way, const resize_axis *a, fr_tensor *x, int dim)
{
    fr_shape along = { .ndim = fr_ndim(x) - dim, .dim = { -1, 1, 1, 1, 1, 1, 1, 1 } };
    fr_tensor *y = NULL;
    resize_taps t;

    if (!make_taps(way, a, &t))
        return NULL;
    if (way->mode == NEAREST)
        y = fr_index_select(x, dim, fr_select(t.index, 0, 0));
    for (int64_t k = 0; k < t.taps && way->mode != NEAREST; k++) {
        fr_tensor *weight = fr_cast(fr_select(t.weight, 0, k), fr_dtype_of(x));
        fr_tensor *part = fr_mul(fr_index_select(x, dim, fr_select(t.index, 0, k)), fr_reshape(weight, along));

        y = k == 0 ? part : fr_add(y, part);
    }
    return way->coordinate == CROP ? fr_masked_fill(y, fr_reshape(t.outside, along), way->extrapolation) : y;
}

/* The numbers of input i, one for each axis; n 0: it is not there. */
static bool read_list(const fr_import_call *c, int i, int64_t count, double *list, int *n)
{
    const fr_tensor *t = fr_import_input(c, i);

    *n = t ? (int)fr_least(t->numel, FR_IMPORT_MAX_INTS + 1) : 0;
    if (*n != 0 && *n != count)
        return fr_import_fail(c, "expected as many scales, sizes or limits as axes");
    for (int k = 0; k < *n; k++)
        if (!isfinite(list[k] = fr_at(t, k)))
            return fr_import_fail(c, "a scale, size or limit is not finite");
    return true;
}

/* Scales are an attribute of Upsample-7, input 1 of Upsample-9 and Resize-10, else input 2; sizes are input 3. */
static bool read_scales(const fr_import_call *c, int count, double *scales, int *n, double *sizes, int *sized)
{
    const fr_attribute_proto *a = fr_import_attribute(c, "scales");

    *sized = 0;
    if (!read_list(c, is_upsample(c) ? 1 : 2, count, scales, n) ||
        (!is_upsample(c) && !read_list(c, 3, count, sizes, sized)))
        return false;
    for (size_t k = 0; a && *n == 0 && a->n_floats == (size_t)count && k < a->n_floats; k++)
        scales[k] = (double)a->floats[k];
    if (a && a->n_floats == (size_t)count)
        *n = count;
    return (*n > 0) != (*sized > 0) || fr_import_fail(c, "expected either scales or sizes, for each axis");
}

/* Turns the sizes of all axes into those with one scale, which keeps what they show in shape. */
static void keep_aspect(const resize_way *way, resize_axis *axes, int n)
{
    double scale = axes[0].scale;

    for (int i = 1; i < n; i++)
        scale = way->policy == NOT_LARGER ? fmin(scale, axes[i].scale) : fmax(scale, axes[i].scale);
    for (int i = 0; i < n; i++) {
        axes[i].scale = scale;
        axes[i].out = (int64_t)(scale * (double)axes[i].in + 0.5);
    }
}

static bool read_resized(const fr_import_call *c, const resize_way *way, const int *dims, resize_axis *axes, int n)
{
    double scales[FR_IMPORT_MAX_INTS], sizes[FR_IMPORT_MAX_INTS], part[FR_IMPORT_MAX_INTS];
    int scaled, sized, parts = 0;

    if (!read_scales(c, n, scales, &scaled, sizes, &sized) ||
        (way->coordinate == CROP && !read_list(c, 1, 2 * n, part, &parts)))
        return false;
    if (way->coordinate == CROP && parts == 0)
        return fr_import_fail(c, "expected limits of what is cropped");
    for (int i = 0; i < n; i++) {
        int64_t in = c->in[0]->shape.dim[dims[i]];
        double out = sized ? sizes[i] : floor((double)in * scales[i]);

        if (!(out >= 0 && out <= 0x1p31) || (in == 0 && out > 0) || (!sized && !(scales[i] > 0)))
            return fr_import_fail(c, "a scale or size is out of range");
        axes[i] =
            (resize_axis){ .in = in, .out = (int64_t)out, .scale = sized ? out / (double)fr_most(in, 1) : scales[i] };
        if (parts)
            axes[i].from = part[i], axes[i].to = part[n + i];
    }
    if (sized && way->policy != STRETCH)
        keep_aspect(way, axes, n);
    return true;
}

static bool run_resize(fr_import_call *c)
{
    fr_tensor *y = fr_import_input(c, 0);
    resize_axis axes[FR_MAX_DIMS];
    int dims[FR_MAX_DIMS], n;
    fr_import_ints listed;
    resize_way way;

    if (!fr_import_require(c, 1) || !read_way(c, &way) || !fr_import_attribute_ints(c, "axes", &listed))
        return false;
    n = listed.n < 0 ? y->shape.ndim : listed.n;
    if (n < 1 || n > y->shape.ndim || (way.mode != NEAREST && y->dtype == FR_I64))
        return fr_import_fail(c, "its axes do not fit its input, or the mode is not for integers");
    for (int i = 0; i < n; i++)
        if ((dims[i] = listed.n < 0 ? i : fr_import_axis(c, y, listed.value[i])) < 0)
            return false;
    if (!read_resized(c, &way, dims, axes, n))
        return false;
    for (int i = 0; i < n && y; i++)
        if (axes[i].out == 0)
            y = fr_slice(y, dims[i], 0, 0, 1);
        else if (axes[i].out != axes[i].in || axes[i].scale != 1 || way.coordinate == CROP)
            y = resize_along(&way, &axes[i], y, dims[i]);
    return fr_import_return(c, y);
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "Resize",
      "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
      "keep_aspect_ratio_policy mode nearest_mode",
      .run = run_resize, .check = check_resize },
    { "Upsample", "mode scales", .run = run_resize, .check = check_resize },
};

const fr_import_op_table fr_import_resize_ops = { ops, sizeof ops / sizeof *ops };
