/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's ops on the bits of integers, and on integers that stand for floats: quantised values are whole numbers in
 * int64, products of them are exact in float64. */
#include <config.h>

#include "core/error.h"
#include "core/shape.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>

/* --- Bits -------------------------------------------------------------------------------------------------------- */

fr_tensor *fr_import_integers(fr_tensor *a, fr_tensor *b, int64_t (*op)(int64_t, int64_t))
{
    fr_shape shape;

    if (fr_dtype_of(a) != FR_I64 || fr_dtype_of(b) != FR_I64 || !fr_shape_broadcast(&a->shape, &b->shape, &shape))
        return fr_fail("load_onnx", "expected two tensors of integers that broadcast");
    a = fr_contiguous(fr_expand(a, shape));
    b = fr_contiguous(fr_expand(b, shape));

    fr_tensor *y = a && b ? fr_empty_like(a) : NULL;

    for (int64_t i = 0; y && i < y->numel; i++)
        ((int64_t *)(void *)y->origin)[i] =
            op(((const int64_t *)(const void *)a->origin)[i], ((const int64_t *)(const void *)b->origin)[i]);
    return y;
}

static int64_t quotient(int64_t n, int64_t d)
{
    return d == -1 ? (int64_t)(0 - (uint64_t)n) : n / d;
}

fr_tensor *fr_import_quotient(fr_tensor *a, fr_tensor *b)
{
    fr_tensor *zeros = fr_any(fr_eq_scalar(b, 0));

    if (!zeros || fr_at(zeros, 0) != 0)
        return zeros ? fr_fail("load_onnx", "Div: int64 is divided by 0") : NULL;
    return fr_import_integers(a, b, quotient);
}

static int64_t and_bits(int64_t a, int64_t b)
{
    return a & b;
}

static int64_t or_bits(int64_t a, int64_t b)
{
    return a | b;
}

static int64_t xor_bits(int64_t a, int64_t b)
{
    return a ^ b;
}

static fr_tensor *bitwise_and(fr_tensor *a, fr_tensor *b)
{
    return fr_import_integers(a, b, and_bits);
}

static fr_tensor *bitwise_or(fr_tensor *a, fr_tensor *b)
{
    return fr_import_integers(a, b, or_bits);
}

static fr_tensor *bitwise_xor(fr_tensor *a, fr_tensor *b)
{
    return fr_import_integers(a, b, xor_bits);
}

static fr_tensor *bitwise_not(fr_tensor *t)
{
    return fr_import_integers(t, fr_full_of((fr_shape){ 0 }, -1, FR_I64), xor_bits);
}

static int64_t shift_left(int64_t a, int64_t by)
{
    return by < 0 || by > 63 ? 0 : (int64_t)((uint64_t)a << by);
}

/* Towards minus infinity, as the sign fills what is free. */
static int64_t shift_right(int64_t a, int64_t by)
{
    return by < 0 || by > 63 ? -(a < 0) : a < 0 ? ~(~a >> by) : a >> by;
}

/* What narrower types cannot hold is cut off after the node. */
static bool run_bit_shift(fr_import_call *c)
{
    bool left = fr_import_string_is(c, "direction", "LEFT");

    if (!fr_import_require(c, 2))
        return false;
    return fr_import_return(c, fr_import_integers(c->in[0], c->in[1], left ? shift_left : shift_right));
}

/* --- Quantised values -------------------------------------------------------------------------------------------- */

/* A scale or zero point as it broadcasts to x: one number, one for each place along the axis, or one for each block of
 * block_size places. */
static fr_tensor *spread(const fr_import_call *c, const fr_tensor *x, fr_tensor *t)
{
    int64_t block = fr_import_int(c, "block_size", 0);
    fr_shape along = { .ndim = x->shape.ndim, .dim = { 1, 1, 1, 1, 1, 1, 1, 1 } };
    int axis;

    if (t->numel == 1 && block == 0)
        return fr_reshape(t, (fr_shape){ 0 });
    axis = fr_import_axis(c, x, fr_import_int(c, "axis", 1));
    if (axis < 0)
        return NULL;
    if (block > 0)
        return fr_slice(fr_repeat_interleave(t, block, axis), axis, 0, x->shape.dim[axis], 1);
    along.dim[axis] = x->shape.dim[axis];
    return fr_reshape(t, along);
}

/* round(x / scale) + zero, to the type: half to the even number, beyond the type to its limits. x / scale is rounded as
 * x's type is. */
static fr_tensor *quantized(const fr_import_call *c, fr_tensor *x, fr_tensor *scale, fr_tensor *zero, int type)
{
    fr_tensor *whole = fr_cast(fr_round(fr_import_as_type(fr_div(x, scale), c->in_type[0])), FR_F64);
    int64_t least, most;

    if (!fr_import_limits(type, &least, &most))
        return fr_import_fail(c, "frond does not have its type"), NULL;
    whole = zero ? fr_add(whole, fr_cast(zero, FR_F64)) : whole;
    return fr_cast(fr_clamp(whole, (double)least, (double)most), FR_I64);
}

