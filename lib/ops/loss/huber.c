/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* huber: with d = x - y, l = d^2 / 2 where |d| < delta, and elsewhere the line delta (|d| - delta / 2) that goes on
 * from there with the same slope: dl/dx is d, kept within [-delta, delta]. smooth_l1 is huber / delta, where delta is
 * called beta, and l1 for a beta of 0. */
#include "ops/loss/loss.h"

/* A parabola for |d| < p[0], and elsewhere a line of slope p[1] or -p[1]. */
#define ABS(d)   TYPED(fr_abs)(d)
#define SLOPE(d) ((d) >= p[0] ? p[1] : (d) <= -p[0] ? -p[1] : (d) * (p[1] / p[0]))

#define LOSS  huber
#define VALUE (ABS(x - y) < p[0] ? (x - y) * (x - y) / 2 * (p[1] / p[0]) : p[1] * (ABS(x - y) - p[0] / 2))
#define DX    (dl * SLOPE(x - y))
#define DY    (dl * SLOPE(y - x))
#include "kernels/make_loss.h"

static void forward(fr_op_call *call)
{
    fr_loss_forward(call, huber_kernels);
}

static void backward_kernel(fr_op_call *call)
{
    fr_loss_backward(call, huber_kernels);
}

static bool infer_with(fr_op_call *call, const char *name)
{
    double bound = *(const double *)call->attributes;

    if (!(bound > 0 && bound < INFINITY))
        return fr_op_fail(call, "%s is %g, expected a number above 0", name, bound);
    return fr_infer_loss(call);
}

static bool infer(fr_op_call *call)
{
    return infer_with(call, "delta");
}

static bool infer_smooth(fr_op_call *call)
{
    return infer_with(call, "beta");
}

/* c (d - c / 2) with c = clamp(d, -delta, delta): d^2 / 2 within the bounds, and the line outside. */
static void definition(fr_op_call *call)
{
    const double *p = call->attributes;
    fr_tensor *d = fr_sub(call->in[0], call->in[1]), *c = fr_clamp(d, -p[0], p[0]);

    call->result[0] = fr_mul_scalar(fr_mul(c, fr_sub(d, fr_mul_scalar(c, 0.5))), p[1] / p[0]);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(
        w, call, "fabsf(a - b) < p[0] ? (a - b) * (a - b) / 2 * (p[1] / p[0]) : p[1] * (fabsf(a - b) - p[0] / 2)",
        call->attributes);
}

