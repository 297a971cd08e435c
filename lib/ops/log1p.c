/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* log1p: y = ln(1 + x), without loss near 0. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(log1p, fr_log1p_f32(x), log1p(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], fr_add_scalar(call->in[0], 1));
}

/* ONNX has none. Near 0 what rounding took from u = 1 + x is made up for: x log(u) / (u - 1), and x itself where u is
 * 1 (Kahan). */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *one = fr_onnx_number(g, dtype, 1);
    const char *u = fr_onnx_value(g, "Add", FR_ONNX_NAMES(x, one)), *d = fr_onnx_value(g, "Sub", FR_ONNX_NAMES(u, one));
    const char *log = fr_onnx_value(g, "Log", FR_ONNX_NAMES(u));
    const char *near = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(log, fr_onnx_value(g, "Div", FR_ONNX_NAMES(x, d))));
    const char *same = fr_onnx_value(g, "Equal", FR_ONNX_NAMES(u, one));
    const char *is_far = fr_onnx_value(g, "Greater", FR_ONNX_NAMES(x, one));

    near = fr_onnx_value(g, "Where", FR_ONNX_NAMES(same, x, near));
    fr_onnx_node(g, "Where", FR_ONNX_NAMES(is_far, log, near), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_log1p(in[0]))

const fr_op fr_log1p_op = {
    FR_UNARY_OP(log1p, "y = ln(1 + x)"),
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
