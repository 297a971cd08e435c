/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* log1p: y = ln(1 + x), accurate near 0 too. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(log1p, fr_log1p_f32(x), log1p(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], fr_add_scalar(call->in[0], 1));
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *x = fr_onnx_input(g, 0), *one = fr_onnx_number(g, fr_dtype_of(call->in[0]), 1);
    const char *u = fr_onnx_value(g, "Add", FR_ONNX_NAMES(x, one)), *d = fr_onnx_value(g, "Sub", FR_ONNX_NAMES(u, one));

    return fr_onnx_near_0(g, u, one, fr_onnx_value(g, "Log", FR_ONNX_NAMES(u)), d);
}

FR_RUN(run, fr_log1p(in[0]))

const fr_op fr_log1p_op = {
    FR_UNARY_OP(log1p, "y = ln(1 + x)"),
    .derivative = "dy/dx = 1 / (1 + x)",
    .saves_inputs = 1,
    .backward = backward,
    .onnx = onnx,
    FR_CASES({ "values", "u(3,4)", "torch.log1p(a)", run }, { "scalar", "u()", "torch.log1p(a)", run },
             { "empty", "u(0,4)", "torch.log1p(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.log1p(a)", run }),
};

fr_tensor *fr_log1p(fr_tensor *t)
{
    return fr_apply(&fr_log1p_op, &t, NULL);
}
