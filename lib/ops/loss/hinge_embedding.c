/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Losses that ask for no more than a margin. hinge_embedding is an op: l = x where the target y is 1, max(margin - x,
 * 0) where it is -1, the sum of both elsewhere; the gradient of y is 0. margin_ranking, cosine_embedding and
 * triplet_margin are composed of ops. */
#include "ops/loss/loss.h"

#define LOSS  hinge
#define VALUE ((y == -1 ? 0 : x) + (y == 1 || x >= p[0] ? 0 : p[0] - x))
#define DX    (dl * (T)((y == -1 ? 0 : 1) - (y == 1 || x >= p[0] ? 0 : 1)))
#define DY    (0 * dl)
#include "kernels/make_loss.h"

static void forward(fr_op_call *call)
{
    fr_loss_forward(call, hinge_kernels);
}

static void backward_kernel(fr_op_call *call)
{
    fr_loss_backward(call, hinge_kernels);
}

static fr_tensor *hinge(fr_tensor *x, double margin)
{
    return fr_relu(fr_add_scalar(fr_neg(x), margin));
}

static void definition(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *y = call->in[1], *far = hinge(x, *(const double *)call->attributes);

    call->result[0] = fr_add(fr_masked_fill(x, fr_eq_scalar(y, -1), 0), fr_masked_fill(far, fr_eq_scalar(y, 1), 0));
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(w, call, "(b == -1 ? 0 : a) + (b == 1 || a >= p[0] ? 0 : p[0] - a)", call->attributes);
}

#define HINGE(...)   fr_hinge_embedding(in[0], in[1], &(fr_hinge_embedding_options){ __VA_ARGS__ })
#define RANKING(...) fr_margin_ranking(in[0], in[1], in[2], &(fr_margin_ranking_options){ __VA_ARGS__ })
#define COSINE(...)  fr_cosine_embedding(in[0], in[1], in[2], &(fr_cosine_embedding_options){ __VA_ARGS__ })
#define TRIPLET(...) fr_triplet_margin(in[0], in[1], in[2], &(fr_triplet_margin_options){ __VA_ARGS__ })
FR_RUN(run, fr_hinge_embedding(in[0], in[1], NULL))
FR_RUN(run_none, HINGE(.reduction = FR_NONE))
FR_RUN(run_sum, HINGE(.reduction = FR_SUM, .margin = 0.4))
FR_RUN(run_zero, HINGE(.margin = FR_ZERO))
FR_RUN(run_reduction, HINGE(.reduction = FR_BATCHMEAN))
FR_RUN(run_reserved, HINGE(.reserved[1] = in[0]))
FR_RUN(run_ranking, fr_margin_ranking(in[0], in[1], in[2], NULL))
FR_RUN(run_ranking_none, RANKING(.reduction = FR_NONE, .margin = 0.3))
FR_RUN(run_ranking_sum, RANKING(.reduction = FR_SUM))
FR_RUN(run_cosine, fr_cosine_embedding(in[0], in[1], in[2], NULL))
FR_RUN(run_cosine_none, COSINE(.reduction = FR_NONE, .margin = -0.2))
FR_RUN(run_cosine_sum, COSINE(.reduction = FR_SUM, .margin = 0.1))
FR_RUN(run_triplet, fr_triplet_margin(in[0], in[1], in[2], NULL))
FR_RUN(run_triplet_none, TRIPLET(.reduction = FR_NONE, .margin = 2, .p = 1, .eps = 0.01))
FR_RUN(run_triplet_sum, TRIPLET(.reduction = FR_SUM, .swap = true))
FR_RUN(run_triplet_margin, TRIPLET(.margin = -1))

#define SIGNS(n) "v1,-1,-1,1,-1(" #n ")"

