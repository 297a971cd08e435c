/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cross_entropy: the surprise log(sum(exp(x))) - x of a row's classes, each as much as it counts: of logits (B,C),
 * (B,C,...) or (C),
 *     l = sum(q w (log(sum(exp(x))) - x)), q = (1 - s) p + s/C
 * with class weights w, label smoothing s, and p the target's probabilities, or 1 for its class and else 0. A second
 * result (...,2) keeps what fr_log_sums gives for backward. */
#include "core/threads.h"
#include "ops/loss/class_loss.h"
#include "ops/reduce/logsumexp.h"

static bool infer(fr_op_call *call)
{
    if (!fr_infer_classes(call, "logits", true))
        return false;
    call->out[1] = call->out[0];
    call->out[1].shape.dim[call->out[1].shape.ndim++] = 2;
    return true;
}

/* --- Targets ----------------------------------------------------------------------------------------------------- */

/* Which classes of a row count, from `from` until `to`, and how much. */
typedef struct {
    int64_t n, inner, from, to;
    int64_t class;             /* or -1: */
    const void *probabilities; /* of class 0 */
    const void *weight;        /* of class 0, or NULL */
    double smoothing;
} row_target;

/* Row i's target; one that is ignored counts for nothing. */
static row_target target_of(const fr_op_call *call, const fr_split *split, int64_t i)
{
    const fr_class_attributes *a = call->attributes;
    const fr_tensor *given = call->in[1];
    row_target t = { .n = split->n, .inner = split->inner, .to = split->n, .class = -1, .smoothing = a->smoothing };

    t.weight = call->inputs > 2 ? call->in[2]->origin : NULL;
    if (given->dtype != FR_I64) {
        t.probabilities = given->origin + fr_first_class(split, i) * (int64_t)fr_dtype_size((fr_dtype)given->dtype);
        return t;
    }
    t.class = ((const int64_t *)given->origin)[i];
    if (t.class == a->ignored)
        t.to = 0;
    else if (t.smoothing == 0)
        t.to = 1 + (t.from = t.class);
    return t;
}

/* q w of class k */
#define SHARE(NAME, T)                                                                                                 \
    FR_INLINE T NAME(const row_target *t, int64_t k)                                                                   \
    {                                                                                                                  \
        T p = t->probabilities ? ((const T *)t->probabilities)[k * t->inner] : k == t->class;                          \
        T q = t->smoothing > 0 ? (T)(1 - t->smoothing) * p + (T)(t->smoothing / (double)t->n) : p;                     \
        return t->weight ? q * ((const T *)t->weight)[k] : q;                                                          \
    }

SHARE(share_f32, float)
SHARE(share_f64, double)
#define SHARE_OF(T) _Generic((T)0, float : share_f32, default : share_f64)

/* --- Kernels ----------------------------------------------------------------------------------------------------- */

/* A slab is (n,inner): n classes of inner rows. parts (inner,2): of each row the maximum and the logarithm of the sum;
 * g (inner): its gradient. EXPR of these and a logit x gives out (n,inner). */
typedef void slab_kernel(int64_t n, int64_t inner, const void *x, const void *parts, const void *g, void *out);

