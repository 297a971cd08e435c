/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's arithmetic, activations, reductions and normalisations as frond's. */
#include <config.h>

#include "core/tensor.h"
#include "onnx/call.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

static fr_tensor *same(fr_tensor *t)
{
    return t;
}

static fr_tensor *negation(fr_tensor *t)
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

/* Of one input or more, by what is binary. */
static bool run_all(fr_onnx_run_call *c)
{
    fr_tensor *y = fr_call_input(c, 0);

    if (!fr_call_need(c, 1) || !fr_call_need(c, c->inputs))
        return false;
    for (int i = 1; i < c->inputs && y; i++)
        y = c->kind->binary(y, c->in[i]);
    return fr_call_give(c, y);
}

/* Sizes are computed with whole numbers; those below 2^53 are exact. */
static fr_tensor *quotient(fr_tensor *a, fr_tensor *b)
{
    return fr_div(fr_cast(a, FR_F64), fr_cast(b, FR_F64));
}

/* Of whole numbers towards 0. */
static fr_tensor *divide(fr_tensor *a, fr_tensor *b)
{
    return fr_dtype_of(a) == FR_I64 ? fr_cast(quotient(a, b), FR_I64) : fr_div(a, b);
}

/* What is left has the divisor's sign or, with fmod, the dividend's. */
static bool run_mod(fr_onnx_run_call *c)
{
    fr_tensor *whole;

    if (!fr_call_need(c, 2))
        return false;
    if (c->in[0]->dtype != FR_I64 || c->in[1]->dtype != FR_I64)
        return fr_call_fail(c, "it is for whole numbers alone");
    whole = quotient(c->in[0], c->in[1]);
    if (!fr_call_int(c, "fmod", 0))
        whole = fr_floor(whole);
    return fr_call_give(c, fr_sub(c->in[0], fr_mul(c->in[1], fr_cast(whole, FR_I64))));
}

/* Conditions are 0 and not 0, of any dtype; these make int64. */
static fr_tensor *truth(fr_tensor *t)
{
    return fr_cast(fr_ne_scalar(t, 0), FR_I64);
}

static fr_tensor * and (fr_tensor * a, fr_tensor *b)
{
    return fr_mul(truth(a), truth(b));
}

static fr_tensor *either(fr_tensor *a, fr_tensor *b)
{
    return fr_maximum(truth(a), truth(b));
}

static fr_tensor *one_alone(fr_tensor *a, fr_tensor *b)
{
    return fr_ne(truth(a), truth(b));
}

static fr_tensor *is_nan(fr_tensor *t)
{
    return fr_ne(t, t);
}

/* The exponent may be of another dtype. */
static fr_tensor *power(fr_tensor *x, fr_tensor *p)
{
    return fr_pow(x, fr_cast(p, fr_dtype_of(x)));
}

/* Of evaluation: the third input, since operator set 12, says whether it is training. */
static bool run_dropout(fr_onnx_run_call *c)
{
    const fr_tensor *training = fr_call_input(c, 2);

    if (!fr_call_need(c, 1))
        return false;
    if (training && training->numel > 0 && fr_at(training, 0) != 0)
        return fr_call_fail(c, "it is in training mode");
    return fr_call_give(c, c->in[0]);
}

