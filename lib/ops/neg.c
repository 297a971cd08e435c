/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* neg: y = -x. */
#include "ops/elementwise.h"

FR_UNARY_ANY(neg, -x)

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_neg(call->grad_out[0]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_neg(in[0]);
}
#endif

const fr_op fr_neg_op = {
    .name = "neg",
    .formula = "y = -x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .infer = fr_infer_same,
    .forward = neg_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "-a", run }, { "scalar", "n()", "-a", run },
             { "empty", "n(0,4)", "-a", run })
};

fr_tensor *fr_neg(fr_tensor *t)
{
    return fr_apply(&fr_neg_op, &t, NULL);
}
