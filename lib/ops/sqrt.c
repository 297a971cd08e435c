/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sqrt: y = sqrt(x). */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(sqrt, sqrtf(x), sqrt(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], fr_mul_scalar(call->result[0], 2));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_sqrt(in[0]);
}
#endif

const fr_op fr_sqrt_op = {
    .name = "sqrt",
    .formula = "y = sqrt(x)",
    .inputs = 1,
    .outputs = 1,
    .saves_outputs = 1,
    .infer = fr_infer_same,
    .forward = sqrt_forward,
    .backward = backward,
    FR_CASES({ "values", "u(3,4)", "torch.sqrt(a)", run }, { "scalar", "u()", "torch.sqrt(a)", run },
             { "empty", "u(0,4)", "torch.sqrt(a)", run })
};

fr_tensor *fr_sqrt(fr_tensor *t)
{
    return fr_apply(&fr_sqrt_op, &t, NULL);
}