FR_RUN(run, fr_huber(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_huber(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_huber(in[0], in[1], FR_NONE))
FR_RUN(run_plain, fr_huber_with(in[0], in[1], NULL))
FR_RUN(run_delta, fr_huber_with(in[0], in[1], &(fr_huber_options){ .delta = 0.5, .reduction = FR_SUM }))
FR_RUN(run_weight, fr_huber_with(in[0], in[1], &(fr_huber_options){ .weight = in[2], .delta = 2 }))
FR_RUN(run_no_delta, fr_huber_with(in[0], in[1], &(fr_huber_options){ .delta = FR_ZERO }))

const fr_op fr_huber_op = {
    FR_LOSS_OP("huber", infer),
    .formula = "l = |x - y| < delta ? (x - y)^2 / 2 : delta (|x - y| - delta / 2)",
    .derivative = "dL/dx = (x - y) dL/dl where |x - y| < delta, else delta sign(x - y) dL/dl",
    .attributes_size = 2 * sizeof(double),
    FR_CASES(
        { "mean", "n(5,3) n(5,3)", "F.huber_loss(a, b)", run },
        { "sum", "n(5,3) n(5,3)", "F.huber_loss(a, b, reduction='sum')", run_sum },
        { "none", "n(25) n(25)", "F.huber_loss(a, b, reduction='none')", run_none },
        { "edges", "v1,-1,0,inf,-inf,inf,nan(7) v0,0,0,1,1,inf,1(7)", "F.huber_loss(a, b, reduction='none')",
          run_none },
        { "no options", "n(5,3) n(5,3)", "F.huber_loss(a, b)", run_plain },
        { "delta", "n(5,3) n(5,3)", "F.huber_loss(a, b, reduction='sum', delta=0.5)", run_delta },
        { "weight", "n(5,3) n(5,3) u(5,3)", "F.huber_loss(a, b, delta=2, weight=c)", run_weight, .may_lack = true },
        { "scalar", "n() n()", "F.huber_loss(a, b)", run }, { "empty", "n(0,3) n(0,3)", "F.huber_loss(a, b)", run },
        { "shapes", "n(4,1) n(4)", NULL, run, { "huber", "(4, 1)", "(4,)" } },
        { "delta of 0", "n(3) n(3)", NULL, run_no_delta, { "huber", "delta is 0", "above 0" } }),
};

fr_tensor *fr_huber(fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    return fr_apply_loss("huber", &fr_huber_op, (fr_tensor *[3]){ x, y }, (double[2]){ 1, 1 },
                         &(fr_loss_options){ .reduction = reduction });
}

fr_tensor *fr_huber_with(fr_tensor *x, fr_tensor *y, const fr_huber_options *options)
{
    static const fr_huber_options defaults;
    const fr_huber_options *o = options ? options : &defaults;
    double delta = fr_option(o->delta, 1);

    return fr_apply_loss(
        "huber_with", &fr_huber_op, (fr_tensor *[3]){ x, y }, (double[2]){ delta, delta },
        &(fr_loss_options){
            .reduction = o->reduction, .weight = o->weight, .reserved = o->reserved, .missing = !o->weight });
}

FR_RUN(run_smooth, fr_smooth_l1(in[0], in[1], FR_MEAN))
FR_RUN(run_smooth_none, fr_smooth_l1(in[0], in[1], FR_NONE))
FR_RUN(run_smooth_plain, fr_smooth_l1_with(in[0], in[1], NULL))
FR_RUN(run_beta, fr_smooth_l1_with(in[0], in[1], &(fr_smooth_l1_options){ .beta = 0.5, .reduction = FR_SUM }))
FR_RUN(run_no_beta, fr_smooth_l1_with(in[0], in[1], &(fr_smooth_l1_options){ .beta = FR_ZERO }))
FR_RUN(run_negative, fr_smooth_l1_with(in[0], in[1], &(fr_smooth_l1_options){ .beta = -1 }))

const fr_op fr_smooth_l1_op = {
    FR_LOSS_OP("smooth_l1", infer_smooth),
    .formula = "l = |x - y| < beta ? (x - y)^2 / (2 beta) : |x - y| - beta / 2",
    .derivative = "dL/dx = (x - y) / beta dL/dl where |x - y| < beta, else sign(x - y) dL/dl",
    .attributes_size = 2 * sizeof(double),
    FR_CASES({ "mean", "n(5,3) n(5,3)", "F.smooth_l1_loss(a, b)", run_smooth },
             { "none", "n(25) n(25)", "F.smooth_l1_loss(a, b, reduction='none')", run_smooth_none },
             { "edges", "v1,-1,0,inf,-inf,inf,nan(7) v0,0,0,1,1,inf,1(7)", "F.smooth_l1_loss(a, b, reduction='none')",
               run_smooth_none },
             { "no options", "n(5,3) n(5,3)", "F.smooth_l1_loss(a, b)", run_smooth_plain },
             { "beta", "n(5,3) n(5,3)", "F.smooth_l1_loss(a, b, reduction='sum', beta=0.5)", run_beta },
             { "beta of 0", "v1,2,0.5(3) v1,1,1(3)", "F.smooth_l1_loss(a, b, beta=0.0)", run_no_beta },
             { "scalar", "n() n()", "F.smooth_l1_loss(a, b)", run_smooth },
             { "empty", "n(0,3) n(0,3)", "F.smooth_l1_loss(a, b)", run_smooth },
             { "shapes", "n(4,1) n(4)", NULL, run_smooth, { "smooth_l1", "(4, 1)", "(4,)" } },
             { "negative beta", "n(3) n(3)", NULL, run_negative, { "smooth_l1", "beta is -1", "above 0" } }),
};

fr_tensor *fr_smooth_l1(fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    return fr_apply_loss("smooth_l1", &fr_smooth_l1_op, (fr_tensor *[3]){ x, y }, (double[2]){ 1, 1 },
                         &(fr_loss_options){ .reduction = reduction });
}

fr_tensor *fr_smooth_l1_with(fr_tensor *x, fr_tensor *y, const fr_smooth_l1_options *options)
{
    static const fr_smooth_l1_options defaults;
    const fr_smooth_l1_options *o = options ? options : &defaults;
    double beta = fr_option(o->beta, 1);

    return fr_apply_loss("smooth_l1_with", beta == 0 ? &fr_l1_op : &fr_smooth_l1_op, (fr_tensor *[3]){ x, y },
                         (double[2]){ beta, 1 },
                         &(fr_loss_options){ .reduction = o->reduction, .reserved = o->reserved });
}
