/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* tanh: y = tanh x, dy/dx = 1 - y^2. */
#include "ops/elementwise.h"

FR_UNARY_FLOAT(tanh, fr_tanh_f32(x), fr_tanh_f64(x))
FR_UNARY_GRADIENT(tanh, g * (1 - y * y), g *(1 - y * y))


static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_sub(call->grad_out[0], fr_mul(call->grad_out[0], fr_square(call->result[0])));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_tanh(in[0]);
}
#endif

const fr_op fr_tanh_op = {
    .name = "tanh",
    .formula = "y = tanh x, dy/dx = 1 - y^2",
    .inputs = 1,
    .outputs = 1,
    .saves_outputs = 1,
    .infer = fr_infer_same,
    .forward = tanh_forward,
    .backward = backward,
    .backward_kernel = tanh_backward_kernel,
    FR_CASES({ "values", "n(3,4)", "torch.tanh(a)", run }, { "scalar", "n()", "torch.tanh(a)", run },
             { "empty", "n(0,4)", "torch.tanh(a)", run })
};

fr_tensor *fr_tanh(fr_tensor *t)
{
    return fr_apply(&fr_tanh_op, &t, NULL);
}