#define SLAB(NAME, T, EXPR)                                                                                            \
    FR_KERNEL(NAME, (int64_t n, int64_t inner, const void *px, const void *pp, const void *pg, void *po),              \
              (n, inner, px, pp, pg, po))                                                                              \
    {                                                                                                                  \
        const T *restrict xs = px, *restrict parts = pp, *restrict gs = pg;                                            \
        T *restrict out = po;                                                                                          \
        if (inner == 1) {                                                                                              \
            T top = parts[0], rest = parts[1], g = gs[0];                                                              \
            for (int64_t c = 0; c < n; c++) {                                                                          \
                T x = xs[c];                                                                                           \
                out[c] = EXPR;                                                                                         \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        for (int64_t c = 0; c < n; c++) {                                                                              \
            for (int64_t i = 0; i < inner; i++) {                                                                      \
                T x = xs[c * inner + i], top = parts[2 * i], rest = parts[2 * i + 1], g = gs[i];                       \
                out[c * inner + i] = EXPR;                                                                             \
            }                                                                                                          \
        }                                                                                                              \
    }

SLAB(softmax_f32, float, g *fr_exp_f32((x - top) - rest))
SLAB(softmax_f64, double, g *fr_exp_f64((x - top) - rest))
SLAB(surprise_f32, float, g *((top - x) + rest))
SLAB(surprise_f64, double, g *((top - x) + rest))

/* What is left to do for a slab (n,inner) of out, that of rows i and inner - 1 more. */
typedef void finish_slab(const fr_op_call *call, const fr_split *split, int64_t i, void *out);

typedef struct {
    const fr_op_call *call;
    slab_kernel *kernel;
    finish_slab *finish;
    fr_split split;
    int64_t size, per_tile;
    const char *x, *parts, *g;
    char *out;
} job;

static void run_tile(void *user, int64_t tile)
{
    const job *w = user;
    int64_t row = w->split.inner * w->size, slab = w->split.n * row, from = tile * w->per_tile, to = from + w->per_tile;

    for (int64_t i = from; i < to && i < w->split.outer; i++) {
        w->kernel(w->split.n, w->split.inner, w->x + i * slab, w->parts + i * 2 * row, w->g + i * row,
                  w->out + i * slab);
        w->finish(w->call, &w->split, i * w->split.inner, w->out + i * slab);
    }
}

static void run_slabs(const fr_op_call *call, slab_kernel *f32, slab_kernel *f64, finish_slab *finish, fr_tensor *out)
{
    enum { TILE = 1 << 14 }; /* values of a tile, about */
    const fr_tensor *x = call->in[0];
    fr_over over = fr_over_classes(&x->shape);
    job w = { .call = call,
              .finish = finish,
              .split = fr_split_of(&x->shape, &over),
              .size = (int64_t)fr_dtype_size((fr_dtype)x->dtype),
              .x = x->origin,
              .parts = call->result[1]->origin,
              .g = call->grad_out[0]->origin,
              .out = out->origin };

    if (x->numel == 0)
        return;
    w.kernel = x->dtype == FR_F32 ? f32 : f64;
    w.per_tile = 1 + TILE / (w.split.n * w.split.inner);
    fr_run_tiles((w.split.outer + w.per_tile - 1) / w.per_tile, run_tile, &w);
}

/* --- Forward and backward ---------------------------------------------------------------------------------------- */

static void forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];
    fr_tensor *l = call->result[0];
    fr_over over = fr_over_classes(&x->shape);
    fr_split split = fr_split_of(&x->shape, &over);

    if (l->numel == 0 || (call->in[1]->dtype == FR_I64 && !fr_check_classes(call, split.n)))
        return;
    if (!fr_log_sums("cross_entropy", (fr_dtype)x->dtype, split, x->origin, call->result[1]->origin)) {
        call->failed = true;
        return;
    }
    FR_DISPATCH_FLOAT(l, T, {
        for (int64_t i = 0; i < l->numel; i++) {
            const T *parts = (const T *)call->result[1]->origin + 2 * i;
            const T *xs = (const T *)x->origin + fr_first_class(&split, i);
            row_target t = target_of(call, &split, i);
            double sum = 0;

            for (int64_t k = t.from; k < t.to; k++)
                sum += (double)(SHARE_OF(T)(&t, k) * ((parts[0] - xs[k * t.inner]) + parts[1]));
            ((T *)l->origin)[i] = (T)sum;
        }
    })
}

