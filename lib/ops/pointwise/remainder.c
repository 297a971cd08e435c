/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* remainder: y = a - b floor(a / b), broadcasting, or x - value floor(x / value): it has the sign of the divisor, as in
 * Python. dy/da = 1, dy/db = -floor(a / b). */
#include "ops/pointwise/pointwise.h"

FR_INLINE double floored_f64(double a, double b)
{
    double r = fmod(a, b);

    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

FR_INLINE float floored_f32(float a, float b)
{
    float r = fmodf(a, b);

    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* 0 for a divisor of -1, where INT64_MIN % b would overflow, and of 0, which fails beforehand. */
FR_INLINE int64_t floored_i64(int64_t a, int64_t b)
{
    int64_t r = b == -1 || b == 0 ? 0 : a % b;

    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* --- By a tensor ------------------------------------------------------------------------------------------------- */

FR_BINARY_ROW(remainder_f32, float, floored_f32(a, b))
FR_BINARY_ROW(remainder_f64, double, floored_f64(a, b))
FR_BINARY_ROW(remainder_i64, int64_t, floored_i64(a, b))

static bool has_zero(const fr_tensor *t, int dim, int64_t offset)
{
    if (dim == t->shape.ndim)
        return fr_value_at(t, offset) == 0;
    for (int64_t i = 0; i < t->shape.dim[dim]; i++)
        if (has_zero(t, dim + 1, offset + i * t->stride[dim]))
            return true;
    return false;
}

static void remainder_forward(fr_op_call *call)
{
    if (call->in[0]->dtype == FR_I64 && call->result[0]->numel > 0 && has_zero(call->in[1], 0, 0))
        fr_op_fail(call, "int64 is divided by 0");
    else
        fr_binary_forward(call, remainder_f32, remainder_f64, remainder_i64);
}

static bool remainder_c(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(w, call,
                          call->in[0]->dtype == FR_I64
                              ? "(a % b + b) % b"
                              : "fmodf(a, b) != 0 && (fmodf(a, b) < 0) != (b < 0) ? fmodf(a, b) + b : fmodf(a, b)",
                          NULL);
}

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0];

    if (call->needs[0])
        call->grad_in[0] = fr_op_sum_to(g, &call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] =
            fr_neg(fr_op_sum_to(fr_mul(g, fr_floor(fr_div(call->in[0], call->in[1]))), &call->in_shape[1]));
}

/* ONNX's Mod has the sign of the divisor for whole numbers alone; for floats it is fmod. */
static bool write_onnx(fr_onnx *g, const fr_op_call *call, const char *divisor)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *y = fr_onnx_output(g, 0), *zero = fr_onnx_number(g, dtype, 0);
    const char *part, *other_sign, *sum;

    if (dtype == FR_I64) {
        fr_onnx_node(g, "Mod", FR_ONNX_NAMES(x, divisor), FR_ONNX_NAMES(y));
        return true;
    }
    part = fr_onnx_value(g, "Mod", FR_ONNX_NAMES(x, divisor));
    fr_onnx_int(g, "fmod", 1);
    other_sign =
        fr_onnx_value(g, "Less",
                      FR_ONNX_NAMES(fr_onnx_value(g, "Mul",
                                                  FR_ONNX_NAMES(fr_onnx_value(g, "Sign", FR_ONNX_NAMES(part)),
                                                                fr_onnx_value(g, "Sign", FR_ONNX_NAMES(divisor)))),
                                    zero));
    sum = fr_onnx_value(g, "Add", FR_ONNX_NAMES(part, divisor));
    fr_onnx_node(g, "Where", FR_ONNX_NAMES(other_sign, sum, part), FR_ONNX_NAMES(y));
    return true;
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    return write_onnx(g, call, fr_onnx_input(g, 1));
}

FR_RUN(run, fr_remainder(in[0], in[1]))
FR_RUN(run_whole, fr_remainder(fr_sub_scalar(in[0], 9), fr_sub_scalar(fr_mul_scalar(in[1], 2), 5)))

