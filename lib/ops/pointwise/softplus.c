/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* softplus: y = ln(1 + e^x), x itself above 20, as in PyTorch. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(softplus, x > 20 ? x : fr_log1p_f32(fr_exp_f32(x)), x > 20 ? x : log1p(exp(x)))
FR_UNARY_GRADIENT(softplus, x > 20 ? g : g * fr_sigmoid_f32(x), x > 20 ? g : g * fr_sigmoid_f64(x))

static void backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *g = call->grad_out[0];

    call->grad_in[0] = fr_where(fr_gt_scalar(x, 20), g, fr_mul(g, fr_sigmoid(x)));
}

FR_RUN(run, fr_softplus(in[0]))

const fr_op fr_softplus_op = {
    FR_UNARY_OP(softplus, "y = ln(1 + e^x); x above 20"),
    .derivative = "dy/dx = 1 where x > 20, else sigmoid(x)",
    .onnx_name = "Softplus",
    .saves_inputs = 1,
    .backward = backward,
    .backward_kernel = softplus_backward_kernel,
    FR_CASES({ "values", "n(3,4)", "F.softplus(a)", run }, { "scalar", "n()", "F.softplus(a)", run },
             { "empty", "n(0,4)", "F.softplus(a)", run },
             { "edges", "v0,-0.0,19.99,20,20.01,inf,-inf,nan,-50(9)", "F.softplus(a)", run }),
};

fr_tensor *fr_softplus(fr_tensor *t)
{
    return fr_apply(&fr_softplus_op, &t, NULL);
}
