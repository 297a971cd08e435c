/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* mse: squared error, l = (x - y)^2. */
#include "ops/loss.h"

FR_LOSS_ROW(loss_f32, float, (x - y) * (x - y), true)
FR_LOSS_ROW(loss_f64, double, (x - y) * (x - y), true)
FR_LOSS_GRADIENT_ROW(dx_f32, float, 2 * (x - y) * g)
FR_LOSS_GRADIENT_ROW(dx_f64, double, 2 * (x - y) * g)
FR_LOSS_GRADIENT_ROW(dy_f32, float, 2 * (y - x) * g)
FR_LOSS_GRADIENT_ROW(dy_f64, double, 2 * (y - x) * g)

static void forward(fr_op_call *call)
{
    fr_loss_forward(call, loss_f32, loss_f64);
}

static void backward_kernel(fr_op_call *call)
{
    fr_loss_gradient(call, 0, dx_f32, dx_f64);
    fr_loss_gradient(call, 1, dy_f32, dy_f64);
}

static void definition(fr_op_call *call)
{
    call->result[0] = fr_square(fr_sub(call->in[0], call->in[1]));
}

FR_RUN(run, fr_mse(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_mse(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_mse(in[0], in[1], FR_NONE))
FR_RUN(run_self, fr_mse(in[0], fr_square(in[0]), FR_SUM))

const fr_op fr_mse_op = {
    .name = "mse",
    .formula = "l = (x - y)^2",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .infer = fr_infer_loss,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    FR_CASES({ "mean", "n(5,3) n(5,3)", "F.mse_loss(a, b)", run },
             { "sum", "n(5,3) n(5,3)", "F.mse_loss(a, b, reduction='sum')", run_sum },
             { "none", "n(25) n(25)", "F.mse_loss(a, b, reduction='none')", run_none },
             { "of one", "n(5)", "F.mse_loss(a, a * a, reduction='sum')", run_self },
             { "scalar", "n() n()", "F.mse_loss(a, b)", run }, { "empty", "n(0,3) n(0,3)", "F.mse_loss(a, b)", run },
             { "shapes", "n(4,1) n(4)", NULL, run, { "mse", "(4, 1)", "(4,)" } }),
};

fr_tensor *fr_mse(fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    return fr_apply_loss(&fr_mse_op, x, y, reduction);
}
