/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's arithmetic, comparisons, logic, activations and matrix products, by frond's ops. */
#include <config.h>

#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* --- Matrix products and arithmetic ------------------------------------------------------------------------------ */

/* y = alpha A B + beta C, of A and B or their transposes */
static bool run_gemm(fr_import_call *c)
{
    if (!fr_import_require(c, 2))
        return false;

    fr_tensor *a = fr_import_int(c, "transA", 0) ? fr_transpose(c->in[0], 0, 1) : c->in[0];
    fr_tensor *b = fr_import_int(c, "transB", 0) ? c->in[1] : fr_transpose(c->in[1], 0, 1), *y,
              *bias = fr_import_input(c, 2);
    double alpha = fr_import_float(c, "alpha", 1), beta = fr_import_float(c, "beta", 1);

    if (alpha == 1 && beta == 1 && bias && bias->shape.ndim == 1 && b && bias->shape.dim[0] == b->shape.dim[0])
        return fr_import_return(c, fr_linear(a, b, bias));
    y = fr_linear(a, b, NULL);
    if (alpha != 1)
        y = fr_mul_scalar(y, alpha);
    return fr_import_return(c, bias ? fr_add(y, beta == 1 ? bias : fr_mul_scalar(bias, beta)) : y);
}

/* An op of one input or more: Max, Min, Sum. */
static bool run_variadic(fr_import_call *c)
{
    fr_tensor *y = fr_import_input(c, 0);

    if (!fr_import_require(c, 1) || !fr_import_require(c, c->inputs))
        return false;
    for (int i = 1; i < c->inputs && y; i++)
        y = c->op->binary(y, c->in[i]);
    return fr_import_return(c, y);
}

/* a / b of int64, computed in float64: exact for what models divide, sizes below 2^53. */
static fr_tensor *quotient(fr_tensor *a, fr_tensor *b)
{
    return fr_div(fr_cast(a, FR_F64), fr_cast(b, FR_F64));
}

/* int64 is rounded towards 0. */
static fr_tensor *divide(fr_tensor *a, fr_tensor *b)
{
    return fr_dtype_of(a) == FR_I64 ? fr_cast(quotient(a, b), FR_I64) : fr_div(a, b);
}

/* The remainder has the sign of b; with fmod, that of a. */
static bool run_mod(fr_import_call *c)
{
    if (!fr_import_require(c, 2))
        return false;

    fr_tensor *a = c->in[0], *b = c->in[1];

    return fr_import_return(c, fr_import_int(c, "fmod", 0) ? fr_mul(fr_sign(a), fr_remainder(fr_abs(a), fr_abs(b)))
                                                           : fr_remainder(a, b));
}

/* The exponent may have another dtype. */
static fr_tensor *power(fr_tensor *x, fr_tensor *p)
{
    return fr_pow(x, fr_cast(p, fr_dtype_of(x)));
}

/* --- Logic ------------------------------------------------------------------------------------------------------- */

/* frond has no bool: a condition is true if it is not 0, and results are int64, 0 or 1. */
static fr_tensor *as_bool(fr_tensor *t)
{
    return fr_cast(fr_ne_scalar(t, 0), FR_I64);
}

static fr_tensor *logical_and(fr_tensor *a, fr_tensor *b)
{
    return fr_mul(as_bool(a), as_bool(b));
}

static fr_tensor *logical_or(fr_tensor *a, fr_tensor *b)
{
    return fr_maximum(as_bool(a), as_bool(b));
}

static fr_tensor *logical_xor(fr_tensor *a, fr_tensor *b)
{
    return fr_ne(as_bool(a), as_bool(b));
}

static fr_tensor *logical_not(fr_tensor *t)
{
    return fr_eq_scalar(t, 0);
}

/* --- Activations ------------------------------------------------------------------------------------------------- */

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

