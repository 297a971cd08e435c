/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* log: y = ln x. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(log, logf(x), log(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], call->in[0]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_log(in[0]);
}
#endif

const fr_op fr_log_op = {
    .name = "log",
    .formula = "y = ln x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .infer = fr_infer_same,
    .forward = log_forward,
    .backward = backward,
    FR_CASES({ "values", "u(3,4)", "torch.log(a)", run }, { "scalar", "u()", "torch.log(a)", run },
             { "empty", "u(0,4)", "torch.log(a)", run })
};

fr_tensor *fr_log(fr_tensor *t)
{
    return fr_apply(&fr_log_op, &t, NULL);
}
