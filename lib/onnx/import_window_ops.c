/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's convolutions and pools, by frond's ops; pools that frond has no op for are made of slices, one for each place
 * of the window. */
#include <config.h>

#include "core/integer.h"
#include "core/shape.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* --- Convolutions ------------------------------------------------------------------------------------------------ */

/* How a window slides over the last `dims` dims of its input. */
typedef struct {
    int dims;
    fr_shape stride, dilation;
    int64_t before[FR_MAX_DIMS], after[FR_MAX_DIMS]; /* padding */
} window;

static bool read_window(const fr_import_call *c, int dims, window *w)
{
    fr_import_ints strides, dilations, pads;

    if (!fr_import_attribute_ints(c, "strides", &strides) || !fr_import_attribute_ints(c, "dilations", &dilations) ||
        !fr_import_attribute_ints(c, "pads", &pads))
        return false;
    if ((strides.n >= 0 && strides.n != dims) || (dilations.n >= 0 && dilations.n != dims) ||
        (pads.n >= 0 && pads.n != 2 * dims))
        return fr_import_fail(c, "strides, dilations or pads do not fit");
    *w = (window){ .dims = dims, .stride.ndim = dims, .dilation.ndim = dims };
    for (int i = 0; i < dims; i++) {
        w->stride.dim[i] = strides.n < 0 ? 1 : strides.value[i];
        w->dilation.dim[i] = dilations.n < 0 ? 1 : dilations.value[i];
        w->before[i] = pads.n < 0 ? 0 : pads.value[i];
        w->after[i] = pads.n < 0 ? 0 : pads.value[dims + i];
    }
    return true;
}

static const char *const auto_pads[] = { "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", NULL };

/* Pads so that there is an output for each stride of x; of an odd number the larger half goes to the end, or to the
 * front. */
static bool auto_pad(const fr_import_call *c, const fr_tensor *x, const fr_shape *kernel, window *w)
{
    int kind = fr_import_choice(c, "auto_pad", auto_pads);

    for (int i = 0; i < w->dims && kind > 0; i++) {
        int64_t size = x->shape.dim[x->shape.ndim - w->dims + i], stride = fr_most(w->stride.dim[i], 1), outputs, all;

        outputs = (size + stride - 1) / stride;
        all = fr_most(0, (outputs - 1) * stride + (kernel->dim[i] - 1) * w->dilation.dim[i] + 1 - size);
        all = kind == 1 ? 0 : all;
        w->before[i] = kind == 2 ? all / 2 : all - all / 2;
        w->after[i] = all - w->before[i];
    }
    return kind >= 0;
}

static bool check_auto_pad(const fr_import_call *c)
{
    return fr_import_choice(c, "auto_pad", auto_pads) >= 0;
}

/* fr_pad takes the last dim first. */
static fr_tensor *padded(const window *w, fr_tensor *x, double value)
{
    int64_t around[2 * FR_MAX_DIMS];
    bool any = false;

    for (int i = 0; i < w->dims; i++) {
        around[2 * i] = w->before[w->dims - 1 - i];
        around[2 * i + 1] = w->after[w->dims - 1 - i];
        any = any || around[2 * i] != 0 || around[2 * i + 1] != 0;
    }
    return any ? fr_pad(x, around, 2 * w->dims, value) : x;
}

static bool run_conv(fr_import_call *c)
{
    if (!fr_import_require(c, 2))
        return false;

    fr_tensor *x = c->in[0];
    int dims = c->in[1]->shape.ndim - 2;
    fr_conv_options o = { .groups = fr_import_int(c, "group", 1) };
    window w = { 0 };

    if ((dims != 1 && dims != 2) || x->shape.ndim != dims + 2)
        return fr_import_fail(c, "its input must be (N, C, L) or (N, C, H, W)");
    fr_shape kernel = { dims, { c->in[1]->shape.dim[2], c->in[1]->shape.dim[dims == 2 ? 3 : 2] } };

    if (!read_window(c, dims, &w) || !auto_pad(c, x, &kernel, &w))
        return false;
    o.stride = w.stride;
    o.dilation = w.dilation;
    x = padded(&w, x, 0);
    return fr_import_return(c, dims == 1 ? fr_conv1d(x, c->in[1], fr_import_input(c, 2), &o)
                                         : fr_conv2d(x, c->in[1], fr_import_input(c, 2), &o));
}

