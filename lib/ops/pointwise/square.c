/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* square: y = x^2. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_ANY(square, uint64_t, x *x)
FR_UNARY_GRADIENT(square, 2 * (g * x), 2 * (g * x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_mul_scalar(call->in[0], 2));
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *x = fr_onnx_input(g, 0);

    (void)call;
    fr_onnx_node(g, "Mul", FR_ONNX_NAMES(x, x), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_square(in[0]))

const fr_op fr_square_op = {
    FR_UNARY_OP(square, "y = x^2"),
    .derivative = "dy/dx = 2 * x",
    .saves_inputs = 1,
    .dtypes = FR_ANY,
    .backward = backward,
    .backward_kernel = square_backward_kernel,
    .onnx = onnx,
    FR_CASES({ "values", "n(3,4)", "torch.square(a)", run }, { "scalar", "n()", "torch.square(a)", run },
             { "empty", "n(0,4)", "torch.square(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.square(a)", run },
             { "int64", "i9(3,4)", "torch.square(a)", run }),
};

fr_tensor *fr_square(fr_tensor *t)
{
    return fr_apply(&fr_square_op, &t, NULL);
}
