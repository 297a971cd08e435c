/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* mish: y = x t with t = tanh(ln(1 + e^x)). By the product rule and the chain rule dy/dx = t + x (1 - t^2) sigmoid(x),
 * as the derivative of ln(1 + e^x) is sigmoid(x). Misra, "Mish: a self regularized
 * non-monotonic activation function", 2019. */
#include "ops/pointwise/pointwise.h"

FR_INLINE float slope_f32(float x)
{
    float t = fr_tanh_f32(fr_log1p_f32(fr_exp_f32(x)));

    return t + x * fr_sigmoid_f32(x) * (1 - t * t);
}

FR_INLINE double slope_f64(double x)
{
    double t = tanh(log1p(exp(x)));

    return t + x * fr_sigmoid_f64(x) * (1 - t * t);
}

FR_UNARY_FLOAT(mish, fr_tanh_f32(fr_log1p_f32(fr_exp_f32(x))) * x, tanh(log1p(exp(x))) * x)
FR_UNARY_GRADIENT(mish, slope_f32(x) * g, slope_f64(x) * g)

static void backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *t = fr_tanh(fr_softplus(x));
    fr_tensor *rest = fr_add_scalar(fr_neg(fr_square(t)), 1);

    call->grad_in[0] = fr_mul(call->grad_out[0], fr_add(t, fr_mul(fr_mul(x, fr_sigmoid(x)), rest)));
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *x = fr_onnx_input(g, 0), *t = fr_onnx_value(g, "Softplus", FR_ONNX_NAMES(x));

    (void)call;
    t = fr_onnx_value(g, "Tanh", FR_ONNX_NAMES(t));
    fr_onnx_node(g, "Mul", FR_ONNX_NAMES(x, t), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_mish(in[0]))

const fr_op fr_mish_op = {
    FR_UNARY_OP(mish, "y = x tanh(ln(1 + e^x))"),
    .derivative = "dy/dx = tanh(softplus(x)) + x * (1 - tanh(softplus(x))^2) * sigmoid(x)",
    .saves_inputs = 1,
    .backward = backward,
    .backward_kernel = mish_backward_kernel,
    .onnx = onnx,
    FR_CASES({ "values", "n(3,4)", "F.mish(a)", run }, { "scalar", "n()", "F.mish(a)", run },
             { "empty", "n(0,4)", "F.mish(a)", run },
             { "edges", "v0,-0.0,1,-1,nan,50,-50,120,-800(9)", "F.mish(a)", run }),
};

fr_tensor *fr_mish(fr_tensor *t)
{
    return fr_apply(&fr_mish_op, &t, NULL);
}
