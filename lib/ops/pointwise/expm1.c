/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* expm1: y = e^x - 1, without loss near 0. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(expm1, fr_expm1_f32(x), expm1(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_add_scalar(call->result[0], 1));
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *one = fr_onnx_number(g, fr_dtype_of(call->in[0]), 1);
    const char *u = fr_onnx_value(g, "Exp", FR_ONNX_NAMES(fr_onnx_input(g, 0)));
    const char *d = fr_onnx_value(g, "Sub", FR_ONNX_NAMES(u, one));

    return fr_onnx_near_0(g, u, one, d, fr_onnx_value(g, "Log", FR_ONNX_NAMES(u)));
}

FR_RUN(run, fr_expm1(in[0]))

const fr_op fr_expm1_op = {
    FR_UNARY_OP(expm1, "y = e^x - 1"),
    .derivative = "dy/dx = y + 1",
    .saves_outputs = 1,
    .backward = backward,
    .onnx = onnx,
    FR_CASES({ "values", "n(3,4)", "torch.expm1(a)", run }, { "scalar", "n()", "torch.expm1(a)", run },
             { "empty", "n(0,4)", "torch.expm1(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.expm1(a)", run }),
};

fr_tensor *fr_expm1(fr_tensor *t)
{
    return fr_apply(&fr_expm1_op, &t, NULL);
}
