/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* bce_with_logits: binary cross-entropy of p = sigmoid(x), l = (1 - y) x + (1 + (w - 1) y) log(1 + exp(-x)), which is
 * exact for any x. w is pos_weight, the weight of positive answers, input 2 if given and else 1.
 *
 * From bce, -(w y log p + (1 - y) log(1 - p)), by log p = -log(1 + exp(-x)) and log(1 - p) = -x - log(1 + exp(-x)).
 * The derivative of log(1 + exp(-x)) is p - 1, so that dl/dx = (w y + 1 - y) p - w y, which is p - y for w = 1.
 * dl/dy = w log(1 + exp(-x)) - log(1 + exp(x)), which is -x for w = 1, and dl/dw = y log(1 + exp(-x)). */
#include "ops/loss/loss.h"

/* log(1 + exp(-x)) and log(1 + exp(x)), by log(1 + exp(-|x|)), which does not overflow. */
#define TAIL         TYPED(fr_log1p)(TYPED(fr_exp)(-TYPED(fr_abs)(x)))
#define SOFTPLUS_NEG (TAIL + (x < 0 ? -x : 0))
#define SOFTPLUS     (TAIL + (x > 0 ? x : 0))
#define SIGMOID      TYPED(fr_sigmoid)(x)

#define LOSS  plain
#define VALUE ((1 - y) * x + SOFTPLUS_NEG)
#define DX    (dl * (SIGMOID - y))
#define DY    (dl * -x)
#include "kernels/make_loss.h"

#define LOSS  weighted
#define VALUE ((1 - y) * x + (1 + (w - 1) * y) * SOFTPLUS_NEG)
#define DX    (dl * ((w * y + 1 - y) * SIGMOID - w * y))
#define DY    (dl * (w * SOFTPLUS_NEG - SOFTPLUS))
#define DW    (dl * y * SOFTPLUS_NEG)
#include "kernels/make_loss.h"

static void forward(fr_op_call *call)
{
    fr_loss_forward(call, call->inputs > 2 ? weighted_kernels : plain_kernels);
}

static void backward_kernel(fr_op_call *call)
{
    fr_loss_backward(call, call->inputs > 2 ? weighted_kernels : plain_kernels);
}

/* log(1 + exp(x)) = logsumexp(0, x), for any x. x is flattened, since stack needs one dim more and 8 are the most. */
static fr_tensor *softplus(fr_tensor *x)
{
    fr_tensor *flat = fr_flatten(x, 0, -1), *both[] = { fr_zeros_like(flat), flat };

    return fr_view_as(fr_logsumexp_dim(fr_stack(both, 2, 0), 0, false), x);
}

static void weighted_backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *y = call->in[1], *w = call->in[2], *g = call->grad_out[0];

    if (call->needs[0]) {
        fr_tensor *positive = fr_mul(w, y), *all = fr_sub(fr_add_scalar(positive, 1), y);

        call->grad_in[0] = fr_mul(g, fr_sub(fr_mul(all, fr_sigmoid(x)), positive));
    }
    if (call->needs[1])
        call->grad_in[1] = fr_mul(g, fr_sub(fr_mul(w, softplus(fr_neg(x))), softplus(x)));
    if (call->needs[2])
        call->grad_in[2] = fr_mul(g, fr_mul(y, softplus(fr_neg(x))));
}

static void backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *y = call->in[1], *g = call->grad_out[0];

    if (call->inputs > 2) {
        weighted_backward(call);
        return;
    }
    if (call->needs[0])
        call->grad_in[0] = fr_mul(g, fr_sub(fr_sigmoid(x), y));
    if (call->needs[1])
        call->grad_in[1] = fr_neg(fr_mul(g, x));
}

#define SOFTPLUS_NEG_C "(log1pf(expf(-fabsf(a))) + (a < 0 ? -a : 0))"

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const char *plain = "(1 - b) * a + " SOFTPLUS_NEG_C;
    const char *weighted = "(1 - b) * a + (1 + (c - 1) * b) * " SOFTPLUS_NEG_C;

    return fr_c_pointwise(w, call, call->inputs > 2 ? weighted : plain, NULL);
}

