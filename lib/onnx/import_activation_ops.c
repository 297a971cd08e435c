/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's activations, by frond's ops. */
#include <config.h>

#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>

static bool run_gelu(fr_import_call *c)
{
    if (!fr_import_require(c, 1))
        return false;
    return fr_import_return(c, (fr_import_string_is(c, "approximate", "tanh") ? fr_gelu_tanh : fr_gelu)(c->in[0]));
}

static bool run_leaky_relu(fr_import_call *c)
{
    return fr_import_require(c, 1) && fr_import_return(c, fr_leaky_relu(c->in[0], fr_import_float(c, "alpha", 0.01)));
}

static bool run_elu(fr_import_call *c)
{
    return fr_import_require(c, 1) && fr_import_return(c, fr_elu(c->in[0], fr_import_float(c, "alpha", 1)));
}

static bool run_celu(fr_import_call *c)
{
    return fr_import_require(c, 1) && fr_import_return(c, fr_celu(c->in[0], fr_import_float(c, "alpha", 1)));
}

/* gamma x where x > 0, else gamma alpha (e^x - 1) */
static bool run_selu(fr_import_call *c)
{
    double alpha = fr_import_float(c, "alpha", 1.67326319217681884765625);
    double gamma = fr_import_float(c, "gamma", 1.05070102214813232421875);

    return fr_import_require(c, 1) && fr_import_return(c, fr_mul_scalar(fr_elu(c->in[0], alpha), gamma));
}

/* x sigmoid(alpha x) */
static bool run_swish(fr_import_call *c)
{
    double alpha = fr_import_float(c, "alpha", 1);

    return fr_import_require(c, 1) && fr_import_return(c, fr_mul(c->in[0], fr_sigmoid(fr_mul_scalar(c->in[0], alpha))));
}

/* x sigmoid(alpha x) y */
static bool run_swiglu(fr_import_call *c)
{
    return fr_import_require(c, 2) && run_swish(c) && fr_import_return(c, fr_mul(c->out[0], c->in[1]));
}

/* x - bias above lambd, x + bias below -lambd, else 0 */
static bool run_shrink(fr_import_call *c)
{
    double bias = fr_import_float(c, "bias", 0), lambd = fr_import_float(c, "lambd", 0.5);

    if (!fr_import_require(c, 1))
        return false;

    fr_tensor *x = c->in[0], *zero = fr_zeros_like(x);
    fr_tensor *above = fr_where(fr_gt_scalar(x, lambd), fr_sub_scalar(x, bias), zero);

    return fr_import_return(c, fr_where(fr_lt_scalar(x, -lambd), fr_add_scalar(x, bias), above));
}

static bool run_thresholded_relu(fr_import_call *c)
{
    if (!fr_import_require(c, 1))
        return false;
    return fr_import_return(
        c, fr_where(fr_gt_scalar(c->in[0], fr_import_float(c, "alpha", 1)), c->in[0], fr_zeros_like(c->in[0])));
}

/* min(max(alpha x + beta, 0), 1) */
static bool run_hard_sigmoid(fr_import_call *c)
{
    double alpha = fr_import_float(c, "alpha", 0.2), beta = fr_import_float(c, "beta", 0.5);

    return fr_import_require(c, 1) &&
           fr_import_return(c, fr_clamp(fr_add_scalar(fr_mul_scalar(c->in[0], alpha), beta), 0, 1));
}

/* The slope broadcasts to x, from the last dim on. */
static fr_tensor *p_relu(fr_tensor *x, fr_tensor *slope)
{
    fr_tensor *above = fr_gt_scalar(x, 0);

    return fr_where(above, x, fr_mul(slope, x));
}

/* Before operator set 13 the softmax went over all dims from axis on, flattened. */
static bool run_softmax(fr_import_call *c)
{
    bool flattened = c->opset < 13, logs = strcmp(c->node->op_type, "LogSoftmax") == 0;
    int dim = fr_import_axis_of_input(c, 1, flattened ? 1 : -1);
    fr_tensor *x = fr_import_input(c, 0), *y;

    if (dim < 0)
        return false;
    if (flattened && x->shape.ndim > 0)
        x = fr_flatten(x, dim, -1);
    y = logs ? fr_log_softmax(x, dim) : fr_softmax(x, dim);
    return fr_import_return(c, flattened ? fr_view_as(y, c->in[0]) : y);
}

/* 1 at the first of the largest values along an axis, else 0; flattened as Softmax before operator set 13. */
static bool run_hardmax(fr_import_call *c)
{
    bool flattened = c->opset < 13;
    int dim = fr_import_axis_of_input(c, 1, flattened ? 1 : -1);
    fr_tensor *x = fr_import_input(c, 0), *y;

    if (dim < 0)
        return false;
    if (flattened)
        x = fr_flatten(x, dim, -1);
    y = fr_movedim(fr_one_hot(fr_argmax(x, dim, false), fr_dim(x, dim)), -1, dim);
    return fr_import_return(c, fr_cast(flattened ? fr_view_as(y, c->in[0]) : y, fr_dtype_of(x)));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "Celu", "alpha", .run = run_celu },
    { "Elu", "alpha", .run = run_elu },
    { "Gelu", "approximate", .run = run_gelu },
    { "HardSigmoid", "alpha beta", .run = run_hard_sigmoid },
    { "HardSwish", .unary = fr_hardswish },
    { "Hardmax", "axis", .run = run_hardmax },
    { "LeakyRelu", "alpha", .run = run_leaky_relu },
    { "LogSoftmax", "axis", .run = run_softmax },
    { "Mish", .unary = fr_mish },
    { "PRelu", .binary = p_relu },
    { "Relu", .unary = fr_relu },
    { "Selu", "alpha gamma", .run = run_selu },
    { "Shrink", "bias lambd", .run = run_shrink },
    { "Sigmoid", .unary = fr_sigmoid },
    { "Softmax", "axis", .run = run_softmax },
    { "Softplus", .unary = fr_softplus },
    { "Softsign", .unary = fr_softsign },
    { "SwiGLU", "alpha", .run = run_swiglu },
    { "Swish", "alpha", .run = run_swish },
    { "Tanh", .unary = fr_tanh },
    { "ThresholdedRelu", "alpha", .run = run_thresholded_relu },
};

const fr_import_op_table fr_import_activation_ops = { ops, sizeof ops / sizeof *ops };
