/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* clamp: y = min(max(x, min), max); NaN stays. */
#include "ops/elementwise.h"

FR_UNARY_ANY(clamp, x < p[0] ? p[0] : x > p[1] ? p[1] : x)

static void backward(fr_op_call *call)
{
    const double *bounds = call->attributes;
    fr_tensor *inside = fr_mul(fr_ge_scalar(call->in[0], bounds[0]), fr_le_scalar(call->in[0], bounds[1]));

    call->grad_in[0] = fr_mul(call->grad_out[0], inside);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_clamp(in[0], -0.5, 0.7);
}
#endif

const fr_op fr_clamp_op = {
    .name = "clamp",
    .formula = "y = min(max(x, min), max)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .attributes_size = 2 * sizeof(double),
    .infer = fr_infer_same,
    .forward = clamp_forward,
    .backward = backward,
    FR_CASES({ "values", "n(3,4)", "torch.clamp(a, -0.5, 0.7)", run }, { "scalar", "n()", "torch.clamp(a, -0.5, 0.7)", run },
             { "empty", "n(0,4)", "torch.clamp(a, -0.5, 0.7)", run })
};

fr_tensor *fr_clamp(fr_tensor *t, double min, double max)
{
    return fr_apply(&fr_clamp_op, &t, (double[2]){ min, max });
}
