/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* rsqrt: y = x^(-1/2). dy/dx = -x^(-3/2) / 2 = -y^3 / 2. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(rsqrt, 1 / sqrtf(x), 1 / sqrt(x))

static void backward(fr_op_call *call)
{
    fr_tensor *y = call->result[0];

    call->grad_in[0] = fr_mul(call->grad_out[0], fr_mul_scalar(fr_mul(y, fr_square(y)), -0.5));
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *root = fr_onnx_value(g, "Sqrt", FR_ONNX_NAMES(fr_onnx_input(g, 0)));

    (void)call;
    fr_onnx_node(g, "Reciprocal", FR_ONNX_NAMES(root), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_rsqrt(in[0]))

const fr_op fr_rsqrt_op = {
    FR_UNARY_OP(rsqrt, "y = 1 / sqrt(x)"),
    .derivative = "dy/dx = -y^3 / 2",
    .saves_outputs = 1,
    .backward = backward,
    .onnx = onnx,
    FR_CASES({ "values", "u(3,4)", "torch.rsqrt(a)", run }, { "scalar", "u()", "torch.rsqrt(a)", run },
             { "empty", "u(0,4)", "torch.rsqrt(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan(7)", "torch.rsqrt(a)", run }),
};

fr_tensor *fr_rsqrt(fr_tensor *t)
{
    return fr_apply(&fr_rsqrt_op, &t, NULL);
}
