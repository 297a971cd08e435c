/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* mse: squared error, l = (x - y)^2. dl/dx = 2 (x - y). The mean over all l is an op of its own: see loss.c. */
#include "ops/loss/loss.h"

#define LOSS  mse
#define VALUE ((x - y) * (x - y))
#define DX    (2 * (x - y) * dl)
#define DY    (2 * (y - x) * dl)
#include "kernels/make_loss.h"

static void forward(fr_op_call *call)
{
    fr_loss_forward(call, mse_kernels);
}

static void backward_kernel(fr_op_call *call)
{
    fr_loss_backward(call, mse_kernels);
}

static void definition(fr_op_call *call)
{
    call->result[0] = fr_square(fr_sub(call->in[0], call->in[1]));
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(w, call, "(a - b) * (a - b)", call->attributes);
}

FR_RUN(run, fr_mse(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_mse(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_mse(in[0], in[1], FR_NONE))
FR_RUN(run_plain, fr_mse_with(in[0], in[1], NULL))
FR_RUN(run_weight, fr_mse_with(in[0], in[1], &(fr_mse_options){ .weight = in[2] }))
FR_RUN(run_weight_sum, fr_mse_with(in[0], in[1], &(fr_mse_options){ .weight = in[2], .reduction = FR_SUM }))
FR_RUN(run_reserved, fr_mse_with(in[0], in[1], &(fr_mse_options){ .reserved[7] = in[0] }))
FR_RUN(run_self, fr_mse(in[0], fr_square(in[0]), FR_SUM))

const fr_op fr_mse_op = {
    FR_LOSS_OP("mse", fr_infer_loss),
    .formula = "l = (x - y)^2",
    .derivative = "dL/dx = 2 (x - y) dL/dl, dL/dy = 2 (y - x) dL/dl",
    FR_CASES(
        { "mean", "n(5,3) n(5,3)", "F.mse_loss(a, b)", run },
        { "sum", "n(5,3) n(5,3)", "F.mse_loss(a, b, reduction='sum')", run_sum },
        { "none", "n(25) n(25)", "F.mse_loss(a, b, reduction='none')", run_none },
        { "of one", "n(5)", "F.mse_loss(a, a * a, reduction='sum')", run_self },
        { "scalar", "n() n()", "F.mse_loss(a, b)", run }, { "empty", "n(0,3) n(0,3)", "F.mse_loss(a, b)", run },
        { "no options", "n(5,3) n(5,3)", "F.mse_loss(a, b)", run_plain },
        { "weight", "n(5,3) n(5,3) u(5,3)", "F.mse_loss(a, b, weight=c)", run_weight, .may_lack = true },
        { "weight, sum", "n(25) n(25) u(25)", "F.mse_loss(a, b, weight=c, reduction='sum')", run_weight_sum,
          .may_lack = true },
        { "a weight for each column", "n(5,3) n(5,3) u(3)", "F.mse_loss(a, b, weight=c.expand(5, 3))", run_weight,
          .may_lack = true },
        { "weights of 0", "v1,2,3(3) v0,2,4(3) v0,0,0(3)", "F.mse_loss(a, b, weight=c)", run_weight, .may_lack = true },
        { "weight's shape", "n(5,3) n(5,3) u(5)", NULL, run_weight, { "mse_with", "weight (5,)", "(5, 3)" } },
        { "weight's dtype", "n(3) n(3) i3(3)", NULL, run_weight, { "mse_with", "weight is int64", "float32" } },
        { "reserved", "n(5,3) n(5,3)", NULL, run_reserved, { "mse_with", "reserved[7]" } },
        { "shapes", "n(4,1) n(4)", NULL, run, { "mse", "(4, 1)", "(4,)" } }),
};

fr_tensor *fr_mse(fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    return fr_apply_loss("mse", &fr_mse_op, (fr_tensor *[3]){ x, y }, NULL,
                         &(fr_loss_options){ .reduction = reduction });
}

fr_tensor *fr_mse_with(fr_tensor *x, fr_tensor *y, const fr_mse_options *options)
{
    static const fr_mse_options defaults;
    const fr_mse_options *o = options ? options : &defaults;

    return fr_apply_loss("mse_with", &fr_mse_op, (fr_tensor *[3]){ x, y }, NULL,
                         &(fr_loss_options){ .reduction = o->reduction,
                                             .weight = o->weight,
                                             .over_weights = true,
                                             .reserved = o->reserved,
                                             .missing = !o->weight });
}