/* The padding that leads to output_shape or, with auto_pad SAME, to `stride` outputs for each of x. */
static bool transposed_pad(const fr_import_call *c, const fr_tensor *x, const fr_shape *kernel,
                           const fr_import_ints *longer, window *w)
{
    int kind = fr_import_choice(c, "auto_pad", auto_pads);
    fr_import_ints wanted;

    if (kind < 0 || !fr_import_attribute_ints(c, "output_shape", &wanted))
        return false;
    if ((longer->n >= 0 && longer->n != w->dims) || (wanted.n >= 0 && wanted.n != w->dims))
        return fr_import_fail(c, "output_padding or output_shape does not fit");
    for (int i = 0; i < w->dims && (kind > 1 || wanted.n >= 0); i++) {
        int64_t in = x->shape.dim[2 + i], stride = w->stride.dim[i],
                size = wanted.n < 0 ? in * stride : wanted.value[i];
        int64_t whole = stride * (in - 1) + (kernel->dim[2 + i] - 1) * w->dilation.dim[i] + 1, all;

        all = whole + (longer->n < 0 ? 0 : longer->value[i]) - size;
        if (all < 0 && kind > 1)
            return fr_import_fail(c, "its stride leaves places that no input reaches");
        w->before[i] = all < 0 ? 0 : kind == 2 ? all / 2 : all - all / 2;
        w->after[i] = all - w->before[i];
    }
    return true;
}

/* The whole result, without padding; then pads are cut off it and output_padding is added, before the bias. */
static bool run_conv_transpose(fr_import_call *c)
{
    if (!fr_import_require(c, 2))
        return false;

    fr_tensor *x = c->in[0], *bias = fr_import_input(c, 2), *y;
    int dims = c->in[1]->shape.ndim - 2;
    fr_conv_transpose_options o = { .groups = fr_import_int(c, "group", 1) };
    fr_import_ints longer;
    window w = { 0 };

    if ((dims != 1 && dims != 2) || x->shape.ndim != dims + 2)
        return fr_import_fail(c, "its input must be (N, C, L) or (N, C, H, W)");
    if (!read_window(c, dims, &w) || !fr_import_attribute_ints(c, "output_padding", &longer) ||
        !transposed_pad(c, x, &c->in[1]->shape, &longer, &w))
        return false;
    o.stride = w.stride;
    o.dilation = w.dilation;
    for (int i = 0; i < dims; i++) {
        w.before[i] = -w.before[i];
        w.after[i] = (longer.n < 0 ? 0 : longer.value[i]) - w.after[i];
    }
    y = dims == 1 ? fr_conv_transpose1d(x, c->in[1], NULL, &o) : fr_conv_transpose2d(x, c->in[1], NULL, &o);
    y = y ? padded(&w, y, 0) : NULL;
    bias = bias && y ? fr_reshape(bias, (fr_shape){ dims + 1, { -1, 1, 1 } }) : NULL;
    return fr_import_return(c, bias ? fr_add(y, bias) : y);
}

/* --- Pools ------------------------------------------------------------------------------------------------------- */

/* How many places the window takes along each dim; sets what is padded behind the input so that the last place fits.
 * With ceil_mode there is one more where part of the window is left, if it starts in the input or before it. */
