/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* neg: y = -x. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_ANY(neg, uint64_t, -x)

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_neg(call->grad_out[0]);
}

FR_RUN(run, fr_neg(in[0]))

const fr_op fr_neg_op = {
    FR_UNARY_OP(neg, "y = -x"),
    .derivative = "dy/dx = -1",
    .onnx_name = "Neg",
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "-a", run }, { "scalar", "n()", "-a", run }, { "empty", "n(0,4)", "-a", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "-a", run }, { "int64", "i9(3,4)", "-a", run }),
};

fr_tensor *fr_neg(fr_tensor *t)
{
    return fr_apply(&fr_neg_op, &t, NULL);
}
