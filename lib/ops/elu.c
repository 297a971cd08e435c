/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* elu: y = x where x > 0, else alpha (e^x - 1). */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(elu, x > 0 ? x : p[0] * expm1f(x), x > 0 ? x : p[0] * expm1(x))

static void backward(fr_op_call *call)
{
    const double *alpha = call->attributes;
    fr_tensor *positive = fr_gt_scalar(call->in[0], 0);
    fr_tensor *below = fr_mul_scalar(fr_exp(fr_minimum_scalar(call->in[0], 0)), *alpha);

    call->grad_in[0] = fr_mul(call->grad_out[0], fr_where(positive, fr_ones_like(positive), below));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_elu(in[0], 1.3);
}
#endif

const fr_op fr_elu_op = {
    .name = "elu",
    .formula = "y = x where x > 0, else alpha (e^x - 1)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .attributes_size = 2 * sizeof(double),
    .infer = fr_infer_same,
    .forward = elu_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.nn.functional.elu(a, 1.3)", run }, { "scalar", "n()", "torch.nn.functional.elu(a, 1.3)", run },
             { "empty", "n(0,4)", "torch.nn.functional.elu(a, 1.3)", run })
};

fr_tensor *fr_elu(fr_tensor *t, double alpha)
{
    return fr_apply(&fr_elu_op, &t, (double[2]){ alpha });
}
