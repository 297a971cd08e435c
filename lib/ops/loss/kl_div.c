/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* kl_div: Kullback-Leibler divergence from probabilities y of log-probabilities x, l = y (log y - x), where 0 log 0 is
 * 0. With log_target (p[0] is 1) y holds logarithms, and l = exp(y) (y - x).
 *
 * dl/dx = -y and dl/dy = log y + 1 - x; of logarithms -exp(y) and exp(y) (y - x) + exp(y). The gradient of a
 * probability y of 0 is NaN, as in PyTorch. */
#include "ops/loss/loss.h"

#define EXP(v) TYPED(fr_exp)(v)
#define LOG(v) TYPED(fr_log)(v)

#define LOSS  plain
#define VALUE ((y == 0 ? 0 : y * LOG(y)) - y * x)
#define DX    (-y * dl)
#define DY    (dl * (LOG(y) + y / y - x))
#include "kernels/make_loss.h"

#define LOSS  log_target
#define VALUE (EXP(y) * (y - x))
#define DX    (-EXP(y) * dl)
#define DY    (dl * EXP(y) * (y - x) + dl * EXP(y))
#include "kernels/make_loss.h"

static bool has_log_target(const fr_op_call *call)
{
    return *(const double *)call->attributes != 0;
}

static fr_loss_kernels_of *kernels_for(const fr_op_call *call)
{
    return has_log_target(call) ? log_target_kernels : plain_kernels;
}

static void forward(fr_op_call *call)
{
    fr_loss_forward(call, kernels_for(call));
}

static void backward_kernel(fr_op_call *call)
{
    fr_loss_backward(call, kernels_for(call));
}

static void definition(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *y = call->in[1];

    if (has_log_target(call))
        call->result[0] = fr_mul(fr_exp(y), fr_sub(y, x));
    else
        call->result[0] = fr_sub(fr_masked_fill(fr_mul(y, fr_log(y)), fr_eq_scalar(y, 0), 0), fr_mul(y, x));
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const char *plain = "(b == 0 ? 0 : b * logf(b)) - b * a", *log_target = "expf(b) * (b - a)";

    return fr_c_pointwise(w, call, has_log_target(call) ? log_target : plain, NULL);
}

FR_RUN(run, fr_kl_div(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_kl_div(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_kl_div(in[0], in[1], FR_NONE))
FR_RUN(run_batch, fr_kl_div(in[0], in[1], FR_BATCHMEAN))
FR_RUN(run_reduction, fr_kl_div(in[0], in[1], (fr_reduction)4))
FR_RUN(run_plain, fr_kl_div_with(in[0], in[1], NULL))
FR_RUN(run_log, fr_kl_div_with(in[0], in[1], &(fr_kl_div_options){ .log_target = true, .reduction = FR_BATCHMEAN }))
FR_RUN(run_log_none, fr_kl_div_with(in[0], in[1], &(fr_kl_div_options){ .log_target = true, .reduction = FR_NONE }))

const fr_op fr_kl_div_op = {
    FR_LOSS_OP("kl_div", fr_infer_loss),
    .formula = "l = y (ln y - x), or e^y (y - x)",
    .attributes_size = 2 * sizeof(double),
    FR_CASES(
        { "mean", "n(5,3) u(5,3)", "F.kl_div(a, b)", run },
        { "sum", "n(5,3) u(5,3)", "F.kl_div(a, b, reduction='sum')", run_sum },
        { "none", "n(25) u(25)", "F.kl_div(a, b, reduction='none')", run_none },
        { "batch mean", "n(5,3,2) u(5,3,2)", "F.kl_div(a, b, reduction='batchmean')", run_batch },
        { "batch mean of a scalar", "n() u()", "F.kl_div(a, b, reduction='batchmean')", run_batch },
        { "edges", "v-1,-1,-inf,-inf,1,1,nan(7) v0,1,1,0,-1,nan,1(7)", "F.kl_div(a, b, reduction='none')", run_none },
        { "no options", "n(5,3) u(5,3)", "F.kl_div(a, b)", run_plain },
        { "log target", "n(5,3) n(5,3)", "F.kl_div(a, b, reduction='batchmean', log_target=True)", run_log },
        { "log edges", "v-1,-1,-inf,1,nan(5) v0,-inf,1,nan,1(5)", "F.kl_div(a, b, reduction='none', log_target=True)",
          run_log_none },
        { "empty", "n(0,3) u(0,3)", "F.kl_div(a, b, reduction='batchmean')", run_batch },
        { "shapes", "n(4,1) u(4)", NULL, run, { "kl_div", "(4, 1)", "(4,)" } },
        { "reduction", "n(4) u(4)", NULL, run_reduction, { "kl_div", "reduction 4", "FR_BATCHMEAN" } }),
};

fr_tensor *fr_kl_div(fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    return fr_apply_loss("kl_div", &fr_kl_div_op, (fr_tensor *[3]){ x, y }, (double[2]){ 0 },
                         &(fr_loss_options){ .reduction = reduction, .batch_mean = true });
}

fr_tensor *fr_kl_div_with(fr_tensor *x, fr_tensor *y, const fr_kl_div_options *options)
{
    static const fr_kl_div_options defaults;
    const fr_kl_div_options *o = options ? options : &defaults;

    return fr_apply_loss("kl_div_with", &fr_kl_div_op, (fr_tensor *[3]){ x, y }, (double[2]){ o->log_target },
                         &(fr_loss_options){ .reduction = o->reduction, .batch_mean = true, .reserved = o->reserved });
}
