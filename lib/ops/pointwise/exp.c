/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* exp: y = e^x. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(exp, fr_exp_f32(x), fr_exp_f64(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], call->result[0]);
}

FR_RUN(run, fr_exp(in[0]))

const fr_op fr_exp_op = {
    FR_UNARY_OP(exp, "y = e^x"),
    .derivative = "dy/dx = y",
    .onnx_name = "Exp",
    .saves_outputs = 1,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.exp(a)", run }, { "scalar", "n()", "torch.exp(a)", run },
             { "empty", "n(0,4)", "torch.exp(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.exp(a)", run }),
};

fr_tensor *fr_exp(fr_tensor *t)
{
    return fr_apply(&fr_exp_op, &t, NULL);
}
