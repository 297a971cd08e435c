/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* pow: y = a^b, broadcasting; y = x^value. int64 wraps around. dy/da = b a^(b - 1), 0 where b is 0; dy/db = y ln a, 0
 * where a is 0 and b >= 0. */
#include "ops/pointwise/pointwise.h"

/* As in PyTorch, a^b rounded towards 0 for b < 0, with 0 for 0^b. */
FR_INLINE int64_t whole_power(int64_t a, int64_t b)
{
    uint64_t y = 1, square = (uint64_t)a;

    if (b < 0)
        return a == 1 || (a == -1 && b % 2 == 0) ? 1 : a == -1 ? -1 : 0;
    for (; b > 0; b /= 2, square *= square)
        y *= b % 2 ? square : 1;
    return (int64_t)y;
}

FR_BINARY_ROW(pow_f32, float, powf(a, b))
FR_BINARY_ROW(pow_f64, double, pow(a, b))
FR_BINARY_ROW(pow_i64, int64_t, whole_power(a, b))
FR_OP_KERNEL(pow_forward, fr_binary_forward, pow_f32, pow_f64, pow_i64)

static bool pow_c(fr_c_writer *w, const fr_op_call *call)
{
    return call->in[0]->dtype == FR_I64 ? fr_c_fail(w, "int64 given, expected float32")
                                        : fr_c_pointwise(w, call, "powf(a, b)", NULL);
}

static void backward(fr_op_call *call)
{
    fr_tensor *a = call->in[0], *b = call->in[1], *y = call->result[0], *g = call->grad_out[0];

    if (call->needs[0]) {
        fr_tensor *slope = fr_mul(b, fr_pow(a, fr_sub_scalar(b, 1)));

        slope = fr_mul(g, fr_where(fr_eq_scalar(b, 0), fr_zeros_like(b), slope));
        call->grad_in[0] = fr_op_sum_to(slope, &call->in_shape[0]);
    }
    if (call->needs[1]) {
        fr_tensor *flat = fr_mul(fr_eq_scalar(a, 0), fr_ge_scalar(b, 0));
        fr_tensor *slope = fr_mul(g, fr_where(flat, fr_zeros_like(y), fr_mul(y, fr_log(a))));

        call->grad_in[1] = fr_op_sum_to(slope, &call->in_shape[1]);
    }
}

FR_RUN(run, fr_pow(in[0], in[1]))
FR_RUN(run_signed, fr_pow(fr_sub_scalar(in[0], 2), fr_sub_scalar(in[1], 3)))

const fr_op fr_pow_op = {
    FR_BINARY_OP(pow, "y = a^b"),
    .derivative = "dy/da = b * a^(b - 1), dy/db = y * log(a)",
    .onnx_name = "Pow",
    .dtypes = FR_ANY,
    .saves_inputs = 3,
    .saves_outputs = 1,
    .backward = backward,
    FR_CASES({ "same", "u(3,4) n(3,4)", "a ** b", run }, { "broadcast", "u(2,1,4) n(3,1)", "a ** b", run },
             { "scalar", "u() n(5)", "a ** b", run }, { "empty", "u(0,3) n(3)", "a ** b", run },
             { "zero", "v0,0,0,0,-0.0,-0.0(6) v0,2,1,0.5,0,3(6)", "a ** b", run },
             { "edges", "v0,-2,2,-1,nan,1,1,inf(8) v-1,3,0,2,0,nan,inf,0(8)", "a ** b", run },
             { "int64", "i9(3,4) i30(4)", "a ** b", run },
             { "int64 negative", "i5(30,1) i7(20)", "(a - 2) ** (b - 3)", run_signed },
             { "dtypes", "n(3) i5(3)", NULL, run, { "pow", "float32", "int64" } }),
};

fr_tensor *fr_pow(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_pow_op, (fr_tensor *[]){ a, b }, NULL);
}

/* As in PyTorch, common exponents have kernels of their own, which are exact or faster than powf. One consequence:
 * (-inf)^0.5 is NaN. */
FR_UNARY_THREE(power, int64_t, powf(x, p[0]), pow(x, p[0]), whole_power(x, p[0]))
FR_UNARY_FLOAT(squared, x *x, x *x)
FR_UNARY_FLOAT(cubed, x *x *x, x *x *x)
FR_UNARY_FLOAT(root, sqrtf(x), sqrt(x))
FR_UNARY_FLOAT(inverse, 1 / x, 1 / x)
FR_UNARY_FLOAT(inverse_squared, 1 / (x * x), 1 / (x * x))
FR_UNARY_FLOAT(inverse_root, 1 / sqrtf(x), 1 / sqrt(x))

static bool pow_scalar_c(fr_c_writer *w, const fr_op_call *call)
{
    double p = *(const double *)call->attributes;

    if (call->in[0]->dtype == FR_I64)
        return fr_c_fail(w, "int64 given, expected float32");
    return fr_c_pointwise(w, call,
                          p == 0.5    ? "sqrtf(x)"
                          : p == -0.5 ? "1 / sqrtf(x)"
                                      : "powf(x, p[0])",
                          call->attributes);
}