/* dx = g softmax(x) so far, which counts as often as all classes together; from it goes what each one counts. */
static void finish_logits(const fr_op_call *call, const fr_split *split, int64_t i, void *out)
{
    FR_DISPATCH_FLOAT(call->in[0], T, {
        const T *gs = (const T *)call->grad_out[0]->origin + i;

        for (int64_t j = 0; j < split->inner; j++) {
            row_target t = target_of(call, split, i + j);
            T *d = (T *)out + j;
            double sum = 0;

            for (int64_t k = t.from; k < t.to; k++)
                sum += (double)SHARE_OF(T)(&t, k);
            if (sum != 1)
                for (int64_t k = 0; k < t.n; k++)
                    d[k * t.inner] = t.to > 0 ? d[k * t.inner] * (T)sum : 0;
            for (int64_t k = t.from; k < t.to; k++)
                d[k * t.inner] -= gs[j] * SHARE_OF(T)(&t, k);
        }
    })
}

/* dp = g times the surprise so far; what p makes of that is (1 - s) w. */
static void finish_probabilities(const fr_op_call *call, const fr_split *split, int64_t i, void *out)
{
    const fr_class_attributes *a = call->attributes;
    const fr_tensor *weight = call->inputs > 2 ? call->in[2] : NULL;

    (void)i;
    if (!weight && a->smoothing == 0)
        return;
    FR_DISPATCH_FLOAT(call->in[0], T, {
        for (int64_t k = 0; k < split->n; k++) {
            T factor = (T)(1 - a->smoothing) * (weight ? ((const T *)weight->origin)[k] : 1);

            for (int64_t j = 0; j < split->inner; j++)
                ((T *)out)[k * split->inner + j] *= factor;
        }
    })
}

static void backward_kernel(fr_op_call *call)
{
    if (call->needs[0])
        run_slabs(call, softmax_f32, softmax_f64, finish_logits, call->grad_in[0]);
    if (call->needs[1])
        run_slabs(call, surprise_f32, surprise_f64, finish_probabilities, call->grad_in[1]);
}

static void definition(fr_op_call *call)
{
    const fr_class_attributes *a = call->attributes;
    fr_tensor *x = call->in[0], *p = call->in[1];
    int dim = fr_over_classes(&x->shape).dim;
    fr_tensor *logs = fr_log_softmax(x, dim);

    if (p->dtype == FR_I64) {
        call->result[0] = fr_class_losses(call, logs);
        return;
    }
    if (a->smoothing > 0)
        p = fr_add_scalar(fr_mul_scalar(p, 1 - a->smoothing), a->smoothing / (double)fr_dim(x, dim));
    call->result[0] = fr_neg(fr_sum_dim(fr_mul(p, fr_weighted(call, logs)), dim, false));
}

