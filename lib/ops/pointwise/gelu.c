/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* gelu: y = x N(x), dy/dx = N(x) + x n(x); N(x) = (1 + erf(x / sqrt 2)) / 2 is the normal distribution, n its
 * density, exp(-x^2 / 2) / sqrt(2 pi). gelu_tanh: N(x) = (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3),
 * which comes near it. Hendrycks and Gimpel, "Gaussian error linear units", 2016. */
#include "ops/pointwise/pointwise.h"

#define INVERSE_SQRT_2PI (M_2_SQRTPI * M_SQRT1_2 / 2)

FR_INLINE float bell_f32(float x)
{
    return fr_exp_f32(-0.5F * x * x);
}

/* N(x) for e = exp(-x^2 / 2), which its derivative needs too. N(-t) = e P(t), with P minimax on [0, 5.6] with the
 * weight e; beyond it e is almost 0. The absolute error is below 2^-23. */
FR_INLINE float normal_f32(float x, float e)
{
    float a = fabsf(x), t = a > 5.6F ? 5.6F : a, p = 5.85327342e-8F;

    p = p * t - 1.60365323e-6F;
    p = p * t + 1.98929356e-5F;
    p = p * t - 0.000149790707F;
    p = p * t + 0.000779672642F;
    p = p * t - 0.00305534643F;
    p = p * t + 0.0096597923F;
    p = p * t - 0.0260691661F;
    p = p * t + 0.0622623824F;
    p = p * t - 0.132916898F;
    p = p * t + 0.249991104F;
    p = p * t - 0.398941785F;
    p = p * t + 0.5F;
    p = p * e;
    return x < 0 ? p : 1 - p;
}

FR_INLINE double normal_f64(double x)
{
    return 0.5 * (1 + erf(x * M_SQRT1_2));
}

FR_INLINE float slope_f32(float x)
{
    float e = bell_f32(x);

    return normal_f32(x, e) + x * e * (float)INVERSE_SQRT_2PI;
}

FR_INLINE double slope_f64(double x)
{
    return normal_f64(x) + x * fr_exp_f64(-0.5 * x * x) * INVERSE_SQRT_2PI;
}

FR_UNARY_ROW(gelu_f32, float, normal_f32(x, bell_f32(x)) * x)
FR_UNARY_ROW(gelu_f64, double, normal_f64(x) * x)
FR_OP_KERNEL(gelu_forward, fr_unary_forward, gelu_f32, gelu_f64, NULL)
/* C has erff, which is clearer than a polynomial. */
FR_POINTWISE_C(gelu, "0.5F * (1 + fr_erf_f32(x * (float)M_SQRT1_2)) * x")
FR_UNARY_GRADIENT(gelu, slope_f32(x) * g, slope_f64(x) * g)

static void backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0];
    fr_tensor *normal = fr_mul_scalar(fr_add_scalar(fr_erf(fr_mul_scalar(x, M_SQRT1_2)), 1), 0.5);
    fr_tensor *density = fr_mul_scalar(fr_exp(fr_mul_scalar(fr_square(x), -0.5)), INVERSE_SQRT_2PI);

    call->grad_in[0] = fr_mul(call->grad_out[0], fr_add(normal, fr_mul(x, density)));
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *part = fr_onnx_number(g, dtype, M_SQRT1_2);

    part = fr_onnx_value(g, "Erf", FR_ONNX_NAMES(fr_onnx_value(g, "Mul", FR_ONNX_NAMES(x, part))));
    part = fr_onnx_value(g, "Add", FR_ONNX_NAMES(part, fr_onnx_number(g, dtype, 1)));
    part = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(part, fr_onnx_number(g, dtype, 0.5)));
    fr_onnx_node(g, "Mul", FR_ONNX_NAMES(x, part), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_gelu(in[0]))

const fr_op fr_gelu_op = {
    FR_UNARY_OP(gelu, "y = x/2 (1 + erf(x / sqrt 2))"),
    .derivative = "dy/dx = (1 + erf(x / sqrt(2))) / 2 + x * exp(-x^2 / 2) / sqrt(2 * pi)",
    .saves_inputs = 1,
    .backward = backward,
    .backward_kernel = gelu_backward_kernel,
    .onnx = onnx,
    FR_CASES({ "values", "n(3,4)", "F.gelu(a)", run }, { "scalar", "n()", "F.gelu(a)", run },
             { "empty", "n(0,4)", "F.gelu(a)", run }, { "edges", "v0,-0.0,1,-1,nan,20,-20(7)", "F.gelu(a)", run }),
};

