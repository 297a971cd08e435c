/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sin: y = sin x. */
#include "ops/pointwise/pointwise.h"

FR_POINTWISE_C(sin, "sinf(x)")
FR_UNARY_ROW_WITHIN(sin_f32, FR_SIN_LIMIT, fr_sin_f32(x), sinf(x))
FR_UNARY_ROW(sin_f64, double, sin(x))

static void sin_forward(fr_op_call *call)
{
    fr_unary_forward(call, sin_f32, sin_f64, NULL);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_cos(call->in[0]));
}

FR_RUN(run, fr_sin(in[0]))

const fr_op fr_sin_op = {
    FR_UNARY_OP(sin, "y = sin x"),
    .derivative = "dy/dx = cos(x)",
    .onnx_name = "Sin",
    .saves_inputs = 1,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.sin(a)", run }, { "scalar", "n()", "torch.sin(a)", run },
             { "empty", "n(0,4)", "torch.sin(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,123456,1e10(9)", "torch.sin(a)", run }),
};

fr_tensor *fr_sin(fr_tensor *t)
{
    return fr_apply(&fr_sin_op, &t, NULL);
}
