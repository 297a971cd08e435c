/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* erf: y = 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(erf, fr_erf_f32(x), erf(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_mul_scalar(fr_exp(fr_neg(fr_square(call->in[0]))), M_2_SQRTPI));
}

FR_RUN(run, fr_erf(in[0]))

const fr_op fr_erf_op = {
    FR_UNARY_OP(erf, "y = 2/sqrt(pi) times the integral of exp(-u^2) from 0 to x"),
    .derivative = "dy/dx = 2 / sqrt(pi) * exp(-x^2)",
    .onnx_name = "Erf",
    .saves_inputs = 1,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.erf(a)", run }, { "scalar", "n()", "torch.erf(a)", run },
             { "empty", "n(0,4)", "torch.erf(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.erf(a)", run }),
};

fr_tensor *fr_erf(fr_tensor *t)
{
    return fr_apply(&fr_erf_op, &t, NULL);
}