/* Input 2, the zero point, has the type of the result. */
static bool run_quantize(fr_import_call *c)
{
    fr_tensor *zero = fr_import_input(c, 2), *x = fr_import_input(c, 0);

    if (!fr_import_require(c, 3))
        return false;
    if (x->dtype == FR_I64 || x->dtype != c->in[1]->dtype)
        return fr_import_fail(c, "expected floats, and scales of their type");
    return fr_import_return(c, quantized(c, x, spread(c, x, c->in[1]), spread(c, x, zero), c->type[0]));
}

static bool is_small_integer(int type)
{
    int64_t least, most;

    return fr_import_limits(type, &least, &most);
}

static bool check_quantize(const fr_import_call *c)
{
    return is_small_integer(c->type[0]) || fr_import_fail(c, "expected a zero point of an integer type");
}

/* (x - zero) scale */
static bool run_dequantize(fr_import_call *c)
{
    fr_tensor *x = fr_import_input(c, 0), *zero = fr_import_input(c, 2);

    if (!fr_import_require(c, 2))
        return false;
    x = zero ? fr_sub(x, spread(c, x, zero)) : x;
    return fr_import_return(c, x ? fr_mul(fr_cast(x, fr_dtype_of(c->in[1])), spread(c, x, c->in[1])) : NULL);
}

static bool check_dequantize(const fr_import_call *c)
{
    return is_small_integer(c->in_type[0]) || fr_import_fail(c, "frond does not have the type of its input");
}

/* To uint8, so that 0 and all of x fit: scale = (max - min) / 255, zero = round(-min / scale). Zeros have scale 1. */
static bool run_dynamic_quantize(fr_import_call *c)
{
    fr_tensor *x = fr_import_input(c, 0), *low, *high, *scale, *zero;

    if (!fr_import_require(c, 1))
        return false;
    if (x->numel == 0 || x->dtype != FR_F32)
        return fr_import_fail(c, "expected one value or more, of float32");
    low = fr_minimum_scalar(fr_min(x), 0);
    high = fr_maximum_scalar(fr_max(x), 0);
    scale = fr_div_scalar(fr_sub(high, low), 255);
    scale = fr_add(scale, fr_cast(fr_eq_scalar(scale, 0), FR_F32));
    zero = fr_cast(fr_round(fr_clamp(fr_neg(fr_div(low, scale)), 0, 255)), FR_I64);
    c->out[1] = scale;
    c->out[2] = zero;
    return zero && fr_import_return(c, quantized(c, x, scale, zero, FR_ONNX_UINT8));
}

/* Inputs as x - zero in float64, where products of 8 bits and sums of 2^36 of them are exact. rows: a zero for each
 * row, else for each column. */
static fr_tensor *centred(fr_tensor *x, fr_tensor *zero, bool rows)
{
    if (zero && rows && zero->shape.ndim == 1 && zero->numel > 1)
        zero = fr_unsqueeze(zero, -1);
    return fr_cast(zero ? fr_sub(x, zero) : x, FR_F64);
}

static bool run_matmul_integer(fr_import_call *c)
{
    if (!fr_import_require(c, 2))
        return false;
    return fr_import_return(c, fr_cast(fr_matmul(centred(c->in[0], fr_import_input(c, 2), true),
                                                 centred(c->in[1], fr_import_input(c, 3), false)),
                                       FR_I64));
}

/* a, its scale and zero point, b, those, and those of the result: round(product a_scale b_scale / y_scale) + y_zero */
static bool run_quantized_matmul(fr_import_call *c)
{
    enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO, INPUTS };

    if (!fr_import_require(c, INPUTS))
        return false;

    fr_tensor *product = fr_matmul(centred(c->in[A], c->in[A_ZERO], true), centred(c->in[B], c->in[B_ZERO], false));
    fr_tensor *scale = fr_div(fr_mul(centred(c->in[A_SCALE], NULL, true), fr_cast(c->in[B_SCALE], FR_F64)),
                              fr_cast(c->in[Y_SCALE], FR_F64));
    fr_tensor *y = fr_add(fr_round(fr_mul(product, scale)), fr_cast(c->in[Y_ZERO], FR_F64));
    int64_t least, most;

    if (!fr_import_limits(c->type[0], &least, &most))
        return fr_import_fail(c, "frond does not have the type of its result");
    return fr_import_return(c, fr_cast(fr_clamp(y, (double)least, (double)most), FR_I64));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "BitShift", "direction", .run = run_bit_shift },
    { "BitwiseAnd", .binary = bitwise_and },
    { "BitwiseNot", .unary = bitwise_not },
    { "BitwiseOr", .binary = bitwise_or },
    { "BitwiseXor", .binary = bitwise_xor },
    { "DequantizeLinear", "axis block_size", .result = FR_IMPORT_OF_INPUT_1, .run = run_dequantize,
      .check = check_dequantize },
    { "DynamicQuantizeLinear", .result = FR_ONNX_UINT8, .others = FR_ONNX_FLOAT, .third = FR_ONNX_UINT8,
      .run = run_dynamic_quantize },
    { "MatMulInteger", .result = FR_ONNX_INT32, .run = run_matmul_integer },
    { "QLinearMatMul", .result = FR_IMPORT_OF_INPUT_7, .run = run_quantized_matmul },
    { "QuantizeLinear", "axis block_size saturate", .result = FR_IMPORT_OF_INPUT_2, .run = run_quantize,
      .check = check_quantize },
};

const fr_import_op_table fr_import_integer_ops = { ops, sizeof ops / sizeof *ops };
