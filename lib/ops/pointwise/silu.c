/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* silu: y = x s with s = sigmoid(x). By the product rule, and s' = s (1 - s), dy/dx = s + x s (1 - s). */
#include "ops/pointwise/pointwise.h"

FR_INLINE float slope_f32(float x)
{
    float s = fr_sigmoid_f32(x);

    return s * (1 + x * (1 - s));
}

FR_INLINE double slope_f64(double x)
{
    double s = fr_sigmoid_f64(x);

    return s * (1 + x * (1 - s));
}

FR_UNARY_FLOAT(silu, fr_sigmoid_f32(x) * x, fr_sigmoid_f64(x) * x)
FR_UNARY_GRADIENT(silu, slope_f32(x) * g, slope_f64(x) * g)

static void backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *s = fr_sigmoid(x);
    fr_tensor *slope = fr_mul(s, fr_add_scalar(fr_mul(x, fr_add_scalar(fr_neg(s), 1)), 1));

    call->grad_in[0] = fr_mul(call->grad_out[0], slope);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *x = fr_onnx_input(g, 0), *part = fr_onnx_value(g, "Sigmoid", FR_ONNX_NAMES(x));

    (void)call;
    fr_onnx_node(g, "Mul", FR_ONNX_NAMES(x, part), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_silu(in[0]))

const fr_op fr_silu_op = {
    FR_UNARY_OP(silu, "y = x sigmoid(x)"),
    .derivative = "dy/dx = sigmoid(x) * (1 + x * (1 - sigmoid(x)))",
    .saves_inputs = 1,
    .backward = backward,
    .backward_kernel = silu_backward_kernel,
    .onnx = onnx,
    FR_CASES({ "values", "n(3,4)", "F.silu(a)", run }, { "scalar", "n()", "F.silu(a)", run },
             { "empty", "n(0,4)", "F.silu(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,50,-50(9)", "F.silu(a)", run }),
};

fr_tensor *fr_silu(fr_tensor *t)
{
    return fr_apply(&fr_silu_op, &t, NULL);
}
