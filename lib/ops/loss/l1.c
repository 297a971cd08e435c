/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* l1: absolute error, l = |x - y|. Its gradient is 0 where x and y are equal. */
#include "ops/loss/loss.h"

#define LOSS  l1
#define VALUE TYPED(fr_abs)(x - y)
#define DX    (x > y ? dl : x < y ? -dl : 0)
#define DY    (x > y ? -dl : x < y ? dl : 0)
#include "kernels/make_loss.h"

static void forward(fr_op_call *call)
{
    fr_loss_forward(call, l1_kernels);
}

static void backward_kernel(fr_op_call *call)
{
    fr_loss_backward(call, l1_kernels);
}

static void definition(fr_op_call *call)
{
    call->result[0] = fr_abs(fr_sub(call->in[0], call->in[1]));
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(w, call, "fabsf(a - b)", call->attributes);
}

FR_RUN(run, fr_l1(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_l1(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_l1(in[0], in[1], FR_NONE))
FR_RUN(run_plain, fr_l1_with(in[0], in[1], NULL))
FR_RUN(run_weight, fr_l1_with(in[0], in[1], &(fr_l1_options){ .weight = in[2] }))
FR_RUN(run_weight_none, fr_l1_with(in[0], in[1], &(fr_l1_options){ .weight = in[2], .reduction = FR_NONE }))

const fr_op fr_l1_op = {
    FR_LOSS_OP("l1", fr_infer_loss),
    .formula = "l = |x - y|",
    .derivative = "dL/dx = sign(x - y) dL/dl, dL/dy = sign(y - x) dL/dl",
    FR_CASES({ "mean", "n(5,3) n(5,3)", "F.l1_loss(a, b)", run },
             { "sum", "n(5,3) n(5,3)", "F.l1_loss(a, b, reduction='sum')", run_sum },
             { "none", "n(25) n(25)", "F.l1_loss(a, b, reduction='none')", run_none },
             { "edges", "v1,-1,inf,-inf,inf,nan(6) v1,1,1,1,inf,1(6)", "F.l1_loss(a, b, reduction='none')", run_none },
             { "no options", "n(5,3) n(5,3)", "F.l1_loss(a, b)", run_plain },
             { "weight", "n(5,3) n(5,3) u(5,3)", "F.l1_loss(a, b, weight=c)", run_weight, .may_lack = true },
             { "weight, none", "n(5,3) n(5,3) u(5,3)", "F.l1_loss(a, b, weight=c, reduction='none')", run_weight_none,
               .may_lack = true },
             { "scalar", "n() n()", "F.l1_loss(a, b)", run }, { "empty", "n(0,3) n(0,3)", "F.l1_loss(a, b)", run },
             { "shapes", "n(4,1) n(4)", NULL, run, { "l1", "(4, 1)", "(4,)" } },
             { "weight's shape", "n(3) n(3) u(2)", NULL, run_weight, { "l1_with", "weight (2,)", "(3,)" } }),
};

fr_tensor *fr_l1(fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    return fr_apply_loss("l1", &fr_l1_op, (fr_tensor *[3]){ x, y }, NULL, &(fr_loss_options){ .reduction = reduction });
}

fr_tensor *fr_l1_with(fr_tensor *x, fr_tensor *y, const fr_l1_options *options)
{
    static const fr_l1_options defaults;
    const fr_l1_options *o = options ? options : &defaults;

    return fr_apply_loss("l1_with", &fr_l1_op, (fr_tensor *[3]){ x, y }, NULL,
                         &(fr_loss_options){ .reduction = o->reduction,
                                             .weight = o->weight,
                                             .over_weights = true,
                                             .reserved = o->reserved,
                                             .missing = !o->weight });
}
