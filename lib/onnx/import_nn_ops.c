/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's convolutions, pools, normalisations and dropout, by frond's ops. */
#include <config.h>

#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* --- Convolutions ------------------------------------------------------------------------------------------------ */

/* How a window slides over the last `dims` dims, 1 or 2, of its input. */
typedef struct {
    int dims;
    fr_shape stride, dilation;
    int64_t before[2], after[2]; /* padding */
} window;

static bool read_window(const fr_import_call *c, int dims, window *w)
{
    fr_import_ints strides, dilations, pads;

    if (!fr_import_attribute_ints(c, "strides", &strides) || !fr_import_attribute_ints(c, "dilations", &dilations) ||
        !fr_import_attribute_ints(c, "pads", &pads))
        return false;
    if (fr_import_attribute(c, "auto_pad") && !fr_import_string_is(c, "auto_pad", "NOTSET") &&
        !fr_import_string_is(c, "auto_pad", "VALID"))
        return fr_import_fail(c, "auto_pad is not supported");
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

/* fr_pad takes the last dim first. */
static fr_tensor *padded(const window *w, fr_tensor *x, double value)
{
    int64_t around[4];
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
    if (!read_window(c, dims, &w))
        return false;
    o.stride = w.stride;
    o.dilation = w.dilation;
    x = padded(&w, x, 0);
    return fr_import_return(c, dims == 1 ? fr_conv1d(x, c->in[1], fr_import_input(c, 2), &o)
                                         : fr_conv2d(x, c->in[1], fr_import_input(c, 2), &o));
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
    if (fr_import_attribute(c, "output_shape"))
        return fr_import_fail(c, "output_shape is not supported");
    if (!read_window(c, dims, &w) || !fr_import_attribute_ints(c, "output_padding", &longer))
        return false;
    if (longer.n >= 0 && longer.n != dims)
        return fr_import_fail(c, "output_padding does not fit");
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

/* True if frond's pools can do the padding: the same on both sides, at most half a window. */
static bool is_pool_padding(const window *w, const fr_shape *kernel)
{
    for (int i = 0; i < w->dims; i++)
        if (w->before[i] != w->after[i] || w->before[i] > kernel->dim[i] / 2)
            return false;
    return true;
}

/* padding: what the pool itself does; ndim 0: x has to be padded before. */
static bool max_pool(fr_import_call *c, const window *w, fr_shape kernel, const fr_shape *padding)
{
    fr_max_pool_options o = { .stride = w->stride, .dilation = w->dilation, .padding = *padding };
    fr_tensor *x = padding->ndim > 0 ? c->in[0] : padded(w, c->in[0], -INFINITY);

    o.ceil_mode = fr_import_int(c, "ceil_mode", 0);
    if (c->outputs > 1 && c->node->output[1][0])
        return fr_import_fail(c, "Indices are not supported");
    return fr_import_return(c, w->dims == 1 ? fr_max_pool1d(x, kernel.dim[0], &o) : fr_max_pool2d(x, kernel, &o));
}

static bool avg_pool(fr_import_call *c, const window *w, fr_shape kernel, const fr_shape *padding)
{
    fr_avg_pool_options o = { .stride = w->stride, .padding = *padding };
    fr_tensor *x = c->in[0];

    o.ceil_mode = fr_import_int(c, "ceil_mode", 0);
    o.exclude_pad = !fr_import_int(c, "count_include_pad", 0);
    if (w->dilation.dim[0] != 1 || (w->dims > 1 && w->dilation.dim[1] != 1))
        return fr_import_fail(c, "an average with dilations is not supported");
    if (padding->ndim == 0 && (o.exclude_pad || o.ceil_mode))
        return fr_import_fail(c, "an average with pads that differ or are more than half a window is not supported");
    if (padding->ndim == 0)
        x = padded(w, x, 0);
    return fr_import_return(c, w->dims == 1 ? fr_avg_pool1d(x, kernel.dim[0], &o) : fr_avg_pool2d(x, kernel, &o));
}

static bool run_pool(fr_import_call *c)
{
    fr_import_ints sizes;
    fr_shape kernel = { 0 }, padding;
    window w = { 0 };

    if (!fr_import_require(c, 1) || !fr_import_attribute_ints(c, "kernel_shape", &sizes))
        return false;

    int dims = c->in[0]->shape.ndim - 2;

    if ((dims != 1 && dims != 2) || sizes.n != dims)
        return fr_import_fail(c, "its input must be (N, C, L) or (N, C, H, W), with a kernel_shape of 1 or 2 sizes");
    if (!read_window(c, dims, &w))
        return false;
    kernel.ndim = dims;
    memcpy(kernel.dim, sizes.value, (size_t)dims * sizeof *kernel.dim);
    padding = (fr_shape){ is_pool_padding(&w, &kernel) ? dims : 0, { w.before[0], w.before[1] } };
    return strcmp(c->node->op_type, "MaxPool") == 0 ? max_pool(c, &w, kernel, &padding)
                                                    : avg_pool(c, &w, kernel, &padding);
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

/* --- Norms and dropout ------------------------------------------------------------------------------------------- */

static bool run_layer_norm(fr_import_call *c)
{
    fr_shape normalized = { 0 };
    int dim = fr_import_axis_of_input(c, 2, -1);
    double eps = fr_import_float(c, "epsilon", 1e-5);

    if (dim < 0)
        return false;
    for (int i = dim; i < c->in[0]->shape.ndim; i++)
        normalized.dim[normalized.ndim++] = c->in[0]->shape.dim[i];
    return fr_import_return(
        c, fr_layer_norm(c->in[0], normalized, c->in[1], fr_import_input(c, 2), eps == 0 ? FR_ZERO : eps));
}

static bool run_batch_norm(fr_import_call *c)
{
    double eps = fr_import_float(c, "epsilon", 1e-5);

    if (!fr_import_require(c, 5))
        return false;
    for (int i = 1; i < c->outputs; i++) /* more outputs meant training mode before operator set 14 */
        if (c->node->output[i][0])
            return fr_import_fail(c, "it is in training mode");
    if (fr_import_int(c, "training_mode", 0))
        return fr_import_fail(c, "it is in training mode");
    return fr_import_return(c, fr_batch_norm(c->in[0], c->in[3], c->in[4], c->in[1], c->in[2],
                                             &(fr_batch_norm_options){ .eps = eps == 0 ? FR_ZERO : eps }));
}

/* In evaluation dropout changes nothing. Since operator set 12 input 2 tells whether it is in training. */
static bool run_dropout(fr_import_call *c)
{
    const fr_tensor *training = fr_import_input(c, 2);

    if (!fr_import_require(c, 1))
        return false;
    if (training && training->numel > 0 && fr_at(training, 0) != 0)
        return fr_import_fail(c, "it is in training mode");
    return fr_import_return(c, c->in[0]);
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "AveragePool", .run = run_pool },
    { "BatchNormalization", .run = run_batch_norm },
    { "Conv", .run = run_conv },
    { "ConvTranspose", .run = run_conv_transpose },
    { "Dropout", .run = run_dropout },
    { "GlobalAveragePool", .reduce = fr_mean_dim, .run = run_global_pool },
    { "GlobalMaxPool", .reduce = fr_max_dim, .run = run_global_pool },
    { "LayerNormalization", .run = run_layer_norm },
    { "MaxPool", .run = run_pool },
};

const fr_import_op_table fr_import_nn_ops = { ops, sizeof ops / sizeof *ops };
