/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* elu: y = x where x > 0, else alpha (e^x - 1). */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(elu, x < 0 ? p[0] * fr_expm1_f32(x) : x, x < 0 ? p[0] * expm1(x) : x)
FR_UNARY_GRADIENT(elu, x <= 0 ? g * p[0] * fr_exp_f32(x) : g, x <= 0 ? g * p[0] * fr_exp_f64(x) : g)

static void backward(fr_op_call *call)
{
    double alpha = *(const double *)call->attributes;
    fr_tensor *x = call->in[0], *g = call->grad_out[0];
    fr_tensor *below = fr_where(fr_lt_scalar(x, 0), x, fr_zeros_like(x)); /* so that exp does not overflow */

    call->grad_in[0] = fr_where(fr_le_scalar(x, 0), fr_mul(g, fr_mul_scalar(fr_exp(below), alpha)), g);
}

FR_RUN(run, fr_elu(in[0], 1.3))
FR_RUN(run_negative, fr_elu(in[0], -0.7))

const fr_op fr_elu_op = {
    FR_SCALAR_OP(elu, "y = x where x > 0, else alpha (e^x - 1)"),
    .derivative = "dy/dx = 1 where x > 0, else alpha * exp(x)",
    .saves_inputs = 1,
    .backward = backward,
    .backward_kernel = elu_backward_kernel,
    .onnx_name = "Elu",
    .onnx = fr_onnx_alpha,
    FR_CASES({ "values", "d(3,4)", "F.elu(a, 1.3)", run }, { "scalar", "d()", "F.elu(a, 1.3)", run },
             { "empty", "d(0,4)", "F.elu(a, 1.3)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42,200(9)", "F.elu(a, 1.3)", run },
             { "negative alpha", "v0,-0.0,1,-1,-3(5)", "F.elu(a, -0.7)", run_negative }),
};

fr_tensor *fr_elu(fr_tensor *t, double alpha)
{
    return fr_apply(&fr_elu_op, &t, (double[2]){ alpha });
}
