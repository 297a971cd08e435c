/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's convolutions, pools, normalisations, dropout and losses, by frond's ops. */
#include <config.h>

#include "core/integer.h"
#include "core/shape.h"
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
    fr_shape kernel = { dims, { c->in[1]->shape.dim[2], c->in[1]->shape.dim[dims == 2 ? 3 : 2] } };

    if (!read_window(c, dims, &w) || !auto_pad(c, x, &kernel, &w))
        return false;
    o.stride = w.stride;
    o.dilation = w.dilation;
    x = padded(&w, x, 0);
    return fr_import_return(c, dims == 1 ? fr_conv1d(x, c->in[1], fr_import_input(c, 2), &o)
                                         : fr_conv2d(x, c->in[1], fr_import_input(c, 2), &o));
}

/* Without auto_pad; "VALID" is no padding. */
static bool check_transposed_pad(const fr_import_call *c)
{
    return fr_import_choice(c, "auto_pad", (const char *const[]){ "NOTSET", "VALID", NULL }) >= 0;
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
    fr_tensor *x = c->in[0], *y;

    o.ceil_mode = fr_import_int(c, "ceil_mode", 0);
    o.exclude_pad = !fr_import_int(c, "count_include_pad", 0);
    if (w->dilation.dim[0] != 1 || (w->dims > 1 && w->dilation.dim[1] != 1))
        return fr_import_fail(c, "an average with dilations is not supported");
    if (padding->ndim == 0 && o.ceil_mode)
        return fr_import_fail(c, "an average with ceil_mode and pads that differ or are more than half a window is not "
                                 "supported");
    if (padding->ndim == 0)
        x = padded(w, x, 0);
    y = w->dims == 1 ? fr_avg_pool1d(x, kernel.dim[0], &o) : fr_avg_pool2d(x, kernel, &o);
    if (padding->ndim == 0 && o.exclude_pad) { /* over the part of each window that is not padding */
        x = padded(w, fr_ones_like(c->in[0]), 0);
        y = fr_div(y, w->dims == 1 ? fr_avg_pool1d(x, kernel.dim[0], &o) : fr_avg_pool2d(x, kernel, &o));
    }
    return fr_import_return(c, y);
}

