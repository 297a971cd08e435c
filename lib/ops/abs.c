/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* abs: y = |x|. */
#include "ops/elementwise.h"

FR_UNARY_ANY(abs, x < 0 ? -x : x)

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_sign(call->in[0]));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_abs(in[0]);
}
#endif

const fr_op fr_abs_op = {
    .name = "abs",
    .formula = "y = |x|",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .dtypes = FR_ANY,
    .infer = fr_infer_same,
    .forward = abs_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.abs(a)", run }, { "scalar", "n()", "torch.abs(a)", run },
             { "empty", "n(0,4)", "torch.abs(a)", run })
};

fr_tensor *fr_abs(fr_tensor *t)
{
    return fr_apply(&fr_abs_op, &t, NULL);
}