static bool place_windows(const fr_import_call *c, const window *w, const fr_shape *kernel, fr_shape *places,
                          window *extra)
{
    *places = (fr_shape){ .ndim = w->dims };
    *extra = (window){ .dims = w->dims };
    for (int i = 0; i < w->dims; i++) {
        int64_t in = c->in[0]->shape.dim[2 + i] + w->before[i] + w->after[i], stride = w->stride.dim[i];
        int64_t span = (kernel->dim[i] - 1) * w->dilation.dim[i] + 1, left = in - span;

        if (stride < 1 || stride > INT32_MAX || w->dilation.dim[i] < 1 || kernel->dim[i] < 1 || span > INT32_MAX ||
            left < 0)
            return fr_import_fail(c, "its window does not fit its input");
        places->dim[i] = left / stride + 1;
        if (fr_import_int(c, "ceil_mode", 0) && left % stride > 0 && places->dim[i] * stride < in - w->after[i])
            places->dim[i]++;
        extra->after[i] = fr_most(0, (places->dim[i] - 1) * stride + span - in);
    }
    return true;
}

/* The values of all windows at one place of theirs, number `at`. */
static fr_tensor *slice_at(const window *w, const fr_shape *kernel, const fr_shape *places, fr_tensor *x, int64_t at)
{
    for (int i = w->dims; i-- > 0 && x; at /= kernel->dim[i]) {
        int64_t from = at % kernel->dim[i] * w->dilation.dim[i];

        x = fr_slice(x, 2 + i, from, from + (places->dim[i] - 1) * w->stride.dim[i] + 1, w->stride.dim[i]);
    }
    return x;
}

/* Puts together what a window holds, by fr_add or fr_maximum. */
static fr_tensor *reduce_windows(const window *w, const fr_shape *kernel, const fr_shape *places, fr_tensor *x,
                                 fr_tensor *(*binary)(fr_tensor *, fr_tensor *))
{
    int64_t count = kernel->dim[0];
    fr_tensor *y = slice_at(w, kernel, places, x, 0);

    for (int i = 1; i < w->dims; i++)
        count *= kernel->dim[i];
    for (int64_t at = 1; at < count && y; at++)
        y = binary(y, slice_at(w, kernel, places, x, at));
    return y;
}

/* The largest value of each window, and output 1: where it is in the flat input, the first of several. */
static bool max_of_windows(fr_import_call *c, const window *w, const fr_shape *kernel, const fr_shape *places,
                           const window *extra)
{
    fr_tensor *x = c->in[0], *at = fr_reshape(fr_arange(0, (double)fr_most(1, x->numel), 1, FR_I64), x->shape), *best;

    x = padded(extra, padded(w, x, x->dtype == FR_I64 ? -0x1p63 : -INFINITY), x->dtype == FR_I64 ? -0x1p63 : -INFINITY);
    best = reduce_windows(w, kernel, places, x, fr_maximum);
    c->out[0] = best;
    if (c->outputs < 2 || !c->node->output[1][0] || !best)
        return best != NULL;
    at = padded(extra, padded(w, at, 0x1p62), 0x1p62);
    int64_t count = 1;

    for (int i = 0; i < w->dims; i++)
        count *= kernel->dim[i];
    for (int64_t k = 0; k < count; k++) {
        fr_tensor *hit = fr_eq(slice_at(w, kernel, places, x, k), best);
        fr_tensor *number =
            fr_where(hit, slice_at(w, kernel, places, at, k), fr_full_of((fr_shape){ 0 }, 0x1p62, FR_I64));

        c->out[1] = k == 0 ? number : fr_minimum(c->out[1], number);
    }
    return c->out[1] != NULL;
}

/* The mean over the values of each window that are there or, with count_include_pad, that are padding of the model. */
static bool mean_of_windows(fr_import_call *c, const window *w, const fr_shape *kernel, const fr_shape *places,
                            const window *extra)
{
    fr_tensor *x = padded(w, c->in[0], 0),
              *there = padded(w, fr_ones_like(c->in[0]), fr_import_int(c, "count_include_pad", 0) != 0);
    fr_tensor *sum = reduce_windows(w, kernel, places, padded(extra, x, 0), fr_add);

    return fr_import_return(c, fr_div(sum, reduce_windows(w, kernel, places, padded(extra, there, 0), fr_add)));
}

