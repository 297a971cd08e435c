/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* bce: binary cross-entropy of probabilities p, l = -(y max(log p, -100) + (1 - y) max(log(1 - p), -100)).
 *
 * dl/dp = -y/p + (1 - y)/(1 - p) = (p - y) / (p (1 - p)), where PyTorch, and this, take max(p (1 - p), 1e-12) for the
 * denominator, so that p = 0 and p = 1 have a finite gradient. dl/dy = log(1 - p) - log p. */
#include "ops/loss/loss.h"

#define CUT(v) ((v) < -100 ? -100 : (v))

FR_INLINE float value_f32(float p, float y)
{
    float log_p = fr_log_f32(p), log_q = fr_log1p_f32(-p);

    return (y - 1.0F) * CUT(log_q) - y * CUT(log_p);
}

FR_INLINE double value_f64(double p, double y)
{
    double log_p = log(p), log_q = log1p(-p);

    return (y - 1) * CUT(log_q) - y * CUT(log_p);
}

#define IN_RANGE(v) (((v) >= 0) & ((v) <= 1))
#define LEAST       1e-12F /* a float in PyTorch, for float64 too */
#define SLOPE(p, y) (((p) - (y)) / ((1 - (p)) * (p) > LEAST ? (1 - (p)) * (p) : LEAST))

#define LOSS  bce
#define VALUE TYPED(value)(x, y)
#define VALID (IN_RANGE(x) & IN_RANGE(y))
#define DX    (dl * SLOPE(x, y))
#define DY    (dl * (TYPED(fr_log1p)(-x) - TYPED(fr_log)(x)))
#include "kernels/make_loss.h"

/* Fails for the first value of t outside [0, 1]. */
static bool check_range(fr_op_call *call, const fr_tensor *t, const char *what)
{
    for (int64_t i = 0; i < t->numel; i++) {
        double v = fr_at(t, i);

        if (!IN_RANGE(v))
            return fr_op_fail(call, "%s %g at %lld is outside [0, 1]", what, v, (long long)i);
    }
    return true;
}

static void forward(fr_op_call *call)
{
    if (!fr_loss_forward(call, bce_kernels) && check_range(call, call->in[0], "prediction"))
        check_range(call, call->in[1], "target");
}

static void backward_kernel(fr_op_call *call)
{
    fr_loss_backward(call, bce_kernels);
}

static void backward(fr_op_call *call)
{
    fr_tensor *p = call->in[0], *y = call->in[1], *g = call->grad_out[0];

    if (call->needs[0]) {
        fr_tensor *width = fr_mul(fr_add_scalar(fr_neg(p), 1), p);

        call->grad_in[0] = fr_mul(g, fr_div(fr_sub(p, y), fr_clamp(width, (double)LEAST, INFINITY)));
    }
    if (call->needs[1])
        call->grad_in[1] = fr_mul(g, fr_sub(fr_log1p(fr_neg(p)), fr_log(p)));
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(w, call, "(b - 1.0F) * FR_MAXIMUM(log1pf(-a), -100.0F) - b * FR_MAXIMUM(logf(a), -100.0F)",
                          call->attributes);
}

FR_RUN(run, fr_bce(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_bce(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_bce(in[0], in[1], FR_NONE))
FR_RUN(run_plain, fr_bce_with(in[0], in[1], NULL))
FR_RUN(run_weight, fr_bce_with(in[0], in[1], &(fr_bce_options){ .weight = in[2] }))
FR_RUN(run_weight_sum, fr_bce_with(in[0], in[1], &(fr_bce_options){ .weight = fr_detach(in[2]), .reduction = FR_SUM }))
FR_RUN(run_reduction, fr_bce(in[0], in[1], (fr_reduction)3))

const fr_op fr_bce_op = {
    .name = "bce",
    .formula = "l = -(y ln p + (1 - y) ln(1 - p))",
    .shapes = "(*) (*) (**)? -> () or (*)",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .expanded_gradients = true,
    .infer = fr_infer_loss,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_pointwise,
    .backward_kernel = backward_kernel,
    .c_code = c_code,
    FR_CASES(
        { "mean", "u(5,1) b(5,1)", "F.binary_cross_entropy(a, b)", run },
        { "sum", "u(5,7) u(5,7)", "F.binary_cross_entropy(a, b, reduction='sum')", run_sum },
        { "none", "u(25) u(25)", "F.binary_cross_entropy(a, b, reduction='none')", run_none },
        { "edges", "v0,0,1,1,0,1(6) v0,1,0,1,0.5,0.5(6)", "F.binary_cross_entropy(a, b, reduction='none')", run_none },
        { "tiny", "v1e-42,1e-45,1e-30(3) v0,1,0.5(3)", "F.binary_cross_entropy(a, b, reduction='none')", run_none },
        { "scalar", "u() b()", "F.binary_cross_entropy(a, b)", run },
        { "empty", "u(0,3) b(0,3)", "F.binary_cross_entropy(a, b)", run },
        { "no options", "u(5,1) b(5,1)", "F.binary_cross_entropy(a, b)", run_plain },
        { "weight", "u(5,3) u(5,3) u(3)", "(F.binary_cross_entropy(a, b, reduction='none') * c).mean()", run_weight,
          .may_lack = true },
        { "weight, sum", "u(5,3) u(5,3) v0.5,1.25,2,0.75,0.25(5,1)",
          "F.binary_cross_entropy(a, b, c.detach().expand(5, 3), reduction='sum')", run_weight_sum },
        { "weight's shape", "u(5,3) b(5,3) u(5)", NULL, run_weight, { "bce_with", "weight (5,)", "(5, 3)" } },
        { "shapes", "u(32,1) b(32,1,1)", NULL, run, { "bce", "(32, 1)", "(32, 1, 1)" } },
        { "prediction", "v0.5,1.5(2) b(2)", NULL, run, { "bce", "prediction 1.5 at 1", "[0, 1]" } },
        { "target", "u(2) v-0.25,1(2)", NULL, run, { "bce", "target -0.25 at 0", "[0, 1]" } },
        { "nan", "vnan(1) b(1)", NULL, run, { "bce", "prediction nan", "[0, 1]" } },
        { "reduction", "u(2) b(2)", NULL, run_reduction, { "bce", "reduction 3" } }),
};

fr_tensor *fr_bce(fr_tensor *p, fr_tensor *y, fr_reduction reduction)
{
    return fr_apply_loss("bce", &fr_bce_op, (fr_tensor *[3]){ p, y }, NULL,
                         &(fr_loss_options){ .reduction = reduction });
}

fr_tensor *fr_bce_with(fr_tensor *p, fr_tensor *y, const fr_bce_options *options)
{
    static const fr_bce_options defaults;
    const fr_bce_options *o = options ? options : &defaults;

    return fr_apply_loss(
        "bce_with", &fr_bce_op, (fr_tensor *[3]){ p, y }, NULL,
        &(fr_loss_options){
            .reduction = o->reduction, .weight = o->weight, .reserved = o->reserved, .missing = !o->weight });
}
