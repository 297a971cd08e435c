/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* div: y = a / b, broadcasting; y = x / value. Floats alone. */
#include "ops/pointwise/pointwise.h"

FR_BINARY_FLOAT(div, a / b, a / b)

static void backward(fr_op_call *call)
{
    fr_tensor *g = fr_div(call->grad_out[0], call->in[1]);

    if (call->needs[0])
        call->grad_in[0] = fr_op_sum_to(g, &call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_neg(fr_op_sum_to(fr_mul(g, fr_div(call->in[0], call->in[1])), &call->in_shape[1]));
}

FR_RUN(run, fr_div(in[0], in[1]))

const fr_op fr_div_op = {
    FR_BINARY_OP(div, "y = a / b"),
    .derivative = "dy/da = 1 / b, dy/db = -a / b^2",
    .onnx_name = "Div",
    .saves_inputs = 3,
    .backward = backward,
    FR_CASES({ "same", "u(3,4) u(3,4)", "a / b", run }, { "broadcast", "u(2,1,4) u(3,1)", "a / b", run },
             { "row", "n(3,4) u(4)", "a / b", run }, { "column", "n(3,1) u(3,4)", "a / b", run },
             { "scalar", "u() u(5)", "a / b", run }, { "empty", "u(0,3) u(3)", "a / b", run },
             { "edges", "v0,1,nan,inf,1,1(6) v0,0,1,inf,-0.0,inf(6)", "a / b", run },
             { "dtype", "i5(3) i5(3)", NULL, run, { "div", "int64" } }),
};

fr_tensor *fr_div(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_div_op, (fr_tensor *[]){ a, b }, NULL);
}

FR_UNARY_FLOAT(div_scalar, x / p[0], x / p[0])

static void div_scalar_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div_scalar(call->grad_out[0], *(const double *)call->attributes);
}

FR_RUN(run_scalar, fr_div_scalar(in[0], 2.5))
FR_RUN(run_zero, fr_div_scalar(in[0], 0))

const fr_op fr_div_scalar_op = {
    FR_SCALAR_OP(div_scalar, "y = x / value"),
    .derivative = "dy/dx = 1 / value",
    .onnx_name = "Div",
    .onnx = fr_onnx_scalar,
    .saves_inputs = FR_SAVES_NOTHING,
    .backward = div_scalar_backward,
    FR_CASES({ "values", "n(3,4)", "a / 2.5", run_scalar }, { "scalar", "n()", "a / 2.5", run_scalar },
             { "empty", "n(0,4)", "a / 2.5", run_scalar }, { "zero", "v0,1,-1,nan(4)", "a / 0", run_zero },
             { "dtype", "i5(3)", NULL, run_scalar, { "div_scalar", "int64" } }),
};

fr_tensor *fr_div_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_div_scalar_op, &t, (double[2]){ value });
}