/* (the sum of |x|^p in each window)^(1/p) */
static bool norm_of_windows(fr_import_call *c, const window *w, const fr_shape *kernel, const fr_shape *places,
                            const window *extra)
{
    double p = (double)fr_import_int(c, "p", 2);
    fr_tensor *x = padded(extra, padded(w, fr_pow_scalar(fr_abs(c->in[0]), p), 0), 0);

    if (p < 1)
        return fr_import_fail(c, "its p is below 1");
    return fr_import_return(c, fr_pow_scalar(reduce_windows(w, kernel, places, x, fr_add), 1 / p));
}

/* frond's own pools take 1 or 2 dims, the same padding on both sides, at most half a window, and means no dilation. */
static bool is_own_pool(const fr_import_call *c, const window *w, const fr_shape *kernel)
{
    bool max = strcmp(c->op->type, "MaxPool") == 0;
    bool own = w->dims <= 2 && c->in[0]->dtype != FR_I64 && strcmp(c->op->type, "LpPool") != 0 &&
               !(c->outputs > 1 && c->node->output[1][0]);

    for (int i = 0; i < w->dims && own; i++)
        own = w->before[i] == w->after[i] && w->before[i] <= kernel->dim[i] / 2 && (max || w->dilation.dim[i] == 1);
    return own;
}

static bool own_pool(fr_import_call *c, const window *w, fr_shape kernel)
{
    fr_tensor *x = c->in[0];
    fr_shape padding = { w->dims, { w->before[0], w->before[1] } };
    bool ceil_mode = fr_import_int(c, "ceil_mode", 0);
    fr_max_pool_options max = {
        .stride = w->stride, .dilation = w->dilation, .padding = padding, .ceil_mode = ceil_mode
    };
    fr_avg_pool_options mean = { .stride = w->stride,
                                 .padding = padding,
                                 .ceil_mode = ceil_mode,
                                 .exclude_pad = !fr_import_int(c, "count_include_pad", 0) };

    if (strcmp(c->op->type, "MaxPool") == 0)
        return fr_import_return(c,
                                w->dims == 1 ? fr_max_pool1d(x, kernel.dim[0], &max) : fr_max_pool2d(x, kernel, &max));
    return fr_import_return(c, w->dims == 1 ? fr_avg_pool1d(x, kernel.dim[0], &mean) : fr_avg_pool2d(x, kernel, &mean));
}

static bool run_pool(fr_import_call *c)
{
    fr_import_ints sizes;
    fr_shape kernel = { 0 }, places;
    window w = { 0 }, extra;

    if (!fr_import_require(c, 1) || !fr_import_attribute_ints(c, "kernel_shape", &sizes))
        return false;

    int dims = c->in[0]->shape.ndim - 2;

    if (dims < 1 || sizes.n != dims)
        return fr_import_fail(c, "its input must be (N, C, ...), with a size of kernel_shape for each dim after these");
    kernel.ndim = dims;
    memcpy(kernel.dim, sizes.value, (size_t)dims * sizeof *kernel.dim);
    if (!read_window(c, dims, &w) || !auto_pad(c, c->in[0], &kernel, &w))
        return false;
    if (is_own_pool(c, &w, &kernel))
        return own_pool(c, &w, kernel);
    if (!place_windows(c, &w, &kernel, &places, &extra))
        return false;
    if (fr_import_int(c, "storage_order", 0))
        return fr_import_fail(c, "storage_order 1 is not supported");
    return (strcmp(c->op->type, "MaxPool") == 0  ? max_of_windows
            : strcmp(c->op->type, "LpPool") == 0 ? norm_of_windows
                                                 : mean_of_windows)(c, &w, &kernel, &places, &extra);
}

