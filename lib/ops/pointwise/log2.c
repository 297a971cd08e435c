/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* log2: y = ln x / ln 2, exact for powers of 2. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(log2, log2f(x), log2(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], fr_mul_scalar(call->in[0], M_LN2));
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *y = fr_onnx_value(g, "Log", FR_ONNX_NAMES(fr_onnx_input(g, 0)));

    fr_onnx_node(g, "Div", FR_ONNX_NAMES(y, fr_onnx_number(g, fr_dtype_of(call->in[0]), M_LN2)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_log2(in[0]))

const fr_op fr_log2_op = {
    FR_UNARY_OP(log2, "y = ln x / ln 2"),
    .derivative = "dy/dx = 1 / (x * log(2))",
    .saves_inputs = 1,
    .backward = backward,
    .onnx = onnx,
    FR_CASES({ "values", "u(3,4)", "torch.log2(a)", run }, { "scalar", "u()", "torch.log2(a)", run },
             { "empty", "u(0,4)", "torch.log2(a)", run },
             { "edges", "v0,-0.0,1,8,-1,inf,-inf,nan(8)", "torch.log2(a)", run }),
};

fr_tensor *fr_log2(fr_tensor *t)
{
    return fr_apply(&fr_log2_op, &t, NULL);
}
