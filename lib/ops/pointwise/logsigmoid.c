/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* logsigmoid: y = ln s with s = sigmoid(x), computed as min(x, 0) - ln(1 + e^-|x|), which does not overflow.
 * dy/dx = s (1 - s) / s = 1 - s = sigmoid(-x). */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(logsigmoid, FR_MINIMUM(x, 0) - fr_log1p_f32(fr_exp_f32(-fabsf(x))),
               FR_MINIMUM(x, 0) - log1p(exp(-fabs(x))))
FR_UNARY_GRADIENT(logsigmoid, fr_sigmoid_f32(-x) * g, fr_sigmoid_f64(-x) * g)

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_sigmoid(fr_neg(call->in[0])));
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *y = fr_onnx_value(g, "Neg", FR_ONNX_NAMES(fr_onnx_input(g, 0)));

    (void)call;
    y = fr_onnx_value(g, "Softplus", FR_ONNX_NAMES(y));
    fr_onnx_node(g, "Neg", FR_ONNX_NAMES(y), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_logsigmoid(in[0]))

const fr_op fr_logsigmoid_op = {
    FR_UNARY_OP(logsigmoid, "y = ln sigmoid(x)"),
    .derivative = "dy/dx = sigmoid(-x)",
    .saves_inputs = 1,
    .backward = backward,
    .backward_kernel = logsigmoid_backward_kernel,
    .onnx = onnx,
    FR_CASES({ "values", "n(3,4)", "F.logsigmoid(a)", run }, { "scalar", "n()", "F.logsigmoid(a)", run },
             { "empty", "n(0,4)", "F.logsigmoid(a)", run },
             { "edges", "v0,-0.0,30,-30,200,-200,inf,-inf,nan(9)", "F.logsigmoid(a)", run }),
};

fr_tensor *fr_logsigmoid(fr_tensor *t)
{
    return fr_apply(&fr_logsigmoid_op, &t, NULL);
}
