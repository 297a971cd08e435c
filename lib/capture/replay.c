/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Runs the instructions of a replay. */
#include "capture/capture.h"

#include "core/threads.h"
#include "kernels/accumulate.h"

#include <frond/op.h>
#include <stdlib.h>

/* --- Groups ------------------------------------------------------------------------------------------------------- */

enum { TILE = 1 << 15 }; /* values */

FR_INLINE char *at(const fr_operand *o, char *scratch, int64_t i)
{
    return o->base ? o->base + i * o->step : scratch + o->scratch;
}

/* n values from number i on. */
FR_INLINE void run_row(const fr_fused *f, char *scratch, int64_t i, int64_t n)
{
    char *a = at(&f->a, scratch, i), *y = at(&f->y, scratch, i);

    if (f->rows.binary)
        f->rows.binary(n, a, f->a.step != 0, at(&f->b, scratch, i), f->b.step != 0, y);
    else if (f->rows.gradient)
        f->rows.gradient(n, a, at(&f->b, scratch, i), at(&f->c, scratch, i), y, f->rows.attributes);
    else if (f->rows.unary)
        f->rows.unary(n, a, y, f->rows.attributes);
    else
        fr_accumulate(f->dtype, n, y, a);
}

static void run_blocks(const fr_instruction *in, char *scratch, int64_t from, int64_t to)
{
    const fr_fused *steps = in->block;

    for (int64_t i = from; i < to; i += FR_FUSED_BLOCK)
        for (int64_t k = 0; k < in->count; k++)
            run_row(&steps[k], scratch, i, to - i < FR_FUSED_BLOCK ? to - i : FR_FUSED_BLOCK);
}

static void run_tile(void *user, int64_t tile)
{
    const fr_instruction *in = user;
    int64_t from = tile * TILE, to = from + TILE < in->numel ? from + TILE : in->numel;
    char scratch[FR_GROUP_SCRATCH] __attribute__((aligned(64)));

    run_blocks(in, scratch, from, to);
}

static bool run_group(fr_instruction *in)
{
    fr_run_tiles((in->numel + TILE - 1) / TILE, run_tile, in);
    return true;
}

/* --- Steps by themselves ------------------------------------------------------------------------------------------ */

/* infer looks at values, which may be other ones than when the function was captured. What is for backward alone may
 * become smaller. */
static bool infer_again(fr_op_call *call)
{
    char now[FR_SHAPE_TEXT], before[FR_SHAPE_TEXT];

    if (!call->op->infer(call) || call->failed)
        return false;
    for (int i = 0; i < call->outputs; i++) {
        const fr_shape *shape = &call->out[i].shape, *made = &call->result[i]->shape;
        bool internal = i >= call->outputs - call->op->internal;

        if (!fr_shape_equal(shape, made) && !(internal && fr_shape_numel(shape) <= call->result[i]->numel))
            return fr_op_fail(call, "for these values its result has shape %s, but %s when it was captured",
                              fr_shape_text(shape, now), fr_shape_text(made, before));
    }
    return true;
}

static bool run_call(fr_instruction *in)
{
    fr_op_call *call = &in->call;

    call->failed = false;
    if (in->kind == FR_RUN_BACKWARD) {
        call->op->backward_kernel(call);
        return !call->failed;
    }
    if (in->infer && !infer_again(call))
        return false;
    call->op->forward(call);
    return !call->failed;
}

static bool run_instruction(fr_instruction *in)
{
    switch (in->kind) {
    case FR_RUN_FORWARD:
    case FR_RUN_BACKWARD:
        return run_call(in);
    case FR_RUN_ACTION:
        return in->step->action.run(&in->step->action);
    case FR_RUN_FUSED:
        return run_group(in);
    }
    return false;
}

/* --- Checking the plan -------------------------------------------------------------------------------------------- */

/* With FROND_CHECK: what lies in the arena and was used for the last time from step `from` to before step `to` is
 * filled with NaN. Where the plan gives memory away too early, the result shows it. */
static void spoil(const fr_replay *r, size_t from, size_t to)
{
    for (size_t i = 0; i < r->store_count; i++) {
        const fr_store *s = &r->stores[i];

        if (s->group == SIZE_MAX && s->offset >= 0 && s->last >= from && s->last < to)
            memset(r->arena->origin + s->offset, 0xff, (size_t)s->bytes);
    }
}

static void spoil_after(const fr_replay *r, size_t i)
{
    const fr_step *steps = r->trace.steps;

    spoil(r, (size_t)(r->instructions[i].step - steps),
          i + 1 < r->count ? (size_t)(r->instructions[i + 1].step - steps) : r->trace.count);
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

/* A gradient that a leaf still has from the last replay is added to, and so must not lie where the replay writes. */
static bool keep_gradients(const fr_replay *r)
{
    for (size_t i = 0; i < r->sum_count; i++) {
        const fr_action *a = &r->trace.steps[r->sums[i].step].action;
        fr_tensor *copy;

        if (r->sums[i].own)
            fr_assign(&a->leaf->grad, NULL);
        if (!a->leaf->grad || a->leaf->grad->storage != a->from->storage)
            continue;
        copy = fr_tensor_copy("captured_run", a->leaf->grad);
        if (!copy)
            return false;
        fr_assign(&a->leaf->grad, copy);
        fr_unref(copy);
    }
    return true;
}

bool fr_replay_run(fr_thread *th, fr_replay *r, fr_tensor *const *xs)
{
    fr_site here = th->sites.current;
    fr_module_path *path = th->module_path;
    bool no_grad = th->mode.no_grad, ok = keep_gradients(r);

    for (int i = 0; i < r->n && ok; i++)
        fr_copy_values(r->xs[i], xs[i]);
    th->mode.no_grad = true;
    if (fr_checking())
        memset(r->arena->origin, 0xff, r->arena->storage->bytes);
    for (size_t i = 0; i < r->count && ok; i++) {
        th->sites.current = r->instructions[i].step->site; /* for errors, as is the module */
        th->module_path = r->instructions[i].step->module_path;
        ok = run_instruction(&r->instructions[i]);
        if (fr_checking())
            spoil_after(r, i);
    }
    th->mode.no_grad = no_grad;
    th->sites.current = here;
    th->module_path = path;
    return ok;
}

void fr_replay_free(fr_replay *r)
{
    for (int i = 0; r->xs && i < r->n; i++)
        fr_unref(r->xs[i]);
    for (size_t i = 0; i < r->count; i++)
        free(r->instructions[i].block);
    free(r->xs);
    free(r->info);
    free(r->stores);
    free(r->tensors);
    free(r->instructions);
    free(r->sums);
    fr_table_free(&r->by_storage);
    fr_unref(r->y);
    fr_trace_free(&r->trace);
    fr_unref(r->arena);
    free(r);
}
