/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cross_entropy: l = log(sum(exp(x))) - x[class] over the classes of logits (B,C), (B,C,...) or (C); or, for target
 * probabilities p, sum(p (log(sum(exp(x))) - x)). A second result (...,2) keeps what fr_log_sums gives for backward. */
#include "core/threads.h"
#include "ops/logsumexp.h"
#include "ops/loss.h"

#include <frond/autograd.h>

static fr_over over_classes(const fr_shape *logits)
{
    return (fr_over){ .dim = logits->ndim > 1 ? 1 : 0 };
}

static bool infer(fr_op_call *call)
{
    const fr_tensor *x = call->in[0], *target = call->in[1];
    bool classes = target->dtype == FR_I64;
    fr_over over = over_classes(&x->shape);
    fr_shape rows = fr_reduced_shape(&x->shape, &over);
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT], c[FR_SHAPE_TEXT];

    if (x->dtype == FR_I64)
        return fr_op_fail(call, "logits are int64, expected float32 or float64");
    if (!classes && target->dtype != x->dtype)
        return fr_op_fail(call, "logits are %s, probabilities %s: use fr_cast", fr_dtype_name((fr_dtype)x->dtype),
                          fr_dtype_name((fr_dtype)target->dtype));
    if (x->shape.ndim < 1 || !fr_shape_equal(&target->shape, classes ? &rows : &x->shape))
        return fr_op_fail(call,
                          "logits %s, target %s, %s: expected classes %s, int64, or probabilities of the logits' shape",
                          fr_shape_text(&x->shape, a), fr_shape_text(&target->shape, b),
                          fr_dtype_name((fr_dtype)target->dtype), fr_shape_text(&rows, c));
    call->out[0] = (fr_meta){ .shape = rows, .dtype = (fr_dtype)x->dtype };
    call->out[1] = call->out[0];
    call->out[1].shape.dim[call->out[1].shape.ndim++] = 2;
    return true;
}

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

typedef struct {
    slab_kernel *kernel;
    fr_split split;
    int64_t size, per_tile;
    const char *x, *parts, *g;
    char *out;
} job;

static void run_tile(void *user, int64_t tile)
{
    const job *w = user;
    int64_t row = w->split.inner * w->size, slab = w->split.n * row, from = tile * w->per_tile, to = from + w->per_tile;

    for (int64_t i = from; i < to && i < w->split.outer; i++)
        w->kernel(w->split.n, w->split.inner, w->x + i * slab, w->parts + i * 2 * row, w->g + i * row,
                  w->out + i * slab);
}

static void run_slabs(const fr_op_call *call, slab_kernel *f32, slab_kernel *f64, fr_tensor *out)
{
    enum { TILE = 1 << 14 }; /* values of a tile, about */
    const fr_tensor *x = call->in[0];
    fr_over over = over_classes(&x->shape);
    job w = { .split = fr_split_of(&x->shape, &over),
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

/* Where row i's first class lies; the next are inner further on. */
static int64_t first_class(const fr_split *split, int64_t i)
{
    return i / split->inner * split->n * split->inner + i % split->inner;
}

static void lose_classes(fr_op_call *call, const fr_split *split)
{
    const int64_t *class = (const int64_t *)call->in[1]->origin;
    fr_tensor *l = call->result[0];
    char text[FR_SHAPE_TEXT];

    for (int64_t i = 0; i < l->numel; i++) {
        if (class[i] < 0 || class[i] >= split->n) {
            fr_op_fail(call, "class %lld at %lld of the target is out of range: logits %s have %lld classes",
                       (long long)class[i], (long long)i, fr_shape_text(&call->in[0]->shape, text),
                       (long long)split -> n);
            return;
        }
        FR_DISPATCH_FLOAT(l, T, {
            const T *parts = (const T *)call->result[1]->origin + 2 * i;
            T x = ((const T *)call->in[0]->origin)[first_class(split, i) + class[i] * split -> inner];

            ((T *)l->origin)[i] = (parts[0] - x) + parts[1];
        })
    }
}

static void lose_probabilities(fr_op_call *call, const fr_split *split)
{
    fr_tensor *l = call->result[0];

    FR_DISPATCH_FLOAT(l, T, {
        for (int64_t i = 0; i < l->numel; i++) {
            const T *parts = (const T *)call->result[1]->origin + 2 * i;
            const T *x = (const T *)call->in[0]->origin + first_class(split, i);
            const T *p = (const T *)call->in[1]->origin + first_class(split, i);
            double sum = 0;

            for (int64_t c = 0; c < split->n * split->inner; c += split->inner)
                sum += (double)(p[c] * ((parts[0] - x[c]) + parts[1]));
            ((T *)l->origin)[i] = (T)sum;
        }
    })
}

static void forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];
    fr_over over = over_classes(&x->shape);
    fr_split split = fr_split_of(&x->shape, &over);

    if (call->result[0]->numel == 0)
        return;
    if (!fr_log_sums("cross_entropy", (fr_dtype)x->dtype, split, x->origin, call->result[1]->origin))
        call->failed = true;
    else if (call->in[1]->dtype == FR_I64)
        lose_classes(call, &split);
    else
        lose_probabilities(call, &split);
}

