/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sqrt: y = sqrt(x). */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(sqrt, sqrtf(x), sqrt(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], fr_mul_scalar(call->result[0], 2));
}

FR_RUN(run, fr_sqrt(in[0]))

const fr_op fr_sqrt_op = {
    FR_UNARY_OP(sqrt, "y = sqrt(x)"),
    .derivative = "dy/dx = 1 / (2 * y)",
    .onnx_name = "Sqrt",
    .saves_outputs = 1,
    .backward = backward,
    FR_CASES({ "values", "u(3,4)", "torch.sqrt(a)", run }, { "scalar", "u()", "torch.sqrt(a)", run },
             { "empty", "u(0,4)", "torch.sqrt(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.sqrt(a)", run }),
};

fr_tensor *fr_sqrt(fr_tensor *t)
{
    return fr_apply(&fr_sqrt_op, &t, NULL);
}
