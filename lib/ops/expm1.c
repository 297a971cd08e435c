/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* expm1: y = e^x - 1. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(expm1, expm1f(x), expm1(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_add_scalar(call->result[0], 1));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_expm1(in[0]);
}
#endif

const fr_op fr_expm1_op = {
    .name = "expm1",
    .formula = "y = e^x - 1",
    .inputs = 1,
    .outputs = 1,
    .saves_outputs = 1,
    .infer = fr_infer_same,
    .forward = expm1_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.expm1(a)", run }, { "scalar", "n()", "torch.expm1(a)", run },
             { "empty", "n(0,4)", "torch.expm1(a)", run })
};

fr_tensor *fr_expm1(fr_tensor *t)
{
    return fr_apply(&fr_expm1_op, &t, NULL);
}
