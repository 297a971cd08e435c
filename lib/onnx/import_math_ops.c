/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's arithmetic, comparisons, logic, functions of one value and matrix products, by frond's ops. */
#include <config.h>

#include "core/error.h"
#include "core/shape.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>
#include <stdlib.h>

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

/* An op of one input or more: Max, Mean, Min, Sum. */
static bool run_variadic(fr_import_call *c)
{
    fr_tensor *y = fr_import_input(c, 0);

    if (!fr_import_require(c, 1) || !fr_import_require(c, c->inputs))
        return false;
    for (int i = 1; i < c->inputs && y; i++)
        y = c->op->binary(y, c->in[i]);
    return fr_import_return(c, y && strcmp(c->op->type, "Mean") == 0 ? fr_div_scalar(y, c->inputs) : y);
}

static fr_tensor *divide(fr_tensor *a, fr_tensor *b)
{
    return fr_dtype_of(a) == FR_I64 ? fr_import_quotient(a, b) : fr_div(a, b);
}

static bool run_einsum(fr_import_call *c)
{
    const fr_attribute_proto *a = fr_import_attribute(c, "equation");
    char *equation = a && a->has_s ? strndup((const char *)a->s.data, a->s.len) : NULL;
    bool ok = fr_import_require(c, c->inputs);

    if (ok && !equation)
        return fr_import_fail(c, "it has no equation");
    ok = ok && fr_import_return(c, fr_einsum(equation, c->in, c->inputs));
    free(equation);
    return ok;
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

/* The exponent may have another dtype. int64 to a fraction is computed in float64, and refused beyond 2^53. */
static fr_tensor *power(fr_tensor *x, fr_tensor *p)
{
    if (fr_dtype_of(x) != FR_I64 || fr_dtype_of(p) == FR_I64)
        return fr_pow(x, fr_cast(p, fr_dtype_of(x)));

    fr_tensor *y = fr_pow(fr_cast(x, FR_F64), fr_cast(p, FR_F64));

    if (y && y->numel > 0 && !(fr_at(fr_max(fr_abs(y)), 0) <= 0x1p53))
        return fr_fail("load_onnx", "Pow: an int64 result is beyond 2^53");
    return fr_cast(y, FR_I64);
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

static fr_tensor *is_nan(fr_tensor *t)
{
    return fr_ne(t, t);
}

/* --- Functions of one value --------------------------------------------------------------------------------------- */

static fr_tensor *one_minus_square(fr_tensor *x)
{
    return fr_neg(fr_mul(fr_sub_scalar(x, 1), fr_add_scalar(x, 1)));
}

static fr_tensor *arc_sine(fr_tensor *x)
{
    return fr_atan2(x, fr_sqrt(one_minus_square(x)));
}

static fr_tensor *arc_cosine(fr_tensor *x)
{
    return fr_atan2(fr_sqrt(one_minus_square(x)), x);
}

/* sign(x) log(|x| + sqrt(x^2 + 1)), by log1p so that small x keep their digits */
static fr_tensor *area_sine(fr_tensor *x)
{
    fr_tensor *a = fr_abs(x), *square = fr_square(x);
    fr_tensor *root = fr_add_scalar(fr_sqrt(fr_add_scalar(square, 1)), 1);

    return fr_mul(fr_sign(x), fr_log1p(fr_add(a, fr_div(square, root))));
}

static fr_tensor *area_cosine(fr_tensor *x)
{
    return fr_log(fr_add(x, fr_sqrt(fr_neg(one_minus_square(x)))));
}

static fr_tensor *area_tangent(fr_tensor *x)
{
    return fr_mul_scalar(fr_sub(fr_log1p(x), fr_log1p(fr_neg(x))), 0.5);
}

static bool run_is_inf(fr_import_call *c)
{
    fr_tensor *x = fr_import_input(c, 0);

    if (!fr_import_require(c, 1))
        return false;
    if (!fr_import_int(c, "detect_negative", 1))
        x = fr_relu(x);
    if (!fr_import_int(c, "detect_positive", 1))
        x = fr_relu(fr_neg(x));
    return fr_import_return(c, fr_eq_scalar(fr_abs(x), INFINITY));
}

/* Limits beyond 2^53 are exact in int64. */
static bool run_clip(fr_import_call *c)
{
    double low, high;

    if (fr_import_require(c, 1) && c->in[0]->dtype == FR_I64) {
        fr_tensor *y = c->in[0];

        if (fr_import_input(c, 1))
            y = fr_maximum(y, c->in[1]);
        if (fr_import_input(c, 2))
            y = fr_minimum(y, c->in[2]);
        return fr_import_return(c, y);
    }
    return fr_import_require(c, 1) && fr_import_number(c, 1, "min", -INFINITY, &low) &&
           fr_import_number(c, 2, "max", INFINITY, &high) && fr_import_return(c, fr_clamp(c->in[0], low, high));
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

/* Each value counts from the next place on: the first is that of nothing. */
static fr_tensor *exclusive(fr_tensor *y, int dim, double nothing)
{
    fr_shape one = fr_shape_of(y);

    if (!y || one.ndim == 0 || one.dim[dim] == 0)
        return y;
    one.dim[dim] = 1;
    return fr_cat((fr_tensor *[]){ fr_full_of(one, nothing, fr_dtype_of(y)), fr_slice(y, dim, 0, -1, 1) }, 2, dim);
}

static bool run_cumulative(fr_import_call *c)
{
    bool product = strcmp(c->op->type, "CumProd") == 0, reverse = fr_import_int(c, "reverse", 0);
    fr_import_ints axis;
    fr_tensor *y = fr_import_input(c, 0);
    int dim;

    if (!fr_import_require(c, 2) || !fr_import_input_ints(c, 1, "axis", &axis))
        return false;
    if (axis.n != 1)
        return fr_import_fail(c, "its axis must be one number");
    dim = fr_import_axis(c, c->in[0], axis.value[0]);
    if (dim < 0)
        return false;
    y = reverse ? fr_flip(y, dim) : y;
    y = product ? fr_cumprod(y, dim) : fr_cumsum(y, dim);
    if (fr_import_int(c, "exclusive", 0))
        y = exclusive(y, dim, product);
    return fr_import_return(c, reverse ? fr_flip(y, dim) : y);
}

/* x over its norm along an axis; 0 where this is 0. */
static bool run_lp_normalization(fr_import_call *c)
{
    int dim = fr_import_axis_of_input(c, 1, -1);
    int64_t p = fr_import_int(c, "p", 2);

    if (dim < 0)
        return false;
    if (p != 1 && p != 2)
        return fr_import_fail(c, "p must be 1 or 2");

    fr_tensor *norm =
        fr_norm_with(c->in[0], &(fr_norm_options){ .along = true, .dim = dim, .keepdim = true, .p = (double)p });

    return fr_import_return(c, fr_div(c->in[0], fr_add(norm, fr_eq_scalar(norm, 0))));
}

/* (x - mean) / (deviation + 1e-9) over the axes */
static bool run_mean_variance(fr_import_call *c)
{
    fr_import_ints axes;
    fr_shape dims = { 3, { 0, 2, 3 } };

    if (!fr_import_require(c, 1) || !fr_import_attribute_ints(c, "axes", &axes))
        return false;
    if (axes.n > FR_MAX_DIMS)
        return fr_import_fail(c, "it has too many axes");
    if (axes.n >= 0)
        dims.ndim = axes.n;
    for (int i = 0; i < axes.n; i++)
        dims.dim[i] = axes.value[i];

    fr_tensor *from_mean = fr_sub(c->in[0], fr_mean_dims(c->in[0], dims, true));
    fr_tensor *deviation = fr_sqrt(fr_mean_dims(fr_square(from_mean), dims, true));

    return fr_import_return(c, fr_div(from_mean, fr_add_scalar(deviation, 1e-9)));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "Abs", .unary = fr_abs },
    { "Acos", .unary = arc_cosine },
    { "Acosh", .unary = area_cosine },
    { "Add", .binary = fr_add },
    { "And", .result = FR_ONNX_BOOL, .binary = logical_and },
    { "Asin", .unary = arc_sine },
    { "Asinh", .unary = area_sine },
    { "Atan", .unary = fr_atan },
    { "Atanh", .unary = area_tangent },
    { "Ceil", .unary = fr_ceil },
    { "Clip", "min max", .run = run_clip },
    { "Cos", .unary = fr_cos },
    { "Cosh", .unary = fr_cosh },
    { "CumProd", "exclusive reverse", .run = run_cumulative },
    { "CumSum", "exclusive reverse", .run = run_cumulative },
    { "Div", .binary = divide },
    { "Einsum", "equation", .run = run_einsum },
    { "Equal", .result = FR_ONNX_BOOL, .binary = fr_eq },
    { "Erf", .unary = fr_erf },
    { "Exp", .unary = fr_exp },
    { "Floor", .unary = fr_floor },
    { "Gemm", "transA transB alpha beta", .run = run_gemm },
    { "Greater", .result = FR_ONNX_BOOL, .binary = fr_gt },
    { "GreaterOrEqual", .result = FR_ONNX_BOOL, .binary = fr_ge },
    { "IsInf", "detect_negative detect_positive", .result = FR_ONNX_BOOL, .run = run_is_inf },
    { "IsNaN", .result = FR_ONNX_BOOL, .unary = is_nan },
    { "Less", .result = FR_ONNX_BOOL, .binary = fr_lt },
    { "LessOrEqual", .result = FR_ONNX_BOOL, .binary = fr_le },
    { "Log", .unary = fr_log },
    { "LpNormalization", "axis p", .run = run_lp_normalization },
    { "MatMul", .binary = fr_matmul },
    { "Max", .binary = fr_maximum, .run = run_variadic },
    { "Mean", .binary = fr_add, .run = run_variadic },
    { "MeanVarianceNormalization", "axes", .run = run_mean_variance },
    { "Min", .binary = fr_minimum, .run = run_variadic },
    { "Mod", "fmod", .run = run_mod },
    { "Mul", .binary = fr_mul },
    { "Neg", .unary = fr_neg },
    { "Not", .result = FR_ONNX_BOOL, .unary = logical_not },
    { "Or", .result = FR_ONNX_BOOL, .binary = logical_or },
    { "Pow", .binary = power },
    { "Reciprocal", .unary = fr_reciprocal },
    { "Round", .unary = fr_round },
    { "Sign", .unary = fr_sign },
    { "Sin", .unary = fr_sin },
    { "Sinh", .unary = fr_sinh },
    { "Sqrt", .unary = fr_sqrt },
    { "Sub", .binary = fr_sub },
    { "Sum", .binary = fr_add, .run = run_variadic },
    { "Tan", .unary = fr_tan },
    { "TopK", "axis k largest sorted", .others = FR_ONNX_INT64, .run = run_top_k },
    { "Xor", .result = FR_ONNX_BOOL, .binary = logical_xor },
};

const fr_import_op_table fr_import_math_ops = { ops, sizeof ops / sizeof *ops };
