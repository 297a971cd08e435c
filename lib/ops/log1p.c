/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* log1p: y = ln(1 + x). */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(log1p, log1pf(x), log1p(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], fr_add_scalar(call->in[0], 1));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_log1p(in[0]);
}
#endif

const fr_op fr_log1p_op = {
    .name = "log1p",
    .formula = "y = ln(1 + x)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .infer = fr_infer_same,
    .forward = log1p_forward,
    .backward = backward,
    FR_CASES({ "values", "u(3,4)", "torch.log1p(a)", run }, { "scalar", "u()", "torch.log1p(a)", run },
             { "empty", "u(0,4)", "torch.log1p(a)", run })
};

fr_tensor *fr_log1p(fr_tensor *t)
{
    return fr_apply(&fr_log1p_op, &t, NULL);
}
