/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* floor: y = the greatest integer <= x; its derivative is 0. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(floor, floorf(x), floor(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_zeros_like(call->grad_out[0]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_floor(in[0]);
}
#endif

const fr_op fr_floor_op = {
    .name = "floor",
    .formula = "y = the greatest integer <= x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .infer = fr_infer_same,
    .forward = floor_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.floor(a)", run }, { "scalar", "n()", "torch.floor(a)", run },
             { "empty", "n(0,4)", "torch.floor(a)", run })
};

fr_tensor *fr_floor(fr_tensor *t)
{
    return fr_apply(&fr_floor_op, &t, NULL);
}