const fr_op fr_remainder_op = {
    FR_BINARY_OP(remainder, "y = a - b floor(a / b)"),
    .derivative = "dy/da = 1, dy/db = -floor(a / b)",
    .saves_inputs = 3,
    .dtypes = FR_ANY,
    .backward = backward,
    .onnx = onnx,
    FR_CASES({ "same", "d(3,4) u(3,4)", "torch.remainder(a, b)", run },
             { "broadcast", "d(2,1,4) u(3,1)", "torch.remainder(a, b)", run },
             { "scalar", "d() u(5)", "torch.remainder(a, b)", run },
             { "empty", "d(0,3) u(3)", "torch.remainder(a, b)", run },
             { "edges", "v5,-5,5,-5,0,1,1,-0.0,nan(9) v3,3,-3,-3,2,inf,0,2,1(9)", "torch.remainder(a, b)", run },
             { "int64", "i19(3,4) i6(4)", "torch.remainder(a - 9, 2 * b - 5)", run_whole },
             { "int64 by 0", "i9(4) i1(4)", NULL, run, { "remainder", "int64 is divided by 0" } },
             { "dtypes", "n(3) i5(3)", NULL, run, { "remainder", "float32", "int64" } }),
};

fr_tensor *fr_remainder(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_remainder_op, (fr_tensor *[]){ a, b }, NULL);
}

/* --- By a number ------------------------------------------------------------------------------------------------- */

FR_UNARY_THREE(remainder_scalar, int64_t, floored_f32(x, p[0]), floored_f64(x, p[0]), floored_i64(x, p[0]))

static bool remainder_scalar_c(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(
        w, call,
        call->in[0]->dtype == FR_I64
            ? "(x % p[0] + p[0]) % p[0]"
            : "fmodf(x, p[0]) != 0 && (fmodf(x, p[0]) < 0) != (p[0] < 0) ? fmodf(x, p[0]) + p[0] : fmodf(x, p[0])",
        call->attributes);
}

static bool infer_scalar(fr_op_call *call)
{
    if (call->in[0]->dtype == FR_I64 && *(const double *)call->attributes == 0)
        return fr_op_fail(call, "int64 is divided by 0");
    return fr_infer_scalar(call);
}

static void scalar_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_clone(call->grad_out[0]);
}

static bool scalar_onnx(fr_onnx *g, const fr_op_call *call)
{
    return write_onnx(g, call, fr_onnx_number(g, fr_dtype_of(call->in[0]), *(const double *)call->attributes));
}

FR_RUN(run_scalar, fr_remainder_scalar(in[0], 0.75))
FR_RUN(run_negative, fr_remainder_scalar(in[0], -3))
FR_RUN(run_zero, fr_remainder_scalar(in[0], 0))

const fr_op fr_remainder_scalar_op = {
    .name = "remainder_scalar",
    .formula = "y = x - value floor(x / value)",
    .derivative = "dy/dx = 1",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .attributes_size = 2 * sizeof(double),
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .infer = infer_scalar,
    .forward = remainder_scalar_forward,
    .backward = scalar_backward,
    .jvp = fr_jvp_pointwise,
    .c_code = remainder_scalar_c,
    .onnx = scalar_onnx,
    FR_CASES({ "values", "d(3,4)", "torch.remainder(a, 0.75)", run_scalar },
             { "scalar", "d()", "torch.remainder(a, 0.75)", run_scalar },
             { "empty", "d(0,4)", "torch.remainder(a, 0.75)", run_scalar },
             { "negative", "v5,-5,3,0,-0.0,inf,nan(7)", "torch.remainder(a, -3)", run_negative },
             { "int64", "i9(3,4)", "torch.remainder(a, -3)", run_negative },
             { "zero", "v1,0,-1(3)", "torch.remainder(a, 0)", run_zero },
             { "int64 by 0", "i9(3)", NULL, run_zero, { "remainder_scalar", "int64 is divided by 0" } },
             { "fraction", "i9(3)", NULL, run_scalar, { "remainder_scalar", "0.75", "int64" } }),
};

fr_tensor *fr_remainder_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_remainder_scalar_op, &t, (double[2]){ value });
}
