/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* floor: y = the greatest integer <= x. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(floor, floorf(x), floor(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_zeros_like(call->grad_out[0]);
}

FR_RUN(run, fr_floor(in[0]))

const fr_op fr_floor_op = {
    FR_UNARY_OP(floor, "y = the greatest integer <= x"),
    .derivative = "dy/dx = 0",
    .onnx_name = "Floor",
    .saves_inputs = FR_SAVES_NOTHING,
    .backward = backward,
    FR_CASES({ "values", "d(3,4)", "torch.floor(a)", run }, { "scalar", "d()", "torch.floor(a)", run },
             { "empty", "d(0,4)", "torch.floor(a)", run },
             { "edges", "v-0.5,-0.0,0.5,1,-1,inf,-inf,nan,3e9(9)", "torch.floor(a)", run }),
};

fr_tensor *fr_floor(fr_tensor *t)
{
    return fr_apply(&fr_floor_op, &t, NULL);
}
