/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* reciprocal: y = 1 / x. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(reciprocal, 1 / x, 1 / x)

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_neg(fr_mul(call->grad_out[0], fr_square(call->result[0])));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_reciprocal(in[0]);
}
#endif

const fr_op fr_reciprocal_op = {
    .name = "reciprocal",
    .formula = "y = 1 / x",
    .inputs = 1,
    .outputs = 1,
    .saves_outputs = 1,
    .infer = fr_infer_same,
    .forward = reciprocal_forward,
    .backward = backward,
    FR_CASES({ "values", "u(3,4)", "torch.reciprocal(a)", run }, { "scalar", "u()", "torch.reciprocal(a)", run },
             { "empty", "u(0,4)", "torch.reciprocal(a)", run })
};

fr_tensor *fr_reciprocal(fr_tensor *t)
{
    return fr_apply(&fr_reciprocal_op, &t, NULL);
}
