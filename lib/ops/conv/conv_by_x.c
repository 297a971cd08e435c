/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* conv_by_x: the gradient of a convolution by its input, from the gradient g of its output; also known as transposed
 * convolution. It is linear in g and weight: ops/conv/conv.h says why its gradients are the other two maps. */
#include "ops/conv/conv.h"

static bool infer(fr_op_call *call)
{
    const fr_conv_attributes *a = call->attributes;

    call->out[0] = (fr_meta){ .shape = a->x, .dtype = fr_dtype_of(call->in[0]) };
    return true;
}

static void forward(fr_op_call *call)
{
    const fr_conv_attributes *a = call->attributes;
    const fr_tensor *g = call->in[0], *weight = call->in[1];
    fr_tensor *dx = call->result[0];

    if (!fr_convolve_grad_input((fr_dtype)dx->dtype, &a->conv, g->origin, weight->origin, dx->origin))
        call->failed = !fr_fail_memory(call->op->name);
}

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->in[0], *weight = call->in[1], *dx = call->grad_out[0]; /* dx: here the gradient of it */

    if (call->needs[0])
        call->grad_in[0] = fr_conv_without_bias(dx, weight, call->attributes);
    if (call->needs[1])
        call->grad_in[1] = fr_conv_by_weight(dx, g, call->attributes);
}

FR_RUN(run_1d, fr_conv_test_gradient(&fr_conv_by_x_op, 1, in))
FR_RUN(run_2d, fr_conv_test_gradient(&fr_conv_by_x_op, 2, in))

const fr_op fr_conv_by_x_op = {
    .name = "conv_by_x",
    .formula = "dx[c][p stride - padding + k dilation] = sum of weight[o][c][k] g[o][p]",
    .shapes = "(*,O,L') (O,C/groups,K) -> (*,C,L); (*,O,H',W') (O,C/groups,K,K') -> (*,C,H,W)",
    .input_names = "g weight",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .attributes_size = sizeof(fr_conv_attributes),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "one dim", "n(2,6,4) n(6,2,3)",
               "F.conv_transpose1d(a, b, stride=2, padding=1, output_padding=1, groups=2)", run_1d },
             { "two dims", "n(3,2,4) n(3,2,3,2)",
               "F.conv_transpose2d(a, b, stride=(2, 1), padding=(0, 1), output_padding=(1, 0), dilation=(1, 2))",
               run_2d },
             { "int64", "i5(2,6,4) i5(6,2,3)", NULL, run_1d, { "conv_by_x", "int64" } })
};

fr_tensor *fr_conv_by_x(fr_tensor *g, fr_tensor *weight, const fr_conv_attributes *a)
{
    return fr_apply(&fr_conv_by_x_op, (fr_tensor *[]){ g, weight }, a);
}
