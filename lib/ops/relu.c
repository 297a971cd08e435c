/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* relu: y = max(x, 0); NaN stays. */
#include "ops/elementwise.h"

FR_UNARY_ANY(relu, x <= 0 ? 0 : x)
FR_UNARY_GRADIENT(relu, y > 0 ? g : 0, y > 0 ? g : 0)


static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_gt_scalar(call->result[0], 0));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_relu(in[0]);
}
#endif

const fr_op fr_relu_op = {
    .name = "relu",
    .formula = "y = max(x, 0)",
    .inputs = 1,
    .outputs = 1,
    .saves_outputs = 1,
    .dtypes = FR_ANY,
    .infer = fr_infer_same,
    .forward = relu_forward,
    .backward = backward,
    .backward_kernel = relu_backward_kernel,
    FR_CASES({ "values", "n(3,4)", "torch.relu(a)", run }, { "scalar", "n()", "torch.relu(a)", run },
             { "empty", "n(0,4)", "torch.relu(a)", run })
};

fr_tensor *fr_relu(fr_tensor *t)
{
    return fr_apply(&fr_relu_op, &t, NULL);
}