FR_RUN(run, fr_bce_with_logits(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_bce_with_logits(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_bce_with_logits(in[0], in[1], FR_NONE))

#define WITH(...) fr_bce_with_logits_with(in[0], in[1], &(fr_bce_with_logits_options){ __VA_ARGS__ })
FR_RUN(run_plain, fr_bce_with_logits_with(in[0], in[1], NULL))
FR_RUN(run_weight, WITH(.weight = fr_detach(in[2])))
FR_RUN(run_pos, WITH(.pos_weight = fr_detach(in[2])))
FR_RUN(run_pos_none, WITH(.pos_weight = fr_detach(in[2]), .reduction = FR_NONE))
FR_RUN(run_pos_wanted, WITH(.pos_weight = in[2], .reduction = FR_SUM))
FR_RUN(run_both, WITH(.weight = fr_detach(in[2]), .pos_weight = fr_detach(in[3]), .reduction = FR_SUM))

const fr_op fr_bce_with_logits_op = {
    .name = "bce_with_logits",
    .formula = "l = (1 - y) x + (1 + (w - 1) y) ln(1 + exp(-x)), w = pos_weight, or 1",
    .derivative = "dl/dx = (1 + (w - 1) * y) * sigmoid(x) - w * y, dl/dy = w * softplus(-x) - softplus(x)",
    .shapes = "(*) (*) (**)? (***)? -> () or (*)",
    .input_names = "x y pos_weight",
    .inputs = -1,
    .outputs = 1,
    .saves_inputs = 7,
    .expanded_gradients = true,
    .infer = fr_infer_loss,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_pointwise,
    .backward_kernel = backward_kernel,
    .c_code = c_code,
    FR_CASES(
        { "mean", "n(5,1) b(5,1)", "F.binary_cross_entropy_with_logits(a, b)", run },
        { "sum", "n(5,7) u(5,7)", "F.binary_cross_entropy_with_logits(a, b, reduction='sum')", run_sum },
        { "none", "n(25) n(25)", "F.binary_cross_entropy_with_logits(a, b, reduction='none')", run_none },
        { "large", "v10000,-10000,100,-100,17,-17,inf,-inf,nan(9) v0.3,0.3,1,0,0,1,0,1,1(9)",
          "F.binary_cross_entropy_with_logits(a, b, reduction='none')", run_none },
        { "scalar", "n() b()", "F.binary_cross_entropy_with_logits(a, b)", run },
        { "empty", "n(0,3) b(0,3)", "F.binary_cross_entropy_with_logits(a, b)", run },
        { "no options", "n(5,1) b(5,1)", "F.binary_cross_entropy_with_logits(a, b)", run_plain },
        { "weight", "n(5,3) u(5,3) v0.5,1.25,2(3)", "F.binary_cross_entropy_with_logits(a, b, c.detach())",
          run_weight },
        { "pos_weight", "n(5,3) u(5,3) v0.5,1.25,2(3)",
          "F.binary_cross_entropy_with_logits(a, b, pos_weight=c.detach())", run_pos },
        { "pos_weight of each", "n(3) u(3) v0.5,1.25,2(3)",
          "F.binary_cross_entropy_with_logits(a, b, pos_weight=c.detach(), reduction='none')", run_pos_none },
        { "pos_weight's gradient", "n(5,3) u(5,3) u(5,1)",
          "(c * b * F.softplus(-a, threshold=1e9) + (1 - b) * F.softplus(a, threshold=1e9)).sum()", run_pos_wanted,
          .may_lack = true },
        { "large, pos_weight", "v10000,-10000,100,-100,17,-17,inf,-inf,nan(9) v0.3,0.3,1,0,0,1,0,1,1(9) v3()",
          "F.binary_cross_entropy_with_logits(a, b, pos_weight=c.detach(), reduction='none')", run_pos_none },
        { "pos_weight, eight dims", "n(2,1,1,1,2,1,1,3) u(2,1,1,1,2,1,1,3) v0.5,1.25,2(3)",
          "F.binary_cross_entropy_with_logits(a, b, pos_weight=c.detach())", run_pos },
        { "both", "n(5,3) b(5,3) v0.5,1.25,2,0.75,0.25(5,1) v0.5,1.25,2(3)",
          "F.binary_cross_entropy_with_logits(a, b, c.detach(), pos_weight=d.detach(), reduction='sum')", run_both },
        { "weight's shape", "n(3) b(3) u(2)", NULL, run_weight, { "bce_with_logits_with", "weight (2,)", "(3,)" } },
        { "pos_weight's shape",
          "n(3) b(3) u(2)",
          NULL,
          run_pos,
          { "bce_with_logits_with", "pos_weight (2,)", "(3,)" } },
        { "shapes", "n(4,1) b(4)", NULL, run, { "bce_with_logits", "(4, 1)", "(4,)" } },
        { "dtypes", "n(3) i2(3)", NULL, run, { "bce_with_logits", "float32", "int64" } }),
};

fr_tensor *fr_bce_with_logits(fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    return fr_apply_loss("bce_with_logits", &fr_bce_with_logits_op, (fr_tensor *[3]){ x, y }, NULL,
                         &(fr_loss_options){ .reduction = reduction });
}

fr_tensor *fr_bce_with_logits_with(fr_tensor *x, fr_tensor *y, const fr_bce_with_logits_options *options)
{
    static const fr_bce_with_logits_options defaults;
    const fr_bce_with_logits_options *o = options ? options : &defaults;

    return fr_apply_loss("bce_with_logits_with", &fr_bce_with_logits_op, (fr_tensor *[3]){ x, y }, NULL,
                         &(fr_loss_options){ .reduction = o->reduction,
                                             .weight = o->weight,
                                             .pos_weight = o->pos_weight,
                                             .reserved = o->reserved,
                                             .missing = !o->weight || !o->pos_weight });
}
