/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sub: y = a - b, broadcasting; y = x - value. */
#include "ops/pointwise/pointwise.h"

FR_BINARY_ANY(sub, uint64_t, a - b)

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0];

    if (call->needs[0])
        call->grad_in[0] = fr_op_sum_to(g, &call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_neg(fr_op_sum_to(g, &call->in_shape[1]));
}

FR_RUN(run, fr_sub(in[0], in[1]))

const fr_op fr_sub_op = {
    FR_BINARY_OP(sub, "y = a - b"),
    .derivative = "dy/da = 1, dy/db = -1",
    .onnx_name = "Sub",
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .backward = backward,
    FR_CASES({ "same", "n(3,4) n(3,4)", "a - b", run }, { "broadcast", "n(2,1,4) n(3,1)", "a - b", run },
             { "row", "n(3,4) n(4)", "a - b", run }, { "column", "n(3,1) n(3,4)", "a - b", run },
             { "scalar", "n() n(5)", "a - b", run }, { "empty", "n(0,3) n(3)", "a - b", run },
             { "int64", "i9(3,4) i9(4)", "a - b", run },
             { "edges", "v0,-0.0,inf,inf,nan(5) v0,0,inf,1,1(5)", "a - b", run },
             { "shapes", "n(4,3) n(5,2)", NULL, run, { "sub", "(4, 3)", "(5, 2)" } }),
};

fr_tensor *fr_sub(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_sub_op, (fr_tensor *[]){ a, b }, NULL);
}

FR_UNARY_ANY(sub_scalar, uint64_t, x - p[0])

static void sub_scalar_backward(fr_op_call *call)
{
    call->grad_in[0] = call->grad_out[0];
}

FR_RUN(run_scalar, fr_sub_scalar(in[0], 2.5))
FR_RUN(run_whole, fr_sub_scalar(in[0], 3))

const fr_op fr_sub_scalar_op = {
    FR_SCALAR_OP(sub_scalar, "y = x - value"),
    .derivative = "dy/dx = 1",
    .onnx_name = "Sub",
    .onnx = fr_onnx_scalar,
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .backward = sub_scalar_backward,
    FR_CASES({ "values", "n(3,4)", "a - 2.5", run_scalar }, { "scalar", "n()", "a - 2.5", run_scalar },
             { "empty", "n(0,4)", "a - 2.5", run_scalar }, { "int64", "i5(3,4)", "a - 3", run_whole },
             { "fraction", "i5(3)", NULL, run_scalar, { "sub_scalar", "2.5", "int64" } }),
};

fr_tensor *fr_sub_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_sub_scalar_op, &t, (double[2]){ value });
}
