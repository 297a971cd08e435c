/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The loops and the reduction of losses. */
#include "ops/loss.h"

#include "core/threads.h"

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
    const char *g, *x, *y;
    char *out;
    int64_t n, size;
    atomic_bool invalid;
} job;

static void run_tile(void *user, int64_t tile)
{
    job *w = user;
    int64_t from = tile * TILE, n = w->n - from < TILE ? w->n - from : TILE, at = from * w->size;

    if (w->gradient)
        w->gradient(n, w->g + at, w->x + at, w->y + at, w->out + at);
    else if (!w->row(n, w->x + at, w->y + at, w->out + at))
        atomic_store_explicit(&w->invalid, true, memory_order_relaxed);
}

static void run_job(job *w, const fr_op_call *call)
{
    w->x = call->in[0]->origin;
    w->y = call->in[1]->origin;
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

fr_tensor *fr_apply_loss(const fr_op *op, fr_tensor *x, fr_tensor *y, fr_reduction reduction)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    int scope = fr_scope_begin();
    fr_tensor *results[2], *loss = NULL; /* a second result is for backward */

    if ((unsigned)reduction > FR_NONE)
        fr_fail(op->name, "reduction %d is none of FR_MEAN, FR_SUM, FR_NONE", (int)reduction);
    else if (scope >= 0 && fr_apply_n(op, (fr_tensor *[]){ x, y }, 2, NULL, results))
        loss = reduction == FR_NONE ? results[0] : reduction == FR_SUM ? fr_sum(results[0]) : fr_mean(results[0]);
    loss = fr_escape(loss);
    fr_scope_end(scope);
    fr_finish(th, before);
    return loss;
}
