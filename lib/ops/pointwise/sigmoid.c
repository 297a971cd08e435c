/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sigmoid: y = 1 / (1 + exp(-x)), dy/dx = y (1 - y). */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(sigmoid, fr_sigmoid_f32(x), fr_sigmoid_f64(x))
FR_UNARY_GRADIENT(sigmoid, (1 - y) * g * y, (1 - y) * g * y)

static void backward(fr_op_call *call)
{
    fr_tensor *y = call->result[0];

    call->grad_in[0] = fr_mul(call->grad_out[0], fr_sub(y, fr_square(y)));
}

FR_RUN(run, fr_sigmoid(in[0]))

const fr_op fr_sigmoid_op = {
    FR_UNARY_OP(sigmoid, "y = 1 / (1 + exp(-x))"),
    .onnx_name = "Sigmoid",
    .saves_outputs = 1,
    .backward = backward,
    .backward_kernel = sigmoid_backward_kernel,
    FR_CASES({ "values", "n(3,4)", "torch.sigmoid(a)", run }, { "scalar", "n()", "torch.sigmoid(a)", run },
             { "empty", "n(0,4)", "torch.sigmoid(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.sigmoid(a)", run },
             { "dtype", "i5(3)", NULL, run, { "sigmoid", "int64" } }),
};

fr_tensor *fr_sigmoid(fr_tensor *t)
{
    return fr_apply(&fr_sigmoid_op, &t, NULL);
}