/* Writes values to the places that MaxPool told, into zeros of the shape that the window leads back to. */
static bool run_max_unpool(fr_import_call *c)
{
    fr_import_ints sizes, given;
    window w;

    if (!fr_import_require(c, 2) || !fr_import_attribute_ints(c, "kernel_shape", &sizes) ||
        !read_window(c, c->in[0]->shape.ndim - 2, &w) || !fr_import_input_ints(c, 2, "", &given))
        return false;

    fr_shape shape = c->in[0]->shape;

    if (shape.ndim < 3 || sizes.n != w.dims || (given.n >= 0 && given.n != shape.ndim) ||
        c->in[1]->numel != c->in[0]->numel)
        return fr_import_fail(c, "its inputs do not fit its window");
    for (int i = 2; i < shape.ndim; i++)
        shape.dim[i] = (shape.dim[i] - 1) * w.stride.dim[i - 2] + sizes.value[i - 2] - w.before[i - 2] - w.after[i - 2];
    for (int i = 0; i < given.n; i++)
        if (given.value[i] != shape.dim[i]) /* which shape the places are of is not clear then */
            return fr_import_fail(c, "its output shape is not the one that the window leads to");

    fr_tensor *y = fr_expand(fr_zeros_of((fr_shape){ 0 }, fr_dtype_of(c->in[0])), shape),
              *flat = fr_reshape(y, FR_SHAPE(-1));

    return fr_import_return(
        c, fr_view_as(fr_scatter(flat, 0, fr_reshape(c->in[1], FR_SHAPE(-1)), fr_reshape(c->in[0], FR_SHAPE(-1))), y));
}

/* Reduces each channel to one value. */
static bool run_global_pool(fr_import_call *c)
{
    fr_tensor *y = fr_import_input(c, 0);

    if (!fr_import_require(c, 1))
        return false;
    for (int i = 2; i < c->in[0]->shape.ndim && y; i++)
        y = c->op->reduce(y, i, true);
    return fr_import_return(c, y);
}

/* Conv of x - zero and w - zero, exact in float64. */
static bool run_conv_integer(fr_import_call *c)
{
    fr_import_call floats = *c;
    fr_tensor *in[2];

    if (!fr_import_require(c, 2))
        return false;
    for (int i = 0; i < 2; i++) {
        fr_tensor *zero = fr_import_input(c, 2 + i);

        if (zero && zero->numel != 1)
            return fr_import_fail(c, "expected one zero point for all");
        in[i] = fr_cast(zero ? fr_sub(c->in[i], fr_reshape(zero, (fr_shape){ 0 })) : c->in[i], FR_F64);
        if (!in[i])
            return false;
    }
    floats.in = in;
    floats.inputs = 2;
    return run_conv(&floats) && fr_import_return(c, fr_cast(floats.out[0], FR_I64));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

#define WINDOW "auto_pad ceil_mode dilations group kernel_shape pads strides"

static const fr_import_op ops[] = {
    { "AveragePool", WINDOW " count_include_pad", .run = run_pool, .check = check_auto_pad },
    { "Conv", WINDOW, .run = run_conv, .check = check_auto_pad },
    { "ConvInteger", WINDOW, .result = FR_ONNX_INT32, .run = run_conv_integer, .check = check_auto_pad },
    { "ConvTranspose", WINDOW " output_padding output_shape", .run = run_conv_transpose, .check = check_auto_pad },
    { "GlobalAveragePool", .reduce = fr_mean_dim, .run = run_global_pool },
    { "GlobalMaxPool", .reduce = fr_max_dim, .run = run_global_pool },
    { "LpPool", WINDOW " p", .run = run_pool, .check = check_auto_pad },
    { "MaxPool", WINDOW " storage_order", .others = FR_ONNX_INT64, .run = run_pool, .check = check_auto_pad },
    { "MaxUnpool", "kernel_shape pads strides", .run = run_max_unpool },
};

const fr_import_op_table fr_import_window_ops = { ops, sizeof ops / sizeof *ops };
