/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* interpolate: along one dim after the other each value is a weighted sum of one (nearest), two (linear) or four
 * (bicubic) values of x. Where they lie and their weights are PyTorch's, for float32 computed in float32. Its cases
 * stand in index/gather.c. */
#include "core/recorder.h"
#include "ops/op.h"

#include <float.h>

enum { TAPS = 4 };

/* One dim, and the dtype in which positions are rounded. */
typedef struct {
    const fr_interpolate_options *how;
    fr_dtype dtype;
    int64_t in, out;
    double step; /* between neighbours of the output, in those of the input */
} axis;

static double rounded(const axis *a, double value)
{
    return a->dtype == FR_F32 ? (double)(float)value : value;
}

static void find_step(axis *a, double scale_factor)
{
    if (a->how->align_corners)
        a->step = a->out > 1 ? (double)(a->in - 1) / (double)(a->out - 1) : 0;
    else
        a->step = scale_factor > 0 ? 1 / scale_factor : (double)a->in / (double)a->out;
    a->step = rounded(a, a->step);
}

/* Where output i lies among the inputs. */
static double position(const axis *a, int64_t i)
{
    if (a->how->align_corners || a->how->mode == FR_NEAREST)
        return rounded(a, a->step * (double)i);
    return rounded(a, rounded(a, a->step * ((double)i + 0.5)) - 0.5);
}

/* The weight of a value at that distance, which bicubic interpolation gives it (Keys, "Cubic convolution interpolation
 * for digital image processing", 1981), with -0.75 for its parameter. */
static double cubic_weight(double distance)
{
    const double a = -0.75, d = fabs(distance);

    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

static int64_t within(const axis *a, double i)
{
    return i < 0 ? 0 : i > (double)(a->in - 1) ? a->in - 1 : (int64_t)i;
}

/* The values of the input that output i is made of. Returns how many these are. */
static int find_taps(const axis *a, int64_t i, int64_t index[TAPS], double weight[TAPS])
{
    double at = position(a, i), first, t;

    if (a->how->mode == FR_NEAREST || a->how->mode == FR_NEAREST_EXACT) {
        index[0] = within(a, floor(a->how->mode == FR_NEAREST ? at : rounded(a, fmax(at, 0) + 0.5)));
        return 1;
    }
    if (a->how->mode == FR_LINEAR)
        at = fmin(fmax(at, 0), (double)(a->in - 1));
    first = floor(at);
    t = at - first;
    if (a->how->mode == FR_LINEAR) {
        index[0] = within(a, first);
        index[1] = within(a, first + 1);
        weight[0] = 1 - t;
        weight[1] = t;
        return 2;
    }
    for (int k = 0; k < TAPS; k++) {
        index[k] = within(a, first - 1 + k);
        weight[k] = cubic_weight(t + 1 - k);
    }
    return TAPS;
}

/* x with a->out values along dim. */
static fr_tensor *resampled(fr_tensor *x, int dim, const axis *a)
{
    fr_shape along = { x->shape.ndim - dim, { 1, 1 } };
    fr_tensor *index[TAPS], *weight[TAPS], *y = NULL;
    int taps = 0;

    along.dim[0] = a->out;
    for (int k = 0; k < TAPS; k++) {
        index[k] = fr_zeros_of(FR_SHAPE(a->out), FR_I64);
        weight[k] = fr_zeros_of(along, a->dtype);
        if (!index[k] || !weight[k])
            return NULL;
    }
    for (int64_t i = 0; i < a->out; i++) {
        int64_t at[TAPS];
        double by[TAPS] = { 1 };

        taps = find_taps(a, i, at, by);
        for (int k = 0; k < taps; k++) {
            ((int64_t *)(void *)index[k]->origin)[i] = at[k];
            FR_DISPATCH_FLOAT(weight[k], T, { ((T *)(void *)weight[k]->origin)[i] = (T)by[k]; })
        }
    }
    for (int k = 0; k < taps; k++) {
        fr_note_constant(fr_thread_self(), index[k]);
        fr_note_constant(fr_thread_self(), weight[k]);

        fr_tensor *part = fr_index_select(x, dim, index[k]);

        part = taps > 1 ? fr_mul(part, weight[k]) : part;
        y = y ? fr_add(y, part) : part;
    }
    return y;
}

bool fr_check_interpolation(const char *what, const fr_interpolate_options *o)
{
    bool nearest = o->mode == FR_NEAREST || o->mode == FR_NEAREST_EXACT;

    if (!fr_check_reserved(what, o->reserved) || !fr_shape_check_ndim(what, &o->size))
        return false;
    if (!nearest && o->mode != FR_LINEAR && o->mode != FR_BICUBIC)
        return fr_fail(what, "unknown mode %d", (int)o->mode);
    if ((o->size.ndim != 0) == (o->scale_factor != 0))
        return fr_fail(what, "expected either size or scale_factor");
    if (!(o->scale_factor >= 0 && o->scale_factor <= DBL_MAX))
        return fr_fail(what, "scale_factor is %g, expected a number above 0", o->scale_factor);
    return !nearest || !o->align_corners || fr_fail(what, "align_corners is for linear and bicubic");
}

/* The sizes of the result's dims after the channels. */
static bool find_sizes(const char *what, const fr_tensor *x, const fr_interpolate_options *o, int64_t size[2])
{
    int dims = x->shape.ndim - 2;
    char text[FR_SHAPE_TEXT], sizes[FR_SHAPE_TEXT];

    if (!(dims == 2 || (dims == 1 && o->mode != FR_BICUBIC)))
        return fr_fail(what, "x %s, expected %s(N, C, H, W)", fr_shape_text(&x->shape, text),
                       o->mode == FR_BICUBIC ? "" : "(N, C, L) or ");
    if (o->size.ndim > 1 && o->size.ndim != dims)
        return fr_fail(what, "size %s for x %s, expected one number or one for each dim after the channels",
                       fr_shape_text(&o->size, sizes), fr_shape_text(&x->shape, text));
    for (int i = 0; i < dims; i++) {
        double scaled = floor((double)x->shape.dim[2 + i] * o->scale_factor);

        size[i] = o->size.ndim > 0 ? o->size.dim[o->size.ndim > 1 ? i : 0] : scaled < 0x1p53 ? (int64_t)scaled : -1;
        if (size[i] < 1 || x->shape.dim[2 + i] < 1)
            return fr_fail(what, "dim %d of x %s to %lld values: there must be one or more", 2 + i,
                           fr_shape_text(&x->shape, text), (long long)size[i]);
    }
    return x->dtype != FR_I64 || fr_fail(what, "int64 given, expected float32 or float64; use fr_cast");
}

static fr_tensor *interpolated(fr_tensor *x, const fr_interpolate_options *o)
{
    int64_t size[2];

    if (!fr_check_interpolation("interpolate", o) || !find_sizes("interpolate", x, o, size))
        return NULL;
    for (int i = 0, dims = x->shape.ndim - 2; x && i < dims; i++) {
        axis a = { .how = o, .dtype = (fr_dtype)x->dtype, .in = x->shape.dim[2 + i], .out = size[i] };

        find_step(&a, o->recompute_scale_factor ? 0 : o->scale_factor);
        x = resampled(x, 2 + i, &a);
    }
    return x;
}

fr_tensor *fr_interpolate(fr_tensor *x, const fr_interpolate_options *options)
{
    fr_composition c = fr_compose("interpolate");
    bool given = fr_check_argument("interpolate", x, "x") && fr_check_argument("interpolate", options, "options");

    return fr_composed(c, given ? interpolated(x, options) : NULL);
}