static bool pow_scalar_infer(fr_op_call *call)
{
    double value = *(const double *)call->attributes;

    if (call->in[0]->dtype == FR_I64 && value < 0)
        return fr_op_fail(call, "int64 to the power of %g, expected 0 or more", value);
    return fr_infer_scalar(call);
}

static void pow_scalar_forward(fr_op_call *call)
{
    static const struct {
        double value;
        void (*forward)(fr_op_call *call);
    } usual[] = { { 2, squared_forward },          { 3, cubed_forward },
                  { 0.5, root_forward },           { -1, inverse_forward },
                  { -2, inverse_squared_forward }, { -0.5, inverse_root_forward } };
    double value = *(const double *)call->attributes;
    void (*forward)(fr_op_call *) = power_forward;

    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (usual[i].value == value && call->in[0]->dtype != FR_I64)
            forward = usual[i].forward;
    forward(call);
}

static void pow_scalar_backward(fr_op_call *call)
{
    double value = *(const double *)call->attributes;
    fr_tensor *g = call->grad_out[0];

    if (value == 0)
        call->grad_in[0] = fr_zeros_like(g);
    else
        call->grad_in[0] = fr_mul(g, fr_mul_scalar(fr_pow_scalar(call->in[0], value - 1), value));
}

#define EDGES "v0,-0.0,1,-1,2,inf,-inf,nan(8)"
FR_RUN(run_scalar, fr_pow_scalar(in[0], 2.5))
FR_RUN(run_even, fr_pow_scalar(in[0], 1e10)) /* an even whole number beyond int32: positive */
FR_RUN(run_0, fr_pow_scalar(in[0], 0))
FR_RUN(run_1, fr_pow_scalar(in[0], 1))
FR_RUN(run_2, fr_pow_scalar(in[0], 2))
FR_RUN(run_3, fr_pow_scalar(in[0], 3))
FR_RUN(run_half, fr_pow_scalar(in[0], 0.5))
FR_RUN(run_minus_1, fr_pow_scalar(in[0], -1))
FR_RUN(run_minus_2, fr_pow_scalar(in[0], -2))
FR_RUN(run_minus_half, fr_pow_scalar(in[0], -0.5))

/* As here, and in PyTorch, the powers 1/2 and -1/2 are roots: of -inf they are NaN. */
static bool pow_scalar_onnx(fr_onnx *g, const fr_op_call *call)
{
    double p = *(const double *)call->attributes;
    const char *x = fr_onnx_input(g, 0);

    if (fabs(p) != 0.5)
        return fr_onnx_scalar(g, call);
    if (p < 0)
        x = fr_onnx_value(g, "Sqrt", FR_ONNX_NAMES(x));
    fr_onnx_node(g, p < 0 ? "Reciprocal" : "Sqrt", FR_ONNX_NAMES(x), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

const fr_op fr_pow_scalar_op = {
    .name = "pow_scalar",
    .formula = "y = x^value",
    .derivative = "dy/dx = value * x^(value - 1)",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .attributes_size = 2 * sizeof(double),
    .dtypes = FR_ANY,
    .expanded_gradients = true,
    .infer = pow_scalar_infer,
    .forward = pow_scalar_forward,
    .jvp = fr_jvp_pointwise,
    .c_code = pow_scalar_c,
    .onnx_name = "Pow",
    .onnx = pow_scalar_onnx,
    .saves_inputs = 1,
    .backward = pow_scalar_backward,
    FR_CASES({ "values", "u(3,4)", "a ** 2.5", run_scalar }, { "scalar", "u()", "a ** 2.5", run_scalar },
             { "empty", "u(0,4)", "a ** 2.5", run_scalar }, { "edges", EDGES, "a ** 2.5", run_scalar },
             { "0", EDGES, "a ** 0", run_0 }, { "even", "v-0.5,-2,-1,3(4)", "a ** 1e10", run_even, .no_grad = true },
             { "1", EDGES, "a ** 1", run_1 }, { "2", EDGES, "a ** 2", run_2 }, { "3", EDGES, "a ** 3", run_3 },
             { "half", EDGES, "a ** 0.5", run_half }, { "minus 1", EDGES, "a ** -1", run_minus_1 },
             { "minus 2", EDGES, "a ** -2", run_minus_2 }, { "minus half", EDGES, "a ** -0.5", run_minus_half },
             { "2 values", "n(3,4)", "a ** 2", run_2 }, { "minus 2 values", "u(3,4)", "a ** -2", run_minus_2 },
             { "int64", "i9(3,4)", "a ** 3", run_3 }, { "int64 0", "i3(4)", "a ** 0", run_0 },
             { "int64 fraction", "i5(3)", NULL, run_scalar, { "pow_scalar", "2.5", "int64" } },
             { "int64 negative", "i5(3)", NULL, run_minus_1, { "pow_scalar", "int64", "-1" } }),
};

fr_tensor *fr_pow_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_pow_scalar_op, &t, (double[2]){ value });
}