fr_tensor *fr_gelu(fr_tensor *t)
{
    return fr_apply(&fr_gelu_op, &t, NULL);
}

/* --- gelu_tanh --------------------------------------------------------------------------------------------------- */

#define SQRT_2_PI (M_2_SQRTPI * M_SQRT1_2) /* sqrt(2 / pi) */

/* dy/dx = (1 + t) / 2 + x (1 - t^2) / 2 du/dx with t = tanh u */
FR_INLINE double tanh_slope_f64(double x)
{
    double t = tanh(SQRT_2_PI * x * (1 + 0.044715 * x * x));

    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * SQRT_2_PI * (1 + 3 * 0.044715 * x * x);
}

FR_INLINE float tanh_slope_f32(float x)
{
    float t = fr_tanh_f32((float)SQRT_2_PI * x * (1 + 0.044715F * x * x));

    return 0.5F * (1 + t) + 0.5F * x * (1 - t * t) * (float)SQRT_2_PI * (1 + 3 * 0.044715F * x * x);
}

FR_UNARY_FLOAT(gelu_tanh, 0.5F * x * (1 + fr_tanh_f32(0.797884561F * x * (1 + 0.044715F * x * x))),
               0.5 * x * (1 + tanh(SQRT_2_PI * x * (1 + 0.044715 * x * x))))
FR_UNARY_GRADIENT(gelu_tanh, tanh_slope_f32(x) * g, tanh_slope_f64(x) * g)

static void tanh_backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *square = fr_square(x);
    fr_tensor *u = fr_mul(fr_mul_scalar(x, SQRT_2_PI), fr_add_scalar(fr_mul_scalar(square, 0.044715), 1));
    fr_tensor *du = fr_mul_scalar(fr_add_scalar(fr_mul_scalar(square, 3 * 0.044715), 1), SQRT_2_PI);
    fr_tensor *t = fr_tanh(u), *rest = fr_add_scalar(fr_neg(fr_square(t)), 1);
    fr_tensor *slope = fr_add(fr_add_scalar(t, 1), fr_mul(fr_mul(x, rest), du));

    call->grad_in[0] = fr_mul(call->grad_out[0], fr_mul_scalar(slope, 0.5));
}

/* x / 2 (1 + tanh(sqrt(2 / pi) x (1 + 0.044715 x^2))) */
static bool tanh_onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *one = fr_onnx_number(g, dtype, 1);
    const char *part = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(x, x));

    part = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(part, fr_onnx_number(g, dtype, 0.044715)));
    part = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(x, fr_onnx_value(g, "Add", FR_ONNX_NAMES(part, one))));
    part = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(part, fr_onnx_number(g, dtype, SQRT_2_PI)));
    part = fr_onnx_value(g, "Add", FR_ONNX_NAMES(fr_onnx_value(g, "Tanh", FR_ONNX_NAMES(part)), one));
    part = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(part, fr_onnx_number(g, dtype, 0.5)));
    fr_onnx_node(g, "Mul", FR_ONNX_NAMES(x, part), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run_tanh, fr_gelu_tanh(in[0]))

const fr_op fr_gelu_tanh_op = {
    FR_UNARY_OP(gelu_tanh, "y = x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))"),
    .saves_inputs = 1,
    .backward = tanh_backward,
    .backward_kernel = gelu_tanh_backward_kernel,
    .onnx = tanh_onnx,
    FR_CASES({ "values", "n(3,4)", "F.gelu(a, approximate='tanh')", run_tanh },
             { "scalar", "n()", "F.gelu(a, approximate='tanh')", run_tanh },
             { "empty", "n(0,4)", "F.gelu(a, approximate='tanh')", run_tanh },
             { "edges", "v0,-0.0,1,-1,nan,20,-20(7)", "F.gelu(a, approximate='tanh')", run_tanh }),
};

fr_tensor *fr_gelu_tanh(fr_tensor *t)
{
    return fr_apply(&fr_gelu_tanh_op, &t, NULL);
}