/* x/2 (1 + erf(x / sqrt 2)), or with approximate="tanh" x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
static bool run_gelu(fr_onnx_run_call *c)
{
    fr_tensor *x = fr_call_input(c, 0), *inner;

    if (!fr_call_need(c, 1))
        return false;
    if (!fr_call_text_is(c, "approximate", "tanh"))
        return fr_call_give(c, fr_gelu(x));
    inner = fr_mul(x, fr_add_scalar(fr_mul_scalar(fr_square(x), 0.044715), 1));
    inner = fr_add_scalar(fr_tanh(fr_mul_scalar(inner, sqrt(M_2_PI))), 1);
    return fr_call_give(c, fr_mul(fr_mul_scalar(x, 0.5), inner));
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

/* Before operator set 13 over all dims from the axis on, as one. */
static bool run_softmax(fr_onnx_run_call *c)
{
    bool joined = c->operator_set < 13, logs = strcmp(c->node->op_type, "LogSoftmax") == 0;
    int dim = fr_call_need(c, 1) ? fr_call_dim(c, c->in[0], fr_call_int(c, "axis", joined ? 1 : -1)) : -1;
    fr_tensor *x = fr_call_input(c, 0), *y;

    if (dim < 0)
        return false;
    if (joined && x->shape.ndim > 0)
        x = fr_flatten(x, dim, -1);
    y = logs ? fr_log_softmax(x, dim) : fr_softmax(x, dim);
    return fr_call_give(c, joined ? fr_view_as(y, c->in[0]) : y);
}

/* One dim after another, from the last on; none given: all. */
static bool run_reduce(fr_onnx_run_call *c)
{
    fr_call_list axes;
    bool keepdims = fr_call_int(c, "keepdims", 1);
    fr_tensor *y = fr_call_input(c, 0);
    unsigned chosen;

    if (!fr_call_need(c, 1) || !fr_call_axes(c, y, &axes, &chosen))
        return false;
    if (axes.n <= 0)
        chosen = fr_call_int(c, "noop_with_empty_axes", 0) ? 0 : ~0U;
    if (y->shape.ndim == 0) /* frond lets a scalar have dim 0 */
        return fr_call_give(c, c->kind->along(y, 0, false));
    for (int i = c->in[0]->shape.ndim; i-- > 0 && y;)
        if (chosen >> i & 1)
            y = c->kind->along(y, i, keepdims);
    return fr_call_give(c, y);
}

/* Of no values ONNX has -inf. */
static fr_tensor *max_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_dim(t, dim) > 0 ? fr_max_dim(t, dim, keepdim) : fr_logsumexp_dim(t, dim, keepdim);
}

static fr_tensor *l1_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_norm_with(t, &(fr_norm_options){ .along = true, .dim = dim, .keepdim = keepdim, .p = 1 });
}

static bool run_position(fr_onnx_run_call *c)
{
    int dim = fr_call_need(c, 1) ? fr_call_dim(c, c->in[0], fr_call_int(c, "axis", 0)) : -1;
    bool keepdims = fr_call_int(c, "keepdims", 1);

    if (dim < 0)
        return false;
    if (fr_call_int(c, "select_last_index", 0))
        return fr_call_fail(c, "select_last_index is not supported");
    return fr_call_give(c, c->kind->along(c->in[0], dim, keepdims));
}

static bool run_top_k(fr_onnx_run_call *c)
{
    int dim = fr_call_need(c, 1) ? fr_call_dim(c, c->in[0], fr_call_int(c, "axis", -1)) : -1;
    fr_call_list k;

    if (dim < 0 || !fr_call_numbers(c, 1, "k", &k))
        return false;
    if (k.n < 1 && fr_call_find(c, "k")) /* before it was an input */
        k = (fr_call_list){ 1, { fr_call_int(c, "k", 0) } };
    if (k.n != 1)
        return fr_call_fail(c, "k is missing, or no single number");

    fr_extreme top = fr_topk(c->in[0], k.at[0], dim, fr_call_int(c, "largest", 1));

    c->out[0] = top.values;
    c->out[1] = top.indices;
    return top.values != NULL;
}

