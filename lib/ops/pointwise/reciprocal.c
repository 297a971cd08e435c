/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* reciprocal: y = 1 / x. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(reciprocal, 1 / x, 1 / x)

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_neg(fr_mul(call->grad_out[0], fr_square(call->result[0])));
}

FR_RUN(run, fr_reciprocal(in[0]))

const fr_op fr_reciprocal_op = {
    FR_UNARY_OP(reciprocal, "y = 1 / x"),
    .derivative = "dy/dx = -y^2",
    .onnx_name = "Reciprocal",
    .saves_outputs = 1,
    .backward = backward,
    FR_CASES({ "values", "u(3,4)", "torch.reciprocal(a)", run }, { "scalar", "u()", "torch.reciprocal(a)", run },
             { "empty", "u(0,4)", "torch.reciprocal(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan(7)", "torch.reciprocal(a)", run }),
};

fr_tensor *fr_reciprocal(fr_tensor *t)
{
    return fr_apply(&fr_reciprocal_op, &t, NULL);
}
