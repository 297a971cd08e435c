/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cos: y = cos x. */
#include "ops/pointwise/pointwise.h"

FR_POINTWISE_C(cos, "cosf(x)")
FR_UNARY_ROW_WITHIN(cos_f32, FR_SIN_LIMIT, fr_cos_f32(x), cosf(x))
FR_UNARY_ROW(cos_f64, double, cos(x))

static void cos_forward(fr_op_call *call)
{
    fr_unary_forward(call, cos_f32, cos_f64, NULL);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_neg(fr_mul(call->grad_out[0], fr_sin(call->in[0])));
}

FR_RUN(run, fr_cos(in[0]))

const fr_op fr_cos_op = {
    FR_UNARY_OP(cos, "y = cos x"),
    .derivative = "dy/dx = -sin(x)",
    .onnx_name = "Cos",
    .saves_inputs = 1,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.cos(a)", run }, { "scalar", "n()", "torch.cos(a)", run },
             { "empty", "n(0,4)", "torch.cos(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,123456,1e10(9)", "torch.cos(a)", run }),
};

fr_tensor *fr_cos(fr_tensor *t)
{
    return fr_apply(&fr_cos_op, &t, NULL);
}