static bool run_cumsum(fr_onnx_run_call *c)
{
    fr_call_list axis;
    int dim;

    if (!fr_call_need(c, 2) || !fr_call_numbers(c, 1, "axis", &axis))
        return false;
    if (axis.n != 1 || fr_call_int(c, "exclusive", 0))
        return fr_call_fail(c, "its axis is no single number, or it is exclusive, which is not supported");
    dim = fr_call_dim(c, c->in[0], axis.at[0]);
    if (dim < 0)
        return false;
    if (!fr_call_int(c, "reverse", 0))
        return fr_call_give(c, fr_cumsum(c->in[0], dim));
    return fr_call_give(c, fr_flip(fr_cumsum(fr_flip(c->in[0], dim), dim), dim));
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
    for (int i = 1; i < c->outputs; i++) /* before operator set 14 these said that it was in training mode */
        if (c->node->output[i][0])
            return fr_call_fail(c, "it is in training mode");
    if (fr_call_int(c, "training_mode", 0))
        return fr_call_fail(c, "it is in training mode");
    return fr_call_give(c, fr_batch_norm(c->in[0], c->in[3], c->in[4], c->in[1], c->in[2],
                                         &(fr_batch_norm_options){ .eps = eps == 0 ? FR_ZERO : eps }));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_onnx_kind kinds[] = {
    { "Abs", .unary = fr_abs },
    { "Add", .binary = fr_add },
    { "And", .binary = and},
    { "ArgMax", .along = fr_argmax, .run = run_position },
    { "ArgMin", .along = fr_argmin, .run = run_position },
    { "BatchNormalization", .run = run_batch_norm },
    { "Clip", .run = run_clip },
    { "Cos", .unary = fr_cos },
    { "CumSum", .run = run_cumsum },
    { "Div", .binary = divide },
    { "Dropout", .run = run_dropout },
    { "Elu", .run = run_elu },
    { "Equal", .binary = fr_eq },
    { "Erf", .unary = fr_erf },
    { "Exp", .unary = fr_exp },
    { "Floor", .unary = fr_floor },
    { "Gelu", .run = run_gelu },
    { "Gemm", .run = run_gemm },
    { "Greater", .binary = fr_gt },
    { "GreaterOrEqual", .binary = fr_ge },
    { "Identity", .unary = same },
    { "IsNaN", .unary = is_nan },
    { "LayerNormalization", .run = run_layer_norm },
    { "LeakyRelu", .run = run_leaky_relu },
    { "Less", .binary = fr_lt },
    { "LessOrEqual", .binary = fr_le },
    { "Log", .unary = fr_log },
    { "LogSoftmax", .run = run_softmax },
    { "MatMul", .binary = fr_matmul },
    { "Max", .binary = fr_maximum, .run = run_all },
    { "Min", .binary = fr_minimum, .run = run_all },
    { "Mod", .run = run_mod },
    { "Mul", .binary = fr_mul },
    { "Neg", .unary = fr_neg },
    { "Not", .unary = negation },
    { "Or", .binary = either },
    { "Pow", .binary = power },
    { "Reciprocal", .unary = fr_reciprocal },
    { "ReduceL1", .along = l1_dim, .run = run_reduce },
    { "ReduceL2", .along = fr_norm_dim, .run = run_reduce },
    { "ReduceLogSumExp", .along = fr_logsumexp_dim, .run = run_reduce },
    { "ReduceMax", .along = max_dim, .run = run_reduce },
    { "ReduceMean", .along = fr_mean_dim, .run = run_reduce },
    { "ReduceMin", .along = fr_min_dim, .run = run_reduce },
    { "ReduceProd", .along = fr_prod_dim, .run = run_reduce },
    { "ReduceSum", .along = fr_sum_dim, .run = run_reduce },
    { "Relu", .unary = fr_relu },
    { "Sigmoid", .unary = fr_sigmoid },
    { "Sign", .unary = fr_sign },
    { "Sin", .unary = fr_sin },
    { "Softmax", .run = run_softmax },
    { "Softplus", .unary = fr_softplus },
    { "Sqrt", .unary = fr_sqrt },
    { "Sub", .binary = fr_sub },
    { "Sum", .binary = fr_add, .run = run_all },
    { "Tanh", .unary = fr_tanh },
    { "TopK", .run = run_top_k },
    { "Where", .run = run_where },
    { "Xor", .binary = one_alone },
};

const fr_onnx_kinds fr_onnx_number_kinds = { kinds, sizeof kinds / sizeof *kinds };