const fr_op fr_hinge_embedding_op = {
    FR_LOSS_OP("hinge_embedding", fr_infer_loss),
    .formula = "l = y = 1 ? x : max(margin - x, 0)",
    .attributes_size = 2 * sizeof(double),
    FR_CASES(
        { "mean", "d(5) " SIGNS(5), "F.hinge_embedding_loss(a, b)", run },
        { "none", "d(5) " SIGNS(5), "F.hinge_embedding_loss(a, b, reduction='none')", run_none },
        { "sum", "d(5) " SIGNS(5), "F.hinge_embedding_loss(a, b, margin=0.4, reduction='sum')", run_sum },
        { "margin 0", "d(5) " SIGNS(5), "F.hinge_embedding_loss(a, b, margin=0)", run_zero },
        { "edges", "v1,1,0,0.5,2,inf,-inf(7) v1,-1,-1,0,0,-1,-1(7)", "F.hinge_embedding_loss(a, b, reduction='none')",
          run_none },
        { "scalar", "n() v-1()", "F.hinge_embedding_loss(a, b)", run },
        { "empty", "n(0,3) v(0,3)", "F.hinge_embedding_loss(a, b)", run },
        { "shapes", "n(4,1) n(4)", NULL, run, { "hinge_embedding", "(4, 1)", "(4,)" } },
        { "reduction", "n(4) n(4)", NULL, run_reduction, { "hinge_embedding", "reduction 3", "FR_NONE" } },
        { "reserved", "n(4) n(4)", NULL, run_reserved, { "hinge_embedding", "reserved[1]" } },
        { "ranking", "d(5) n(5) " SIGNS(5), "F.margin_ranking_loss(a, b, c)", run_ranking },
        { "ranking, none", "d(5) n(5) " SIGNS(5), "F.margin_ranking_loss(a, b, c, margin=0.3, reduction='none')",
          run_ranking_none },
        { "ranking, sum", "d(5) n(5) " SIGNS(5), "F.margin_ranking_loss(a, b, c, reduction='sum')", run_ranking_sum },
        { "ranking, ties", "v1,2,3(3) v1,2,3(3) v1,-1,1(3)", "F.margin_ranking_loss(a, b, c)", run_ranking },
        { "ranking, empty", "n(0) n(0) v(0)", "F.margin_ranking_loss(a, b, c)", run_ranking },
        { "ranking, shapes", "n(3) n(3) n(1)", NULL, run_ranking, { "margin_ranking", "(3,)", "(1,)" } },
        { "cosine", "n(5,4) n(5,4) " SIGNS(5), "F.cosine_embedding_loss(a, b, c)", run_cosine },
        { "cosine, none", "n(5,4) n(5,4) " SIGNS(5), "F.cosine_embedding_loss(a, b, c, margin=-0.2, reduction='none')",
          run_cosine_none },
        { "cosine, sum", "n(5,4) n(5,4) " SIGNS(5), "F.cosine_embedding_loss(a, b, c, margin=0.1, reduction='sum')",
          run_cosine_sum },
        { "cosine, unbatched", "n(4) n(4) v1()", "F.cosine_embedding_loss(a, b, c)", run_cosine },
        { "cosine, int64", "n(5,4) n(5,4) i2(5)", "F.cosine_embedding_loss(a, b, c)", run_cosine },
        { "cosine, zero", "v0,0,1,2(2,2) v1,2,0,0(2,2) v1,-1(2)", "F.cosine_embedding_loss(a, b, c)", run_cosine },
        { "cosine, target", "n(5,4) n(5,4) n(4)", NULL, run_cosine, { "cosine_embedding", "(5,)", "(4,)" } },
        { "cosine, shapes", "n(5,4) n(5,3) n(5)", NULL, run_cosine, { "cosine_embedding", "(5, 4)", "(5, 3)" } },
        { "cosine, dims", "n(2,2,2) n(2,2,2) n(2,2)", NULL, run_cosine, { "cosine_embedding", "(2, 2, 2)" } },
        { "triplet", "n(5,4) n(5,4) n(5,4)", "F.triplet_margin_loss(a, b, c)", run_triplet },
        { "triplet, none", "n(5,4) n(5,4) n(5,4)",
          "F.triplet_margin_loss(a, b, c, margin=2, p=1, eps=0.01, reduction='none')", run_triplet_none },
        { "triplet, swap", "n(5,4) n(5,4) n(5,4)", "F.triplet_margin_loss(a, b, c, swap=True, reduction='sum')",
          run_triplet_sum },
        { "triplet, unbatched", "n(4) n(4) n(4)", "F.triplet_margin_loss(a, b, c)", run_triplet },
        { "triplet, empty", "n(0,4) n(0,4) n(0,4)", "F.triplet_margin_loss(a, b, c)", run_triplet },
        { "triplet, margin", "n(4) n(4) n(4)", NULL, run_triplet_margin, { "triplet_margin", "margin is -1" } },
        { "triplet, shapes", "n(5,4) n(5,4) n(4)", NULL, run_triplet, { "triplet_margin", "(5, 4)", "(4,)" } }),
};

fr_tensor *fr_hinge_embedding(fr_tensor *x, fr_tensor *y, const fr_hinge_embedding_options *options)
{
    static const fr_hinge_embedding_options defaults;
    const fr_hinge_embedding_options *o = options ? options : &defaults;

    return fr_apply_loss("hinge_embedding", &fr_hinge_embedding_op, (fr_tensor *[3]){ x, y },
                         (double[2]){ fr_option(o->margin, 1) },
                         &(fr_loss_options){ .reduction = o->reduction, .reserved = o->reserved });
}