FR_RUN(run, fr_cross_entropy(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_cross_entropy(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_cross_entropy(in[0], in[1], FR_NONE))
FR_RUN(run_classes, fr_cross_entropy(in[0], fr_cast(in[1], FR_I64), FR_MEAN))
FR_RUN(run_softmax, fr_cross_entropy(in[0], fr_softmax(in[1], 1), FR_MEAN))

#define WITH(...) fr_cross_entropy_with(in[0], in[1], &(fr_cross_entropy_options){ __VA_ARGS__ })
FR_RUN(run_plain, fr_cross_entropy_with(in[0], in[1], NULL))
FR_RUN(run_weight, WITH(.weight = fr_detach(in[2])))
FR_RUN(run_weight_none, WITH(.weight = fr_detach(in[2]), .reduction = FR_NONE))
FR_RUN(run_ignore, WITH(.ignore = true, .ignore_index = 1))
FR_RUN(run_ignore_beyond, fr_cross_entropy_with(in[0], fr_cast(in[1], FR_I64),
                                                &(fr_cross_entropy_options){ .ignore = true, .ignore_index = 255 }))
FR_RUN(run_smooth, WITH(.label_smoothing = 0.1))
FR_RUN(run_smooth_whole, WITH(.label_smoothing = 1, .reduction = FR_SUM))
FR_RUN(run_smooth_over, WITH(.label_smoothing = 1.5))
FR_RUN(run_all, WITH(.weight = fr_detach(in[2]), .label_smoothing = 0.2, .ignore = true))
FR_RUN(run_all_none, WITH(.weight = fr_detach(in[2]), .label_smoothing = 0.2, .ignore = true, .reduction = FR_NONE))
FR_RUN(run_smooth_weight, WITH(.weight = fr_detach(in[2]), .label_smoothing = 0.2))
FR_RUN(run_wanted, WITH(.weight = in[2]))

const fr_op fr_cross_entropy_op = {
    .name = "cross_entropy",
    .formula = "l = w[class] (log(sum(exp(x))) - x[class])",
    .shapes =
        "(N,C,*) (N,*) (C)? -> () or (N,*); (N,C,*) (N,C,*) (C)? -> () or (N,*); (C) () (C)? -> (); (C) (C) (C)? -> ()",
    .inputs = -1,
    .outputs = 2,
    .internal = 1,
    .saves_inputs = 7,
    .saves_outputs = 2,
    .attributes_size = sizeof(fr_class_attributes),
    .dtypes = FR_MIXED,
    .null_gradients = true,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    FR_CASES(
        { "mean", "n(5,3) i3(5)", "F.cross_entropy(a, b)", run },
        { "sum", "n(5,100) i100(5)", "F.cross_entropy(a, b, reduction='sum')", run_sum },
        { "none", "n(5,3) i3(5)", "F.cross_entropy(a, b, reduction='none')", run_none },
        { "places", "n(2,3,4,5) i3(2,4,5)", "F.cross_entropy(a, b)", run },
        { "one row", "n(7) i7()", "F.cross_entropy(a, b, reduction='none')", run_none },
        { "probabilities", "n(5,7) n(5,7)", "F.cross_entropy(a, b.softmax(1))", run_softmax },
        { "weights", "n(5,7) u(5,7)", "F.cross_entropy(a, b, reduction='none')", run_none },
        { "probabilities of places", "n(2,3,4) u(2,3,4)", "F.cross_entropy(a, b)", run },
        { "probabilities of one row", "n(3) u(3)", "F.cross_entropy(a, b)", run },
        { "large", "v10000,-10000,9999,-10000,-10001,-10000(2,3) i3(2)", "F.cross_entropy(a, b, reduction='none')",
          run_none },
        { "infinite", "v-inf,0,1,inf,0,1,nan,0,1(3,3) i3(3)", "F.cross_entropy(a, b, reduction='none')", run_none },
        { "no options", "n(5,3) i3(5)", "F.cross_entropy(a, b)", run_plain },
        { "weight", "n(5,3) i3(5) v0.5,1.25,2(3)", "F.cross_entropy(a, b, c.detach())", run_weight },
        { "weight of places", "n(2,3,4,5) i3(2,4,5) v0.5,1.25,2(3)",
          "F.cross_entropy(a, b, c.detach(), reduction='none')", run_weight_none },
        { "weight of probabilities", "n(5,3) u(5,3) v0.5,1.25,2(3)", "F.cross_entropy(a, b, c.detach())", run_weight },
        { "ignore", "n(9,3) i3(9)", "F.cross_entropy(a, b, ignore_index=1)", run_ignore },
        { "default ignored", "n(4,3) v-100,2,-100,0(4)", "F.cross_entropy(a, b.detach().long())", run_classes },
        { "ignored beyond", "n(4,3) v255,2,255,0(4)", "F.cross_entropy(a, b.detach().long(), ignore_index=255)",
          run_ignore_beyond },
        { "default not ignored",
          "n(2,3) v-100,255(2)",
          NULL,
          run_ignore_beyond,
          { "cross_entropy", "class -100 at 0" } },
        { "all ignored", "v0,1,2,3,4,5(2,3) v-100,-100(2)", "F.cross_entropy(a, b.detach().long())", run_classes },
        { "smoothing", "n(5,3) i3(5)", "F.cross_entropy(a, b, label_smoothing=0.1)", run_smooth },
        { "all smooth", "n(2,3,4) i3(2,4)", "F.cross_entropy(a, b, label_smoothing=1.0, reduction='sum')",
          run_smooth_whole },
        { "smoothed probabilities", "n(2,3,4) u(2,3,4)", "F.cross_entropy(a, b, label_smoothing=0.1)", run_smooth },
        { "smoothed, weighted probabilities", "n(2,3,4) u(2,3,4) v0.5,1.25,2(3)",
          "F.cross_entropy(a, b, c.detach(), label_smoothing=0.2)", run_smooth_weight },
        { "all options", "n(2,3,9) i3(2,9) v0.5,1.25,2(3)",
          "F.cross_entropy(a, b, c.detach(), ignore_index=0, label_smoothing=0.2)", run_all },
        { "all options, none", "n(9,3) i3(9) v0.5,1.25,2(3)",
          "F.cross_entropy(a, b, c.detach(), ignore_index=0, label_smoothing=0.2, reduction='none')", run_all_none },
        { "eight dims", "n(2,3,2,1,2,1,2,1) i3(2,2,1,2,1,2,1)", "F.cross_entropy(a, b, label_smoothing=0.1)",
          run_smooth },
        { "no rows", "n(0,3) i3(0)", "F.cross_entropy(a, b)", run },
        { "no places", "n(2,3,0) i3(2,0)", "F.cross_entropy(a, b, reduction='sum')", run_sum },
        { "class", "n(2,3) v1,3(2)", NULL, run_classes, { "cross_entropy", "class 3 at 1", "3 classes" } },
        { "shapes", "n(2,3) i3(3)", NULL, run, { "cross_entropy", "(2, 3)", "(3,)" } },
        { "logits", "i3(2,3) i3(2)", NULL, run, { "cross_entropy", "int64" } },
        { "weight's shape",
          "n(2,3) i3(2) u(2)",
          NULL,
          run_weight,
          { "cross_entropy", "weight (2,)", "expected (3,)" } },
        { "weight's gradient", "n(2,3) i3(2) u(3)", NULL, run_wanted, { "cross_entropy", "weight", "fr_detach" } },
        { "smoothing above 1",
          "n(2,3) i3(2)",
          NULL,
          run_smooth_over,
          { "cross_entropy", "label_smoothing is 1.5", "[0, 1]" } },
        { "ignored probabilities", "n(2,3) u(2,3)", NULL, run_ignore, { "cross_entropy", "ignore_index 1" } },
        { "scalar", "n() i1()", NULL, run, { "cross_entropy", "()" } }),
};

fr_tensor *fr_cross_entropy(fr_tensor *logits, fr_tensor *target, fr_reduction reduction)
{
    return fr_apply_loss("cross_entropy", &fr_cross_entropy_op, (fr_tensor *[3]){ logits, target },
                         &(fr_class_attributes){ .ignored = FR_IGNORED_CLASS },
                         &(fr_loss_how){ .reduction = reduction, .count = fr_count_rows });
}

fr_tensor *fr_cross_entropy_with(fr_tensor *logits, fr_tensor *target, const fr_cross_entropy_options *options)
{
    static const fr_cross_entropy_options defaults;
    const fr_cross_entropy_options *o = options ? options : &defaults;
    fr_class_attributes attributes = { .ignored = o->ignore ? o->ignore_index : FR_IGNORED_CLASS,
                                       .ignores = o->ignore,
                                       .smoothing = fr_option(o->label_smoothing, 0) };

    return fr_apply_loss(
        "cross_entropy_with", &fr_cross_entropy_op, (fr_tensor *[3]){ logits, target, o->weight }, &attributes,
        &(fr_loss_how){
            .reduction = o->reduction, .count = fr_count_rows, .reserved = o->reserved, .missing = !o->weight });
}
