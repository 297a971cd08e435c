/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* leaky_relu: y = x where x > 0, else negative_slope x. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(leaky_relu, x > 0 ? x : p[0] * x, x > 0 ? x : p[0] * x)

static void backward(fr_op_call *call)
{
    const double *slope = call->attributes;
    fr_tensor *positive = fr_gt_scalar(call->in[0], 0);

    call->grad_in[0] = fr_mul(call->grad_out[0], fr_add_scalar(fr_mul_scalar(positive, 1 - *slope), *slope));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_leaky_relu(in[0], 0.1);
}
#endif

const fr_op fr_leaky_relu_op = {
    .name = "leaky_relu",
    .formula = "y = x where x > 0, else negative_slope x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .attributes_size = 2 * sizeof(double),
    .infer = fr_infer_same,
    .forward = leaky_relu_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.nn.functional.leaky_relu(a, 0.1)", run }, { "scalar", "n()", "torch.nn.functional.leaky_relu(a, 0.1)", run },
             { "empty", "n(0,4)", "torch.nn.functional.leaky_relu(a, 0.1)", run })
};

fr_tensor *fr_leaky_relu(fr_tensor *t, double negative_slope)
{
    return fr_apply(&fr_leaky_relu_op, &t, (double[2]){ negative_slope });
}
