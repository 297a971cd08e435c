/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* bce_with_logits: binary cross entropy of sigmoid(x), l = (1 - y) x + max(-x, 0) + ln(1 + exp(-|x|)), exact for any x.
 */
#include "ops/loss.h"

FR_LOSS_ROW(loss_f32, float, (1 - y) * x + (x < 0 ? -x : 0) + fr_log1p_f32(fr_exp_f32(-fabsf(x))), true)
FR_LOSS_ROW(loss_f64, double, (1 - y) * x + (x < 0 ? -x : 0) + log1p(fr_exp_f64(-fabs(x))), true)
FR_LOSS_GRADIENT_ROW(dx_f32, float, g *(fr_sigmoid_f32(x) - y))
FR_LOSS_GRADIENT_ROW(dx_f64, double, g *(fr_sigmoid_f64(x) - y))
FR_LOSS_GRADIENT_ROW(dy_f32, float, g * -x)
FR_LOSS_GRADIENT_ROW(dy_f64, double, g * -x)

static void forward(fr_op_call *call)
{
    fr_loss_forward(call, loss_f32, loss_f64);
}

static void backward_kernel(fr_op_call *call)
{
    fr_loss_gradient(call, 0, dx_f32, dx_f64);
    fr_loss_gradient(call, 1, dy_f32, dy_f64);
}

static void backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *y = call->in[1], *g = call->grad_out[0];

    if (call->needs[0])
        call->grad_in[0] = fr_mul(g, fr_sub(fr_sigmoid(x), y));
    if (call->needs[1])
        call->grad_in[1] = fr_neg(fr_mul(g, x));
}

FR_RUN(run, fr_bce_with_logits(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_bce_with_logits(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_bce_with_logits(in[0], in[1], FR_NONE))

const fr_op fr_bce_with_logits_op = {
    .name = "bce_with_logits",
    .formula = "l = (1 - y) x + max(-x, 0) + ln(1 + exp(-|x|))",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .infer = fr_infer_loss,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_pointwise,
    .backward_kernel = backward_kernel,
    FR_CASES({ "mean", "n(5,1) b(5,1)", "F.binary_cross_entropy_with_logits(a, b)", run },
             { "sum", "n(5,7) u(5,7)", "F.binary_cross_entropy_with_logits(a, b, reduction='sum')", run_sum },
             { "none", "n(25) n(25)", "F.binary_cross_entropy_with_logits(a, b, reduction='none')", run_none },
             { "large", "v10000,-10000,100,-100,17,-17,inf,-inf,nan(9) v0.3,0.3,1,0,0,1,0,1,1(9)",
               "F.binary_cross_entropy_with_logits(a, b, reduction='none')", run_none },
             { "scalar", "n() b()", "F.binary_cross_entropy_with_logits(a, b)", run },
             { "empty", "n(0,3) b(0,3)", "F.binary_cross_entropy_with_logits(a, b)", run },
             { "shapes", "n(4,1) b(4)", NULL, run, { "bce_with_logits", "(4, 1)", "(4,)" } },
             { "dtypes", "n(3) i2(3)", NULL, run, { "bce_with_logits", "float32", "int64" } }),
};

fr_tensor *fr_bce_with_logits(fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    return fr_apply_loss(&fr_bce_with_logits_op, x, y, reduction);
}
