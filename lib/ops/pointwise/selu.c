/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* selu: y = 1.0507 x where x > 0, else 1.0507 * 1.6733 (e^x - 1): elu, with the numbers that keep the variance of deep
 * networks (Klambauer et al., "Self-normalizing neural networks", 2017). celu: y = x where x > 0, else
 * alpha (e^(x / alpha) - 1), whose slope at 0 is 1. */
#include "ops/pointwise/pointwise.h"

static const double selu_alpha = 1.6732632423543772848170429916717, selu_scale = 1.0507009873554804934193349852946;

/* p: that below 0, that above */
FR_UNARY_FLOAT(selu, x > 0 ? p[1] * x : p[0] * fr_expm1_f32(x), x > 0 ? p[1] * x : p[0] * expm1(x))
FR_UNARY_GRADIENT(selu, x <= 0 ? g * p[0] * fr_exp_f32(x) : g * p[1], x <= 0 ? g * p[0] * fr_exp_f64(x) : g * p[1])
FR_UNARY_FLOAT(celu, x > 0 ? x : p[0] * fr_expm1_f32(x / p[0]), x > 0 ? x : p[0] * expm1(x / p[0]))
FR_UNARY_GRADIENT(celu, x <= 0 ? g * fr_exp_f32(x / p[0]) : g, x <= 0 ? g * fr_exp_f64(x / p[0]) : g)

static fr_tensor *below_0(fr_tensor *x)
{
    return fr_masked_fill(x, fr_gt_scalar(x, 0), 0); /* so that exp does not overflow */
}

static void selu_backward(fr_op_call *call)
{
    const double *p = call->attributes;
    fr_tensor *x = call->in[0], *g = call->grad_out[0];
    fr_tensor *below = fr_mul(g, fr_mul_scalar(fr_exp(below_0(x)), p[0]));

    call->grad_in[0] = fr_where(fr_le_scalar(x, 0), below, fr_mul_scalar(g, p[1]));
}

static void celu_backward(fr_op_call *call)
{
    const double *p = call->attributes;
    fr_tensor *x = call->in[0], *g = call->grad_out[0];

    call->grad_in[0] = fr_where(fr_le_scalar(x, 0), fr_mul(g, fr_exp(fr_div_scalar(below_0(x), p[0]))), g);
}

static bool celu_infer(fr_op_call *call)
{
    return *(const double *)call->attributes != 0 ? fr_infer_same(call) : fr_op_fail(call, "alpha is 0");
}

FR_RUN(run_selu, fr_selu(in[0]))
/* The gradient of F.celu has 1 / alpha rounded to float32, in float64 too. */
FR_RUN(run_celu, fr_celu(in[0], 1.3))
FR_RUN(run_celu_negative, fr_celu(in[0], -0.7))
FR_RUN(run_celu_zero, fr_celu(in[0], 0))

const fr_op fr_selu_op = {
    FR_SCALAR_OP(selu, "y = 1.0507 x where x > 0, else 1.7581 (e^x - 1)"),
    .onnx_name = "Selu",
    .saves_inputs = 1,
    .backward = selu_backward,
    .backward_kernel = selu_backward_kernel,
    FR_CASES({ "values", "d(3,4)", "F.selu(a)", run_selu }, { "scalar", "d()", "F.selu(a)", run_selu },
             { "empty", "d(0,4)", "F.selu(a)", run_selu },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42,200(9)", "F.selu(a)", run_selu }),
};

const fr_op fr_celu_op = {
    .name = "celu",
    .formula = "y = x where x > 0, else alpha (e^(x / alpha) - 1)",
    .derivative = "dy/dx = 1 where x > 0, else exp(x / alpha)",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .attributes_size = 2 * sizeof(double),
    .saves_inputs = 1,
    .expanded_gradients = true,
    .infer = celu_infer,
    .forward = celu_forward,
    .backward = celu_backward,
    .backward_kernel = celu_backward_kernel,
    .jvp = fr_jvp_pointwise,
    .c_code = celu_c,
    .onnx_name = "Celu",
    .onnx = fr_onnx_alpha,
    FR_CASES({ "values", "d(3,4)", "F.elu(a / 1.3) * 1.3", run_celu },
             { "scalar", "d()", "F.elu(a / 1.3) * 1.3", run_celu },
             { "empty", "d(0,4)", "F.elu(a / 1.3) * 1.3", run_celu },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42,200(9)", "F.elu(a / 1.3) * 1.3", run_celu },
             { "negative alpha", "v0,-0.0,1,-1,-3(5)", "torch.where(a > 0, a, -0.7 * torch.expm1(a / -0.7))",
               run_celu_negative },
             { "alpha 0", "n(3)", NULL, run_celu_zero, { "celu", "alpha is 0" } }),
};

fr_tensor *fr_selu(fr_tensor *t)
{
    return fr_apply(&fr_selu_op, &t, (double[2]){ selu_scale * selu_alpha, selu_scale });
}

fr_tensor *fr_celu(fr_tensor *t, double alpha)
{
    return fr_apply(&fr_celu_op, &t, (double[2]){ alpha });
}