/* (the sum of |x|^p in each window)^(1/p) */
static bool lp_pool(fr_import_call *c, const window *w, fr_shape kernel)
{
    fr_avg_pool_options o = { .stride = w->stride };
    double p = (double)fr_import_int(c, "p", 2), count = (double)kernel.dim[0];
    fr_tensor *x = padded(w, fr_pow_scalar(fr_abs(c->in[0]), p), 0), *y;

    if (fr_import_int(c, "ceil_mode", 0) || p < 1 || w->dilation.dim[0] != 1 ||
        (w->dims > 1 && w->dilation.dim[1] != 1))
        return fr_import_fail(c, "ceil_mode, dilations and p below 1 are not supported");
    y = w->dims == 1 ? fr_avg_pool1d(x, kernel.dim[0], &o) : fr_avg_pool2d(x, kernel, &o);
    count = w->dims == 1 ? count : count * (double)kernel.dim[1];
    return fr_import_return(c, fr_pow_scalar(fr_mul_scalar(y, count), 1 / p));
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
    kernel.ndim = dims;
    memcpy(kernel.dim, sizes.value, (size_t)dims * sizeof *kernel.dim);
    if (!read_window(c, dims, &w) || !auto_pad(c, c->in[0], &kernel, &w))
        return false;
    if (strcmp(c->op->type, "LpPool") == 0)
        return lp_pool(c, &w, kernel);
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

static double epsilon(const fr_import_call *c)
{
    double eps = fr_import_float(c, "epsilon", 1e-5);

    return eps == 0 ? FR_ZERO : eps;
}

/* Outputs 1 and 2 of LayerNormalization: the mean and the inverse deviation over the dims. */
static void return_statistics(fr_import_call *c, fr_shape dims)
{
    fr_tensor *variance = fr_var_dims(c->in[0], dims, 0, true);

    c->out[1] = fr_mean_dims(c->in[0], dims, true);
    c->out[2] = fr_rsqrt(fr_add_scalar(variance, fr_import_float(c, "epsilon", 1e-5)));
}

/* A scale that is not of the normalized shape is multiplied with the result, as ONNX broadcasts it. */
static bool run_layer_norm(fr_import_call *c)
{
    bool rms = strcmp(c->op->type, "RMSNormalization") == 0;
    int dim = fr_import_axis_of_input(c, 2, -1);
    fr_shape normalized = { 0 }, dims = { 0 };
    fr_tensor *y;

    if (dim < 0)
        return false;
    for (int i = dim; i < c->in[0]->shape.ndim; i++) {
        dims.dim[dims.ndim++] = i;
        normalized.dim[normalized.ndim++] = c->in[0]->shape.dim[i];
    }

    fr_tensor *scale = c->in[1], *shift = fr_import_input(c, 2);
    bool fits = fr_shape_equal(&scale->shape, &normalized) && (!shift || fr_shape_equal(&shift->shape, &normalized));

    y = rms ? fr_rms_norm(c->in[0], normalized, fits ? scale : NULL, epsilon(c))
            : fr_layer_norm(c->in[0], normalized, fits ? scale : NULL, fits ? shift : NULL, epsilon(c));
    if (!fits)
        y = fr_mul(y, scale);
    if (!fits && shift)
        y = fr_add(y, shift);
    if (c->outputs > 1)
        return_statistics(c, dims);
    return fr_import_return(c, y);
}

/* InstanceNormalization is that of a group for each channel. Before operator set 21 scale and bias were of groups. */
static bool run_group_norm(fr_import_call *c)
{
    bool instances = strcmp(c->op->type, "InstanceNormalization") == 0;

    if (!fr_import_require(c, 3))
        return false;

    fr_tensor *x = c->in[0], *scale = c->in[1], *bias = c->in[2];
    int64_t channels = x->shape.ndim < 2 ? 0 : x->shape.dim[1], groups = fr_import_int(c, "num_groups", 0);

    groups = instances ? channels : groups;
    if (!instances && c->opset < 21 && groups > 0) {
        scale = fr_repeat_interleave(scale, channels / groups, 0);
        bias = fr_repeat_interleave(bias, channels / groups, 0);
    }
    return fr_import_return(c, fr_group_norm(x, groups, scale, bias, epsilon(c)));
}

static bool run_batch_norm(fr_import_call *c)
{
    if (!fr_import_require(c, 5))
        return false;
    for (int i = 1; i < c->outputs; i++) /* more outputs meant training mode before operator set 14 */
        if (c->node->output[i][0])
            return fr_import_fail(c, "it is in training mode");
    if (fr_import_int(c, "training_mode", 0))
        return fr_import_fail(c, "it is in training mode");
    return fr_import_return(c, fr_batch_norm(c->in[0], c->in[3], c->in[4], c->in[1], c->in[2],
                                             &(fr_batch_norm_options){ .eps = epsilon(c) }));
}

/* In evaluation dropout changes nothing. Since operator set 12 input 2 tells whether it is in training. */
static bool run_dropout(fr_import_call *c)
{
    const fr_tensor *training = fr_import_input(c, 2);

    if (!fr_import_require(c, 1))
        return false;
    if (training && training->numel > 0 && fr_at(training, 0) != 0)
        return fr_import_fail(c, "it is in training mode");
    c->out[1] = c->outputs > 1 ? fr_ones_like(c->in[0]) : NULL;
    return fr_import_return(c, c->in[0]);
}

/* --- Losses ------------------------------------------------------------------------------------------------------ */

/* Of log-probabilities or scores (N,C,...) and classes (N,...); output 1 of scores: the log-probabilities. */
static bool run_loss(fr_import_call *c)
{
    static const char *const reductions[] = { "mean", "sum", "none", NULL };
    static const fr_reduction known[] = { FR_MEAN, FR_SUM, FR_NONE };
    int reduction = fr_import_choice(c, "reduction", reductions);
    fr_nll_options o = { .weight = fr_import_input(c, 2), .ignore = true, .ignore_index = INT64_MIN };
    fr_tensor *x = fr_import_input(c, 0);

    if (reduction < 0 || !fr_import_require(c, 2))
        return false;
    o.reduction = known[reduction];
    o.ignore_index = fr_import_int(c, "ignore_index", INT64_MIN);
    if (strcmp(c->op->type, "SoftmaxCrossEntropyLoss") == 0)
        x = c->out[1] = fr_log_softmax(x, 1);
    return fr_import_return(c, fr_nll_with(x, c->in[1], &o));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

#define WINDOW "auto_pad ceil_mode dilations group kernel_shape pads strides"
#define LOSS   "reduction ignore_index"

static const fr_import_op ops[] = {
    { "AveragePool", WINDOW " count_include_pad", .run = run_pool, .check = check_auto_pad },
    { "BatchNormalization", "epsilon momentum training_mode", .run = run_batch_norm },
    { "Conv", WINDOW, .run = run_conv, .check = check_auto_pad },
    { "ConvTranspose", WINDOW " output_padding", .run = run_conv_transpose, .check = check_transposed_pad },
    { "Dropout", "ratio seed", .others = FR_ONNX_BOOL, .run = run_dropout },
    { "GlobalAveragePool", .reduce = fr_mean_dim, .run = run_global_pool },
    { "GlobalMaxPool", .reduce = fr_max_dim, .run = run_global_pool },
    { "GroupNormalization", "epsilon num_groups stash_type", .run = run_group_norm },
    { "InstanceNormalization", "epsilon", .run = run_group_norm },
    { "LayerNormalization", "axis epsilon stash_type", .run = run_layer_norm },
    { "LpPool", WINDOW " p", .run = run_pool, .check = check_auto_pad },
    { "MaxPool", WINDOW " storage_order", .others = FR_ONNX_INT64, .run = run_pool, .check = check_auto_pad },
    { "NegativeLogLikelihoodLoss", LOSS, .run = run_loss },
    { "RMSNormalization", "axis epsilon stash_type", .run = run_layer_norm },
    { "SoftmaxCrossEntropyLoss", LOSS, .run = run_loss },
};

const fr_import_op_table fr_import_nn_ops = { ops, sizeof ops / sizeof *ops };
