/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* leaky_relu: y = x where x > 0, else negative_slope x; dy/dx is 1 or negative_slope. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(leaky_relu, x > 0 ? x : p[0] * x, x > 0 ? x : p[0] * x)
FR_UNARY_GRADIENT(leaky_relu, x > 0 ? g : p[0] * g, x > 0 ? g : p[0] * g)

static void backward(fr_op_call *call)
{
    double slope = *(const double *)call->attributes;
    fr_tensor *g = call->grad_out[0];

    call->grad_in[0] = fr_where(fr_gt_scalar(call->in[0], 0), g, fr_mul_scalar(g, slope));
}

FR_RUN(run, fr_leaky_relu(in[0], 0.1))
FR_RUN(run_negative, fr_leaky_relu(in[0], -0.5))

const fr_op fr_leaky_relu_op = {
    FR_SCALAR_OP(leaky_relu, "y = x where x > 0, else negative_slope x"),
    .saves_inputs = 1,
    .backward = backward,
    .backward_kernel = leaky_relu_backward_kernel,
    .onnx_name = "LeakyRelu",
    .onnx = fr_onnx_alpha,
    FR_CASES({ "values", "d(3,4)", "F.leaky_relu(a, 0.1)", run }, { "scalar", "d()", "F.leaky_relu(a, 0.1)", run },
             { "empty", "d(0,4)", "F.leaky_relu(a, 0.1)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "F.leaky_relu(a, 0.1)", run },
             { "negative slope", "v0,-0.0,1,-1,-3(5)", "F.leaky_relu(a, -0.5)", run_negative }),
};

fr_tensor *fr_leaky_relu(fr_tensor *t, double negative_slope)
{
    return fr_apply(&fr_leaky_relu_op, &t, (double[2]){ negative_slope });
}
