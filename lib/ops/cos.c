/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cos: y = cos x. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(cos, cosf(x), cos(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_neg(fr_mul(call->grad_out[0], fr_sin(call->in[0])));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_cos(in[0]);
}
#endif

const fr_op fr_cos_op = {
    .name = "cos",
    .formula = "y = cos x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .infer = fr_infer_same,
    .forward = cos_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.cos(a)", run }, { "scalar", "n()", "torch.cos(a)", run },
             { "empty", "n(0,4)", "torch.cos(a)", run })
};

fr_tensor *fr_cos(fr_tensor *t)
{
    return fr_apply(&fr_cos_op, &t, NULL);
}
