/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* mul_scalar: y = value x. */
#include "ops/elementwise.h"

FR_UNARY_ANY(mul_scalar, x * p[0])

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul_scalar(call->grad_out[0], *(const double *)call->attributes);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_mul_scalar(in[0], 2.5);
}
#endif

const fr_op fr_mul_scalar_op = {
    .name = "mul_scalar",
    .formula = "y = value x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = 2 * sizeof(double),
    .dtypes = FR_ANY,
    .infer = fr_infer_same,
    .forward = mul_scalar_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "a * 2.5", run }, { "scalar", "n()", "a * 2.5", run },
             { "empty", "n(0,4)", "a * 2.5", run })
};

fr_tensor *fr_mul_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_mul_scalar_op, &t, (double[2]){ value });
}
