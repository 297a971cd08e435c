/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sign: y = -1, 0 or 1; its derivative is 0. */
#include "ops/elementwise.h"

FR_UNARY_ANY(sign, x > 0 ? 1 : x < 0 ? -1 : x)

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_zeros_like(call->grad_out[0]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_sign(in[0]);
}
#endif

const fr_op fr_sign_op = {
    .name = "sign",
    .formula = "y = -1, 0 or 1",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .infer = fr_infer_same,
    .forward = sign_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.sign(a)", run }, { "scalar", "n()", "torch.sign(a)", run },
             { "empty", "n(0,4)", "torch.sign(a)", run })
};

fr_tensor *fr_sign(fr_tensor *t)
{
    return fr_apply(&fr_sign_op, &t, NULL);
}
