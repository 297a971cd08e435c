/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The loops and the reduction of losses. */
#include "ops/loss/loss.h"

#include "core/threads.h"

/* --- Loops ------------------------------------------------------------------------------------------------------- */

enum { TILE = 1 << 14 };

bool fr_infer_loss(fr_op_call *call)
{
    const fr_tensor *x = call->in[0], *y = call->in[1];
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    call->out[0] = fr_meta_of(x);
    return fr_shape_equal(&x->shape, &y->shape) || fr_op_fail(call, "prediction %s, target %s: shapes must be equal",
                                                              fr_shape_text(&x->shape, a), fr_shape_text(&y->shape, b));
}

typedef struct {
    fr_loss_row *row;
    fr_loss_gradient_row *gradient;
    const char *g, *x, *y, *w;
    char *out;
    const double *attributes;
    int64_t n, size;
    atomic_bool invalid;
} job;

static void run_tile(void *user, int64_t tile)
{
    job *w = user;
    int64_t from = tile * TILE, n = w->n - from < TILE ? w->n - from : TILE, at = from * w->size;
    int invalid = 0;

    if (w->gradient)
        w->gradient(n, w->g + at, w->x + at, w->y + at, w->w + at, w->out + at, w->attributes);
    else
        w->row(n, w->x + at, w->y + at, w->w + at, w->out + at, w->attributes, &invalid);
    if (invalid)
        atomic_store_explicit(&w->invalid, true, memory_order_relaxed);
}

static void run_job(job *w, const fr_op_call *call)
{
    static const double none[2];

    w->x = call->in[0]->origin;
    w->y = call->in[1]->origin;
    w->w = call->inputs > 2 ? call->in[2]->origin : w->x; /* read, if not used */
    w->attributes = call->attributes ? call->attributes : none;
    w->n = call->in[0]->numel;
    w->size = (int64_t)fr_dtype_size((fr_dtype)call->in[0]->dtype);
    fr_run_tiles((w->n + TILE - 1) / TILE, run_tile, w);
}

bool fr_loss_forward(fr_op_call *call, fr_loss_row *f32, fr_loss_row *f64)
{
    job w = { .row = call->in[0]->dtype == FR_F32 ? f32 : f64, .out = call->result[0]->origin };

    run_job(&w, call);
    return !w.invalid;
}

void fr_loss_gradient(fr_op_call *call, int which, fr_loss_gradient_row *f32, fr_loss_gradient_row *f64)
{
    job w = { .gradient = call->in[0]->dtype == FR_F32 ? f32 : f64, .g = call->grad_out[0]->origin };

    if (!call->needs[which])
        return;
    w.out = call->grad_in[which]->origin;
    run_job(&w, call);
}

/* --- The public functions ---------------------------------------------------------------------------------------- */

/* A weight, expanded to the shape of x where that is there. */
static fr_tensor *spread(const char *what, const char *name, fr_tensor *weight, const fr_tensor *x)
{
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (!weight || !x)
        return weight;
    if (weight->dtype != x->dtype)
        return fr_fail(what, "%s is %s, the prediction %s: use fr_cast", name, fr_dtype_name((fr_dtype)weight->dtype),
                       fr_dtype_name((fr_dtype)x->dtype));
    if (!fr_shape_broadcasts_to(&weight->shape, &x->shape))
        return fr_fail(what, "%s %s does not broadcast to %s", name, fr_shape_text(&weight->shape, a),
                       fr_shape_text(&x->shape, b));
    return fr_expand(weight, x->shape);
}

static bool check(const char *what, const fr_loss_how *how)
{
    if (how->reserved && !fr_check_reserved(what, how->reserved))
        return false;
    if (how->missing && fr_failed_before(fr_thread_self()))
        return false;
    if ((unsigned)how->reduction > (how->batch_mean ? FR_BATCHMEAN : FR_NONE))
        return fr_fail(what, "reduction %d is none of FR_MEAN, FR_SUM, FR_NONE%s", (int)how->reduction,
                       how->batch_mean ? ", FR_BATCHMEAN" : "");
    return true;
}

/* The values l, weighted, reduced; in and attributes are the op's. */
static fr_tensor *reduce(const char *what, const fr_loss_how *how, fr_tensor *l, fr_tensor *const *in, int n,
                         const void *attributes)
{
    fr_tensor *weight = spread(what, "weight", how->weight, l);

    if (how->weight)
        l = fr_mul(l, weight);
    if (!l || how->reduction == FR_NONE)
        return l;
    if (how->reduction == FR_MEAN && !how->count && !(weight && how->over_weights))
        return fr_mean(l);

    fr_tensor *sum = fr_sum(l);

    if (how->reduction == FR_MEAN)
        return how->count ? fr_div_scalar(sum, how->count(in, n, attributes)) : fr_div(sum, fr_sum(weight));
    return how->reduction == FR_BATCHMEAN && l->shape.ndim > 0 ? fr_div_scalar(sum, (double)l->shape.dim[0]) : sum;
}

fr_tensor *fr_apply_loss(const char *what, const fr_op *op, fr_tensor *const in[3], const void *attributes,
                         const fr_loss_how *how)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int scope = fr_scope_begin();
    fr_tensor *results[2], *loss = NULL; /* a second result is for backward */

    if (scope >= 0 && check(what, how)) {
        fr_tensor *third = how->pos_weight ? spread(what, "pos_weight", how->pos_weight, in[0]) : in[2];
        fr_tensor *given[] = { in[0], in[1], third };
        int n = op->inputs < 0 && (third || how->pos_weight) ? 3 : 2;

        if (fr_apply_n(op, given, n, attributes, results))
            loss = reduce(what, how, results[0], given, n, attributes);
    }
    loss = fr_escape(loss);
    fr_scope_end(scope);
    fr_finish(th, before);
    return loss;
}
