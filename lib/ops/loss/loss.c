/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The loop of pointwise losses, and the reduction of all. */
#include "ops/loss/loss.h"

#include "core/row.h"
#include "core/threads.h"

/* --- Pointwise losses -------------------------------------------------------------------------------------------- */

enum { TILE = 1 << 14, SHORT = 1 << 9 }; /* values */

bool fr_infer_loss(fr_op_call *call)
{
    const fr_tensor *x = call->in[0], *y = call->in[1];
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    call->out[0] = fr_meta_of(x);
    return fr_shape_equal(&x->shape, &y->shape) || fr_op_fail(call, "prediction %s, target %s: shapes must be equal",
                                                              fr_shape_text(&x->shape, a), fr_shape_text(&y->shape, b));
}

/* Losses, or with backward gradients, of n values of size bytes. */
typedef struct {
    const fr_loss_kernels *kernels;
    int input;         /* whose gradient it is; -1: forward */
    bool one_gradient; /* dl is one number, as it is from a mean or sum */
    const char *dl, *x, *y, *w;
    char *out;
    const double *attributes;
    int64_t n, size;
    atomic_bool invalid;
} job;

/* Gradients of n values from `at` bytes on. A short row of one gradient serves for all: written for each value, and
 * read again, it is a third of what mse moves. */
static void run_backward(const job *j, int64_t n, int64_t at)
{
    int64_t step = j->one_gradient ? SHORT : n;
    char row[SHORT * sizeof(double)] __attribute__((aligned(64)));

    if (j->one_gradient)
        fr_fill_row(row, j->dl, (size_t)j->size, (size_t)fr_least(n, SHORT));
    for (; n > 0; n -= step, at += step * j->size)
        j->kernels->backward[j->input](fr_least(n, step), j->one_gradient ? row : j->dl + at, j->x + at, j->y + at,
                                       j->w + at, j->out + at, j->attributes);
}

static void run_tile(void *user, int64_t tile)
{
    job *j = user;
    const fr_loss_kernels *k = j->kernels;
    int64_t from = tile * TILE, n = fr_least(j->n - from, TILE), at = from * j->size;

    if (j->input >= 0)
        run_backward(j, n, at);
    else if (!k->forward(n, j->x + at, j->y + at, j->w + at, j->out + at, j->attributes))
        atomic_store_explicit(&j->invalid, true, memory_order_relaxed);
}

static void run_job(job *j, const fr_op_call *call)
{
    static const double none[2];

    j->x = call->in[0]->origin;
    j->y = call->in[1]->origin;
    j->w = call->inputs > 2 ? call->in[2]->origin : j->x; /* kernels read it, even if they do not use it */
    j->attributes = call->attributes ? call->attributes : none;
    j->n = call->in[0]->numel;
    j->size = (int64_t)fr_dtype_size((fr_dtype)call->in[0]->dtype);
    fr_run_tiles((j->n + TILE - 1) / TILE, run_tile, j);
}

bool fr_loss_forward(fr_op_call *call, fr_loss_kernels_of *kernels)
{
    job j = { .kernels = kernels((fr_dtype)call->in[0]->dtype), .input = -1, .out = call->result[0]->origin };

    run_job(&j, call);
    return !j.invalid;
}

void fr_loss_backward(fr_op_call *call, fr_loss_kernels_of *kernels)
{
    for (int i = 0; i < call->inputs; i++) {
        const fr_tensor *dl = call->grad_out[0];
        job j = { .kernels = kernels((fr_dtype)call->in[0]->dtype),
                  .input = i,
                  .one_gradient = !dl->contiguous,
                  .dl = dl->origin };

        if (!call->needs[i])
            continue;
        j.out = call->grad_in[i]->origin;
        run_job(&j, call);
    }
}

/* --- The public functions ---------------------------------------------------------------------------------------- */

/* weight, expanded to the shape of x; either may be NULL. */
static fr_tensor *expand_weight(const char *what, const char *name, fr_tensor *weight, const fr_tensor *x)
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

static bool check(const char *what, const fr_loss_options *options)
{
    if (options->reserved && !fr_check_reserved(what, options->reserved))
        return false;
    if (options->missing && fr_failed_before(fr_thread_self()))
        return false;
    if ((unsigned)options->reduction > (options->batch_mean ? FR_BATCHMEAN : FR_NONE))
        return fr_fail(what, "reduction %d is none of FR_MEAN, FR_SUM, FR_NONE%s", (int)options->reduction,
                       options->batch_mean ? ", FR_BATCHMEAN" : "");
    return true;
}

/* The losses l, weighted and reduced; n, in and attributes are the op's. */
static fr_tensor *reduce(const char *what, const fr_loss_options *options, fr_tensor *l, fr_tensor *const *in, int n,
                         const void *attributes)
{
    fr_tensor *weight = expand_weight(what, "weight", options->weight, l);

    if (options->weight)
        l = fr_mul(l, weight);
    if (!l || options->reduction == FR_NONE)
        return l;
    if (options->reduction == FR_MEAN && !options->divide && !(weight && options->over_weights))
        return fr_mean(l);

    fr_tensor *sum = fr_sum(l);

    if (options->reduction == FR_MEAN)
        return options->divide ? options->divide(sum, in, n, attributes) : fr_div(sum, fr_sum(weight));
    return options->reduction == FR_BATCHMEAN && l->shape.ndim > 0 ? fr_div_scalar(sum, (double)l->shape.dim[0]) : sum;
}

fr_tensor *fr_apply_loss(const char *what, const fr_op *op, fr_tensor *const in[3], const void *attributes,
                         const fr_loss_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int scope = fr_scope_begin();
    fr_tensor *results[2], *loss = NULL; /* a second result is saved for backward alone */

    if (scope >= 0 && check(what, options)) {
        fr_tensor *third = options->pos_weight ? expand_weight(what, "pos_weight", options->pos_weight, in[0]) : in[2];
        fr_tensor *given[] = { in[0], in[1], third };
        int n = op->inputs < 0 && (third || options->pos_weight) ? 3 : 2;

        if (fr_apply_n(op, given, n, attributes, results))
            loss = reduce(what, options, results[0], given, n, attributes);
    }
    loss = fr_escape(loss);
    fr_scope_end(scope);
    fr_finish(th, before);
    return loss;
}

bool fr_check_loss_inputs(const char *what, const fr_tensor *x, const char *x_name, const fr_tensor *y,
                          const char *y_name)
{
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (!fr_check_argument(what, x, x_name) || !fr_check_argument(what, y, y_name))
        return false;
    return fr_shape_equal(&x->shape, &y->shape) ||
           fr_fail(what, "%s %s, %s %s: shapes must be equal", x_name, fr_shape_text(&x->shape, a), y_name,
                   fr_shape_text(&y->shape, b));
}

fr_tensor *fr_reduce_losses(const char *what, fr_tensor *l, fr_reduction reduction, void *const *reserved)
{
    const fr_loss_options options = { .reduction = reduction, .reserved = reserved };

    return l && check(what, &options) ? reduce(what, &options, l, NULL, 0, NULL) : NULL;
}