/* max(-y (x1 - x2) + margin, 0) */
fr_tensor *fr_margin_ranking(fr_tensor *x1, fr_tensor *x2, fr_tensor *y, const fr_margin_ranking_options *options)
{
    static const fr_margin_ranking_options defaults;
    const fr_margin_ranking_options *o = options ? options : &defaults;
    fr_composition c = fr_compose("margin_ranking");
    fr_tensor *l = NULL;

    if (fr_check_loss_inputs("margin_ranking", x1, "x1", x2, "x2") &&
        fr_check_loss_inputs("margin_ranking", x1, "x1", y, "y"))
        l = hinge(fr_mul(y, fr_sub(x1, x2)), o->margin);
    return fr_composed(c, fr_reduce_losses("margin_ranking", l, o->reduction, o->reserved));
}

/* 1 - cos where y is 1, max(cos - margin, 0) where it is -1, cos being that of the angle between x1 and x2. 1e-12F is
 * PyTorch's, in float64 too. */
static fr_tensor *cosine_losses(fr_tensor *x1, fr_tensor *x2, fr_tensor *y, double margin)
{
    fr_tensor *s1 = fr_add_scalar(fr_sum_dim(fr_square(x1), -1, false), (double)1e-12F);
    fr_tensor *s2 = fr_add_scalar(fr_sum_dim(fr_square(x2), -1, false), (double)1e-12F);
    fr_tensor *cosine = fr_div(fr_sum_dim(fr_mul(x1, x2), -1, false), fr_sqrt(fr_mul(s1, s2)));
    fr_tensor *near = fr_add_scalar(fr_neg(cosine), 1), *far = fr_relu(fr_sub_scalar(cosine, margin));

    return fr_add(fr_masked_fill(near, fr_ne_scalar(y, 1), 0), fr_masked_fill(far, fr_ne_scalar(y, -1), 0));
}

fr_tensor *fr_cosine_embedding(fr_tensor *x1, fr_tensor *x2, fr_tensor *y, const fr_cosine_embedding_options *options)
{
    static const fr_cosine_embedding_options defaults;
    const fr_cosine_embedding_options *o = options ? options : &defaults;
    fr_composition c = fr_compose("cosine_embedding");
    fr_tensor *l = NULL;
    fr_shape rows;
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (fr_check_loss_inputs("cosine_embedding", x1, "x1", x2, "x2") && fr_check_argument("cosine_embedding", y, "y")) {
        rows = (fr_shape){ x1->shape.ndim - 1, { x1->shape.dim[0] } };
        if (rows.ndim != 0 && rows.ndim != 1)
            fr_fail("cosine_embedding", "x1 %s, expected (B, N) or (N)", fr_shape_text(&x1->shape, a));
        else if (!fr_shape_equal(&rows, &y->shape))
            fr_fail("cosine_embedding", "y %s, expected %s", fr_shape_text(&y->shape, a), fr_shape_text(&rows, b));
        else
            l = cosine_losses(x1, x2, y, o->margin);
    }
    return fr_composed(c, fr_reduce_losses("cosine_embedding", l, o->reduction, o->reserved));
}

/* max(d(anchor, positive) - d(anchor, negative) + margin, 0) */
static fr_tensor *triplet_losses(fr_tensor *anchor, fr_tensor *positive, fr_tensor *negative,
                                 const fr_triplet_margin_options *o)
{
    double p = fr_option(o->p, 2), eps = fr_option(o->eps, 1e-6), margin = fr_option(o->margin, 1);
    fr_tensor *near, *far;

    if (!(margin > 0))
        return fr_fail("triplet_margin", "margin is %g, expected a number above 0", margin);
    near = fr_pairwise_distance(anchor, positive, p, eps, false);
    far = fr_pairwise_distance(anchor, negative, p, eps, false);
    if (o->swap)
        far = fr_minimum(far, fr_pairwise_distance(positive, negative, p, eps, false));
    return hinge(fr_sub(far, near), margin);
}

fr_tensor *fr_triplet_margin(fr_tensor *anchor, fr_tensor *positive, fr_tensor *negative,
                             const fr_triplet_margin_options *options)
{
    static const fr_triplet_margin_options defaults;
    const fr_triplet_margin_options *o = options ? options : &defaults;
    fr_composition c = fr_compose("triplet_margin");
    fr_tensor *l = NULL;

    if (fr_check_loss_inputs("triplet_margin", anchor, "anchor", positive, "positive") &&
        fr_check_loss_inputs("triplet_margin", anchor, "anchor", negative, "negative"))
        l = triplet_losses(anchor, positive, negative, o);
    return fr_composed(c, fr_reduce_losses("triplet_margin", l, o->reduction, o->reserved));
}