static bool run_clip(fr_import_call *c)
{
    double low, high;

    return fr_import_require(c, 1) && fr_import_number(c, 1, "min", -INFINITY, &low) &&
           fr_import_number(c, 2, "max", INFINITY, &high) && fr_import_return(c, fr_clamp(c->in[0], low, high));
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

/* --- Along a dim ------------------------------------------------------------------------------------------------- */

static bool run_top_k(fr_import_call *c)
{
    int dim = fr_import_axis_of_input(c, 1, -1);
    fr_import_ints k;

    if (dim < 0 || !fr_import_input_ints(c, 1, "k", &k))
        return false;
    if (k.n < 1 && fr_import_attribute(c, "k")) /* an attribute before operator set 10 */
        k = (fr_import_ints){ 1, { fr_import_int(c, "k", 0) } };
    if (k.n != 1)
        return fr_import_fail(c, "k must be one number");

    fr_extreme top = fr_topk(c->in[0], k.value[0], dim, fr_import_int(c, "largest", 1));

    c->out[0] = top.values;
    c->out[1] = top.indices;
    return top.values != NULL;
}

static bool run_cumsum(fr_import_call *c)
{
    fr_import_ints axis;
    int dim;

    if (!fr_import_require(c, 2) || !fr_import_input_ints(c, 1, "axis", &axis))
        return false;
    if (axis.n != 1 || fr_import_int(c, "exclusive", 0))
        return fr_import_fail(c, "its axis must be one number, and exclusive is not supported");
    dim = fr_import_axis(c, c->in[0], axis.value[0]);
    if (dim < 0)
        return false;
    if (!fr_import_int(c, "reverse", 0))
        return fr_import_return(c, fr_cumsum(c->in[0], dim));
    return fr_import_return(c, fr_flip(fr_cumsum(fr_flip(c->in[0], dim), dim), dim));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "Abs", .unary = fr_abs },
    { "Add", .binary = fr_add },
    { "And", .binary = logical_and },
    { "Atan", .unary = fr_atan },
    { "Ceil", .unary = fr_ceil },
    { "Celu", .run = run_celu },
    { "Clip", .run = run_clip },
    { "Cos", .unary = fr_cos },
    { "Cosh", .unary = fr_cosh },
    { "CumSum", .run = run_cumsum },
    { "Div", .binary = divide },
    { "Elu", .run = run_elu },
    { "Equal", .binary = fr_eq },
    { "Erf", .unary = fr_erf },
    { "Exp", .unary = fr_exp },
    { "Floor", .unary = fr_floor },
    { "Gelu", .run = run_gelu },
    { "Gemm", .run = run_gemm },
    { "Greater", .binary = fr_gt },
    { "GreaterOrEqual", .binary = fr_ge },
    { "HardSigmoid", .run = run_hard_sigmoid },
    { "HardSwish", .unary = fr_hardswish },
    { "LeakyRelu", .run = run_leaky_relu },
    { "Less", .binary = fr_lt },
    { "LessOrEqual", .binary = fr_le },
    { "Log", .unary = fr_log },
    { "LogSoftmax", .run = run_softmax },
    { "MatMul", .binary = fr_matmul },
    { "Max", .binary = fr_maximum, .run = run_variadic },
    { "Min", .binary = fr_minimum, .run = run_variadic },
    { "Mish", .unary = fr_mish },
    { "Mod", .run = run_mod },
    { "Mul", .binary = fr_mul },
    { "Neg", .unary = fr_neg },
    { "Not", .unary = logical_not },
    { "Or", .binary = logical_or },
    { "PRelu", .binary = p_relu },
    { "Pow", .binary = power },
    { "Reciprocal", .unary = fr_reciprocal },
    { "Relu", .unary = fr_relu },
    { "Round", .unary = fr_round },
    { "Selu", .run = run_selu },
    { "Sigmoid", .unary = fr_sigmoid },
    { "Sign", .unary = fr_sign },
    { "Sin", .unary = fr_sin },
    { "Sinh", .unary = fr_sinh },
    { "Softmax", .run = run_softmax },
    { "Softplus", .unary = fr_softplus },
    { "Softsign", .unary = fr_softsign },
    { "Sqrt", .unary = fr_sqrt },
    { "Sub", .binary = fr_sub },
    { "Sum", .binary = fr_add, .run = run_variadic },
    { "Tan", .unary = fr_tan },
    { "Tanh", .unary = fr_tanh },
    { "TopK", .run = run_top_k },
    { "Xor", .binary = logical_xor },
};

const fr_import_op_table fr_import_math_ops = { ops, sizeof ops / sizeof *ops };