/* dx = g softmax(x): g at the class, or g p of all, is still to be taken off, and softmax counts sum(p) times. */
static void take_off_target(const fr_op_call *call, fr_tensor *dx)
{
    fr_over over = over_classes(&dx->shape);
    fr_split split = fr_split_of(&dx->shape, &over);
    bool classes = call->in[1]->dtype == FR_I64;

    FR_DISPATCH_FLOAT(dx, T, {
        const T *g = (const T *)call->grad_out[0]->origin;

        for (int64_t i = 0; dx->numel > 0 && i < split.outer * split.inner; i++) {
            int64_t first = first_class(&split, i), end = split.n * split.inner;
            T *d = (T *)dx->origin + first;
            double sum = 0;

            if (classes) {
                d[((const int64_t *)call->in[1]->origin)[i] * split.inner] -= g[i];
                continue;
            }
            const T *p = (const T *)call->in[1]->origin + first;

            for (int64_t c = 0; c < end; c += split.inner)
                sum += (double)p[c];
            for (int64_t c = 0; c < end; c += split.inner)
                d[c] = d[c] * (T)sum - g[i] * p[c];
        }
    })
}

static void backward_kernel(fr_op_call *call)
{
    if (call->needs[0]) {
        run_slabs(call, softmax_f32, softmax_f64, call->grad_in[0]);
        take_off_target(call, call->grad_in[0]);
    }
    if (call->needs[1])
        run_slabs(call, surprise_f32, surprise_f64, call->grad_in[1]);
}

static void definition(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *target = call->in[1];
    int dim = over_classes(&x->shape).dim;
    fr_tensor *logs = fr_log_softmax(x, dim);

    if (target->dtype == FR_I64)
        call->result[0] = fr_neg(fr_squeeze(fr_gather(logs, dim, fr_unsqueeze(target, dim)), dim));
    else
        call->result[0] = fr_neg(fr_sum_dim(fr_mul(target, logs), dim, false));
}

FR_RUN(run, fr_cross_entropy(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_cross_entropy(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_cross_entropy(in[0], in[1], FR_NONE))
FR_RUN(run_classes, fr_cross_entropy(in[0], fr_cast(in[1], FR_I64), FR_MEAN))
FR_RUN(run_softmax, fr_cross_entropy(in[0], fr_softmax(in[1], 1), FR_MEAN))

const fr_op fr_cross_entropy_op = {
    .name = "cross_entropy",
    .formula = "l = log(sum(exp(x))) - x[class]",
    .inputs = 2,
    .outputs = 2,
    .internal = 1,
    .saves_inputs = 3,
    .saves_outputs = 2,
    .dtypes = FR_MIXED,
    .null_gradients = true,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    FR_CASES({ "mean", "n(5,3) i3(5)", "F.cross_entropy(a, b)", run },
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
             { "no rows", "n(0,3) i3(0)", "F.cross_entropy(a, b)", run },
             { "no places", "n(2,3,0) i3(2,0)", "F.cross_entropy(a, b, reduction='sum')", run_sum },
             { "class", "n(2,3) v1,3(2)", NULL, run_classes, { "cross_entropy", "class 3 at 1", "3 classes" } },
             { "shapes", "n(2,3) i3(3)", NULL, run, { "cross_entropy", "(2, 3)", "(3,)" } },
             { "logits", "i3(2,3) i3(2)", NULL, run, { "cross_entropy", "int64" } },
             { "scalar", "n() i1()", NULL, run, { "cross_entropy", "()" } }),
};

fr_tensor *fr_cross_entropy(fr_tensor *logits, fr_tensor *target, fr_reduction reduction)
{
    return fr_apply_loss(&fr_cross_entropy_op, logits, target, reduction);
}
