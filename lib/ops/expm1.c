/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* expm1: y = e^x - 1, without loss near 0. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(expm1, fr_expm1_f32(x), expm1(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_add_scalar(call->result[0], 1));
}

/* ONNX has none. Near 0 what rounding took from u = exp(x) is made up for: (u - 1) x / log(u), and x itself where u is
 * 1 (Kahan). */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *one = fr_onnx_number(g, dtype, 1);
    const char *u = fr_onnx_value(g, "Exp", FR_ONNX_NAMES(x)), *d = fr_onnx_value(g, "Sub", FR_ONNX_NAMES(u, one));
    const char *log = fr_onnx_value(g, "Log", FR_ONNX_NAMES(u));
    const char *near = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(d, fr_onnx_value(g, "Div", FR_ONNX_NAMES(x, log))));
    const char *same = fr_onnx_value(g, "Equal", FR_ONNX_NAMES(u, one));
    const char *is_far = fr_onnx_value(g, "Greater", FR_ONNX_NAMES(fr_onnx_value(g, "Abs", FR_ONNX_NAMES(x)), one));

    near = fr_onnx_value(g, "Where", FR_ONNX_NAMES(same, x, near));
    fr_onnx_node(g, "Where", FR_ONNX_NAMES(is_far, d, near), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_expm1(in[0]))

const fr_op fr_expm1_op = {
    FR_UNARY_OP(expm1, "y = e^x - 1"),
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
