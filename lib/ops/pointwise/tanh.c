/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* tanh: y = sinh x / cosh x. By the quotient rule dy/dx = (cosh^2 x - sinh^2 x) / cosh^2 x = 1 - y^2, so that backward
 * needs y alone. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(tanh, fr_tanh_f32(x), fr_tanh_f64(x))
FR_UNARY_GRADIENT(tanh, (1 - y * y) * g, (1 - y * y) * g)

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0];

    call->grad_in[0] = fr_sub(g, fr_mul(g, fr_square(call->result[0])));
}

FR_RUN(run, fr_tanh(in[0]))

const fr_op fr_tanh_op = {
    FR_UNARY_OP(tanh, "y = tanh x"),
    .derivative = "dy/dx = 1 - y^2",
    .onnx_name = "Tanh",
    .saves_outputs = 1,
    .backward = backward,
    .backward_kernel = tanh_backward_kernel,
    FR_CASES({ "values", "n(3,4)", "torch.tanh(a)", run }, { "scalar", "n()", "torch.tanh(a)", run },
             { "empty", "n(0,4)", "torch.tanh(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.tanh(a)", run }),
};

fr_tensor *fr_tanh(fr_tensor *t)
{
    return fr_apply(&fr_tanh_op, &t, NULL);
}
