/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sin: y = sin x. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(sin, sinf(x), sin(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_cos(call->in[0]));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_sin(in[0]);
}
#endif

const fr_op fr_sin_op = {
    .name = "sin",
    .formula = "y = sin x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .infer = fr_infer_same,
    .forward = sin_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.sin(a)", run }, { "scalar", "n()", "torch.sin(a)", run },
             { "empty", "n(0,4)", "torch.sin(a)", run })
};

fr_tensor *fr_sin(fr_tensor *t)
{
    return fr_apply(&fr_sin_op, &t, NULL);
}
