/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sub: y = a - b, broadcasting. */
#include "ops/elementwise.h"

FR_BINARY_ANY(sub, a - b)

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0];

    if (call->needs[0])
        call->grad_in[0] = fr_sum_to(g, call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_neg(fr_sum_to(g, call->in_shape[1]));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_sub(in[0], in[1]);
}
#endif

const fr_op fr_sub_op = {
    .name = "sub",
    .formula = "y = a - b",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .strided = true,
    .infer = fr_infer_broadcast,
    .forward = sub_forward,
    .backward = backward,
    FR_CASES({ "same", "n(3,4) n(3,4)", "a - b", run }, { "broadcast", "n(2,1,4) n(3,1)", "a - b", run },
             { "scalar", "n() n(5)", "a - b", run }, { "empty", "n(0,3) n(3)", "a - b", run },
             { "shapes", "n(4,3) n(5,2)", NULL, run, { "sub", "(4, 3)", "(5, 2)" } })
};

fr_tensor *fr_sub(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_sub_op, (fr_tensor *[]){ a, b }, NULL);
}
