/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* div: y = a / b, broadcasting. */
#include "ops/elementwise.h"

FR_BINARY_FLOAT(div, a / b, a / b)

static void backward(fr_op_call *call)
{
    fr_tensor *g = fr_div(call->grad_out[0], call->in[1]);

    if (call->needs[0])
        call->grad_in[0] = fr_sum_to(g, call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_neg(fr_sum_to(fr_mul(g, fr_div(call->in[0], call->in[1])), call->in_shape[1]));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_div(in[0], in[1]);
}
#endif

const fr_op fr_div_op = {
    .name = "div",
    .formula = "y = a / b",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .strided = true,
    .infer = fr_infer_broadcast,
    .forward = div_forward,
    .backward = backward,
    FR_CASES({ "same", "u(3,4) u(3,4)", "a / b", run }, { "broadcast", "u(2,1,4) u(3,1)", "a / b", run },
             { "scalar", "u() u(5)", "a / b", run }, { "empty", "u(0,3) u(3)", "a / b", run },
             { "shapes", "n(4,3) n(5,2)", NULL, run, { "div", "(4, 3)", "(5, 2)" } })
};

fr_tensor *fr_div(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_div_op, (fr_tensor *[]){ a, b }, NULL);
}
