/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sign: y = -1, 0 or 1, 0 for NaN. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_ANY(sign, int64_t, x > 0 ? 1 : x < 0 ? -1 : 0)

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_zeros_like(call->grad_out[0]);
}

FR_RUN(run, fr_sign(in[0]))

const fr_op fr_sign_op = {
    FR_UNARY_OP(sign, "y = -1, 0 or 1"),
    .derivative = "dy/dx = 0",
    .onnx_name = "Sign",
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .backward = backward,
    FR_CASES({ "values", "d(3,4)", "torch.sign(a)", run }, { "scalar", "d()", "torch.sign(a)", run },
             { "empty", "d(0,4)", "torch.sign(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.sign(a)", run },
             { "int64", "i3(3,4)", "torch.sign(a)", run }),
};

fr_tensor *fr_sign(fr_tensor *t)
{
    return fr_apply(&fr_sign_op, &t, NULL);
}
