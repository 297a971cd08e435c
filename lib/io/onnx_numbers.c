/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's arithmetic, activations, reductions and normalisations as frond's. */
#include <config.h>

#include "io/onnx_call.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

static fr_tensor *same(fr_tensor *t)
{
    return t;
}

static fr_tensor * not(fr_tensor * t)
{
    return fr_eq_scalar(t, 0);
}

static bool run_gemm(fr_onnx_run_call *c)
{
    if (!fr_call_need(c, 2))
        return false;

    fr_tensor *a = fr_call_int(c, "transA", 0) ? fr_transpose(c->in[0], 0, 1) : c->in[0];
    fr_tensor *b = fr_call_int(c, "transB", 0) ? c->in[1] : fr_transpose(c->in[1], 0, 1), *y,
              *bias = fr_call_input(c, 2);
    double alpha = fr_call_float(c, "alpha", 1), beta = fr_call_float(c, "beta", 1);

    if (alpha == 1 && beta == 1 && bias && bias->shape.ndim == 1 && b && bias->shape.dim[0] == b->shape.dim[0])
        return fr_call_give(c, fr_linear(a, b, bias));
    y = fr_linear(a, b, NULL);
    if (alpha != 1)
        y = fr_mul_scalar(y, alpha);
    return fr_call_give(c, bias ? fr_add(y, beta == 1 ? bias : fr_mul_scalar(bias, beta)) : y);
}

static bool run_leaky_relu(fr_onnx_run_call *c)
{
    return fr_call_need(c, 1) && fr_call_give(c, fr_leaky_relu(c->in[0], fr_call_float(c, "alpha", 0.01)));
}

static bool run_elu(fr_onnx_run_call *c)
{
    return fr_call_need(c, 1) && fr_call_give(c, fr_elu(c->in[0], fr_call_float(c, "alpha", 1)));
}

static bool run_clip(fr_onnx_run_call *c)
{
    double low, high;

    return fr_call_need(c, 1) && fr_call_bound(c, 1, "min", -INFINITY, &low) &&
           fr_call_bound(c, 2, "max", INFINITY, &high) && fr_call_give(c, fr_clamp(c->in[0], low, high));
}

static bool run_where(fr_onnx_run_call *c)
{
    return fr_call_need(c, 3) && fr_call_give(c, fr_where(c->in[0], c->in[1], c->in[2]));
}

static bool run_softmax(fr_onnx_run_call *c)
{
    int dim = fr_call_need(c, 1) ? fr_call_dim(c, c->in[0], fr_call_int(c, "axis", -1)) : -1;
    bool logs = dim >= 0 && c->node->op_type[0] == 'L';

    return dim >= 0 && fr_call_give(c, logs ? fr_log_softmax(c->in[0], dim) : fr_softmax(c->in[0], dim));
}

/* One dim after another, from the last on; none given: all. */
static bool reduce(fr_onnx_run_call *c, fr_tensor *(*along)(fr_tensor *, int, bool))
{
    fr_call_list axes;
    bool keepdims = fr_call_int(c, "keepdims", 1);
    fr_tensor *y = fr_call_input(c, 0);
    unsigned chosen = 0;

    if (!fr_call_need(c, 1) || !fr_call_numbers(c, 1, "axes", &axes))
        return false;
    for (int i = 0; i < axes.n; i++) {
        int dim = fr_call_dim(c, y, axes.at[i]);

        if (dim < 0)
            return false;
        chosen |= 1U << dim;
    }
    if (axes.n <= 0)
        chosen = fr_call_int(c, "noop_with_empty_axes", 0) ? 0 : ~0U;
    for (int i = c->in[0]->shape.ndim; i-- > 0 && y;)
        if (chosen >> i & 1)
            y = along(y, i, keepdims);
    return fr_call_give(c, y);
}

static bool run_reduce_mean(fr_onnx_run_call *c)
{
    return reduce(c, fr_mean_dim);
}

static bool run_reduce_sum(fr_onnx_run_call *c)
{
    return reduce(c, fr_sum_dim);
}

static bool run_reduce_max(fr_onnx_run_call *c)
{
    return reduce(c, fr_max_dim);
}

static bool run_layer_norm(fr_onnx_run_call *c)
{
    fr_shape normalized = { 0 };
    int dim = fr_call_need(c, 2) ? fr_call_dim(c, c->in[0], fr_call_int(c, "axis", -1)) : -1;
    double eps = fr_call_float(c, "epsilon", 1e-5);

    if (dim < 0)
        return false;
    for (int i = dim; i < c->in[0]->shape.ndim; i++)
        normalized.dim[normalized.ndim++] = c->in[0]->shape.dim[i];
    return fr_call_give(c,
                        fr_layer_norm(c->in[0], normalized, c->in[1], fr_call_input(c, 2), eps == 0 ? FR_ZERO : eps));
}

static bool run_batch_norm(fr_onnx_run_call *c)
{
    double eps = fr_call_float(c, "epsilon", 1e-5);

    if (!fr_call_need(c, 5))
        return false;
    if (fr_call_int(c, "training_mode", 0))
        return fr_call_fail(c, "it is in training mode");
    return fr_call_give(c, fr_batch_norm(c->in[0], c->in[3], c->in[4], c->in[1], c->in[2],
                                         &(fr_batch_norm_options){ .eps = eps == 0 ? FR_ZERO : eps }));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_onnx_kind kinds[] = {
    { "Abs", .unary = fr_abs },
    { "Add", .binary = fr_add },
    { "BatchNormalization", .run = run_batch_norm },
    { "Clip", .run = run_clip },
    { "Cos", .unary = fr_cos },
    { "Div", .binary = fr_div },
    { "Dropout", .unary = same },
    { "Elu", .run = run_elu },
    { "Equal", .binary = fr_eq },
    { "Erf", .unary = fr_erf },
    { "Exp", .unary = fr_exp },
    { "Floor", .unary = fr_floor },
    { "Gelu", .unary = fr_gelu },
    { "Gemm", .run = run_gemm },
    { "Greater", .binary = fr_gt },
    { "GreaterOrEqual", .binary = fr_ge },
    { "Identity", .unary = same },
    { "LayerNormalization", .run = run_layer_norm },
    { "LeakyRelu", .run = run_leaky_relu },
    { "Less", .binary = fr_lt },
    { "LessOrEqual", .binary = fr_le },
    { "Log", .unary = fr_log },
    { "LogSoftmax", .run = run_softmax },
    { "MatMul", .binary = fr_matmul },
    { "Max", .binary = fr_maximum },
    { "Min", .binary = fr_minimum },
    { "Mul", .binary = fr_mul },
    { "Neg", .unary = fr_neg },
    { "Not", .unary = not },
    { "Pow", .binary = fr_pow },
    { "Reciprocal", .unary = fr_reciprocal },
    { "ReduceMax", .run = run_reduce_max },
    { "ReduceMean", .run = run_reduce_mean },
    { "ReduceSum", .run = run_reduce_sum },
    { "Relu", .unary = fr_relu },
    { "Sigmoid", .unary = fr_sigmoid },
    { "Sign", .unary = fr_sign },
    { "Sin", .unary = fr_sin },
    { "Softmax", .run = run_softmax },
    { "Softplus", .unary = fr_softplus },
    { "Sqrt", .unary = fr_sqrt },
    { "Sub", .binary = fr_sub },
    { "Tanh", .unary = fr_tanh },
    { "Where", .run = run_where },
};

const fr_onnx_kinds fr_onnx_number_kinds = { kinds, sizeof kinds / sizeof *kinds };
