/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* relu: y = max(x, 0); NaN stays. At 0, the kink, the derivative is taken as 0. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_ANY(relu, int64_t, FR_MAXIMUM(x, 0))
FR_UNARY_GRADIENT(relu, y <= 0 ? 0 : g, y <= 0 ? 0 : g)

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_masked_fill(call->grad_out[0], fr_le_scalar(call->result[0], 0), 0);
}

/* Runtimes have Relu for floats alone. */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *y = fr_onnx_output(g, 0);

    if (dtype == FR_I64)
        fr_onnx_node(g, "Max", FR_ONNX_NAMES(x, fr_onnx_number(g, dtype, 0)), FR_ONNX_NAMES(y));
    else
        fr_onnx_node(g, "Relu", FR_ONNX_NAMES(x), FR_ONNX_NAMES(y));
    return true;
}

FR_RUN(run, fr_relu(in[0]))

const fr_op fr_relu_op = {
    FR_UNARY_OP(relu, "y = max(x, 0)"),
    .derivative = "dy/dx = 1 where x > 0, else 0",
    .onnx = onnx,
    .saves_outputs = 1,
    .dtypes = FR_ANY,
    .backward = backward,
    .backward_kernel = relu_backward_kernel,
    FR_CASES({ "values", "d(3,4)", "torch.relu(a)", run }, { "scalar", "d()", "torch.relu(a)", run },
             { "empty", "d(0,4)", "torch.relu(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.relu(a)", run },
             { "int64", "i5(3,4)", "torch.relu(a)", run }),
};

fr_tensor *fr_relu(fr_tensor *t)
{
    return fr_apply(&fr_relu_op, &t, NULL);
}
