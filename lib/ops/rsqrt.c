/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* rsqrt: y = 1 / sqrt(x). */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(rsqrt, 1 / sqrtf(x), 1 / sqrt(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_mul_scalar(fr_mul(call->result[0], fr_square(call->result[0])), -0.5));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_rsqrt(in[0]);
}
#endif

const fr_op fr_rsqrt_op = {
    .name = "rsqrt",
    .formula = "y = 1 / sqrt(x)",
    .inputs = 1,
    .outputs = 1,
    .saves_outputs = 1,
    .infer = fr_infer_same,
    .forward = rsqrt_forward,
    .backward = backward,
    FR_CASES({ "values", "u(3,4)", "torch.rsqrt(a)", run }, { "scalar", "u()", "torch.rsqrt(a)", run },
             { "empty", "u(0,4)", "torch.rsqrt(a)", run })
};

fr_tensor *fr_rsqrt(fr_tensor *t)
{
    return fr_apply(&fr_rsqrt_op, &t, NULL);
}
