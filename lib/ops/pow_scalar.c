/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* pow_scalar: y = x^value. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(pow_scalar, powf(x, p[0]), pow(x, p[0]))

static void backward(fr_op_call *call)
{
    double value = *(const double *)call->attributes;

    if (value == 0)
        call->grad_in[0] = fr_zeros_like(call->grad_out[0]);
    else
        call->grad_in[0] = fr_mul(call->grad_out[0], fr_mul_scalar(fr_pow_scalar(call->in[0], value - 1), value));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_pow_scalar(in[0], 2.5);
}
#endif

const fr_op fr_pow_scalar_op = {
    .name = "pow_scalar",
    .formula = "y = x^value",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .attributes_size = 2 * sizeof(double),
    .infer = fr_infer_same,
    .forward = pow_scalar_forward,
    .backward = backward,
    FR_CASES({ "values", "u(3,4)", "torch.pow(a, 2.5)", run }, { "scalar", "u()", "torch.pow(a, 2.5)", run },
             { "empty", "u(0,4)", "torch.pow(a, 2.5)", run })
};

fr_tensor *fr_pow_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_pow_scalar_op, &t, (double[2]){ value });
}
