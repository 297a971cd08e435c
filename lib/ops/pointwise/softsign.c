/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* softsign: y = x / (1 + |x|). */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(softsign, x / (1 + fabsf(x)), x / (1 + fabs(x)))
FR_UNARY_GRADIENT(softsign, g / ((1 + fabsf(x)) * (1 + fabsf(x))), g / ((1 + fabs(x)) * (1 + fabs(x))))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], fr_square(fr_add_scalar(fr_abs(call->in[0]), 1)));
}

FR_RUN(run, fr_softsign(in[0]))

const fr_op fr_softsign_op = {
    FR_UNARY_OP(softsign, "y = x / (1 + |x|)"),
    .derivative = "dy/dx = 1 / (1 + abs(x))^2",
    .onnx_name = "Softsign",
    .saves_inputs = 1,
    .backward = backward,
    .backward_kernel = softsign_backward_kernel,
    FR_CASES({ "values", "d(3,4)", "F.softsign(a)", run }, { "scalar", "d()", "F.softsign(a)", run },
             { "empty", "d(0,4)", "F.softsign(a)", run }, { "edges", "v0,-0.0,1,-1,nan,1e10(6)", "F.softsign(a)", run },
             { "infinite", "v1,inf,-inf(3)", "F.softsign(a)", run, .no_grad = true }),
};

fr_tensor *fr_softsign(fr_tensor *t)
{
    return fr_apply(&fr_softsign_op, &t, NULL);
}
