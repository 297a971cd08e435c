/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* erf: y = erf x = 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(erf, erff(x), erf(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_mul_scalar(fr_exp(fr_neg(fr_square(call->in[0]))), M_2_SQRTPI));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_erf(in[0]);
}
#endif

const fr_op fr_erf_op = {
    .name = "erf",
    .formula = "y = erf x = 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .infer = fr_infer_same,
    .forward = erf_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.erf(a)", run }, { "scalar", "n()", "torch.erf(a)", run },
             { "empty", "n(0,4)", "torch.erf(a)", run })
};

fr_tensor *fr_erf(fr_tensor *t)
{
    return fr_apply(&fr_erf_op, &t, NULL);
}
