/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* log: y = ln x. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(log, fr_log_f32(x), log(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], call->in[0]);
}

FR_RUN(run, fr_log(in[0]))

const fr_op fr_log_op = {
    FR_UNARY_OP(log, "y = ln x"),
    .derivative = "dy/dx = 1 / x",
    .onnx_name = "Log",
    .saves_inputs = 1,
    .backward = backward,
    FR_CASES({ "values", "u(3,4)", "torch.log(a)", run }, { "scalar", "u()", "torch.log(a)", run },
             { "empty", "u(0,4)", "torch.log(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan(7)", "torch.log(a)", run }),
};

fr_tensor *fr_log(fr_tensor *t)
{
    return fr_apply(&fr_log_op, &t, NULL);
}
