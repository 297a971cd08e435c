/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Runs a function once, traced, and finds out which memory belongs to the trace alone. */
#include "capture/capture.h"

#include <stdint.h>
#include <stdlib.h>

/* --- Running it --------------------------------------------------------------------------------------------------- */

static bool copy_inputs(fr_replay *r, fr_tensor *const *xs)
{
    r->xs = calloc((size_t)r->n + 1, sizeof *r->xs);
    if (!r->xs)
        return fr_fail_memory("captured_run");
    for (int i = 0; i < r->n; i++)
        if (!(r->xs[i] = fr_tensor_copy("captured_run", xs[i])))
            return false;
    return true;
}

/* While the user's function runs, errors are reported where they happen, as in fr_forward. */
static bool run_function(fr_thread *th, fr_replay *r, fr_function *f, void *user)
{
    int scope = fr_scope_begin();
    unsigned failures = th->errors.failures;
    bool ok, refused;

    if (scope < 0)
        return false;
    fr_trace_begin_all(th, &r->trace);
    fr_report_errors(th);
    r->y = fr_ref(f(r->xs, user));
    fr_defer_errors(th);
    ok = fr_trace_stop(th, "captured_run", &r->trace);
    refused = r->trace.recorder.refused;
    if (ok && !r->y && !fr_failed_before(th))
        fr_fail("captured_run", "the function gave NULL");
    else if (refused && !th->errors.has_message)
        fr_fail("captured_run", "the function did what cannot be captured, and cleared the error");
    fr_scope_end(scope);
    /* a failure that the function has cleared is its own affair */
    return ok && r->y && !refused && (th->errors.failures == failures || !th->errors.has_message);
}

static void drop_node(const fr_table *made, fr_tensor *t)
{
    fr_producer *p = t ? t->producer : NULL;

    if (!p || !fr_table_find(made, p))
        return;
    t->producer = NULL;
    if (fr_refcount_drop(&p->refs))
        p->release(p);
}

/* What the function leaves behind has no history: its nodes would keep all that was saved for backward. Inputs have
 * nodes too that were made here, where a backward in ops reads a result that was saved. */
static bool drop_history(const fr_trace *t)
{
    fr_table made = { 0 };
    bool ok = true;

    for (size_t i = 0; i < t->count && ok; i++)
        for (int k = 0; k < t->steps[i].outputs && ok && t->steps[i].op; k++) {
            fr_tensor *out = t->steps[i].out[k];

            ok = !out || !out->producer || fr_table_find(&made, out->producer) ||
                 fr_table_put(&made, out->producer, out);
        }
    for (size_t i = 0; i < t->count && ok; i++) {
        for (int k = 0; k < t->steps[i].inputs; k++)
            drop_node(&made, t->steps[i].in[k]);
        for (int k = 0; k < t->steps[i].outputs; k++)
            drop_node(&made, t->steps[i].out[k]);
    }
    fr_table_free(&made);
    return ok || fr_fail_memory("captured_run");
}

/* --- Copies that apply made --------------------------------------------------------------------------------------- */

/* A step that copies input k of s into a contiguous tensor, which takes its place. */
static bool copy_step(fr_step *s, int k, fr_step *copy)
{
    fr_tensor *from = s->in[k], *into = fr_tensor_alloc("captured_run", &from->shape, (fr_dtype)from->dtype);

    *copy = (fr_step){ .action = { .run = fr_copy_action, .into = into, .from = from, .pure = true },
                       .site = s->site,
                       .inputs = 1,
                       .outputs = 1,
                       .in = calloc(1, sizeof *copy->in),
                       .out = calloc(1, sizeof *copy->out) };
    if (!into || !copy->in || !copy->out) {
        free(copy->in);
        free(copy->out);
        fr_unref(into);
        return fr_fail_memory("captured_run");
    }
    copy->in[0] = from;
    copy->out[0] = fr_ref(into);
    s->in[k] = into;
    fr_copy_values(into, from);
    return true;
}

/* Most ops run on contiguous inputs, and apply copies others. A trace does not tell of that: here each copy becomes a
 * step. */
static bool insert_copies(fr_trace *t)
{
    fr_trace all = { 0 };
    bool ok = true;

    for (size_t i = 0; i < t->count && ok; i++) {
        fr_step *s = &t->steps[i];
        bool as_given = !s->op || s->backward || s->op->strided || s->op->view;

        for (int k = 0; k < s->inputs && ok && !as_given; k++) {
            if (!s->in[k] || s->in[k]->contiguous)
                continue;
            ok = fr_make_room(&all.steps, sizeof *all.steps, all.count, &all.capacity) &&
                 copy_step(s, k, &all.steps[all.count]);
            all.count += ok;
        }
        ok = ok && fr_make_room(&all.steps, sizeof *all.steps, all.count, &all.capacity);
        if (ok) {
            all.steps[all.count++] = *s;
            *s = (fr_step){ 0 };
        }
    }
    if (!ok) {
        fr_trace_free(&all);
        return fr_fail_memory("captured_run");
    }
    free(t->steps);
    t->steps = all.steps;
    t->count = all.count;
    t->capacity = all.capacity;
    return true;
}

/* --- Stores ------------------------------------------------------------------------------------------------------- */

fr_store *fr_store_of(const fr_replay *r, const fr_tensor *t)
{
    return &r->stores[(uintptr_t)fr_table_find(&r->by_storage, t->storage) - 1];
}

void fr_step_visit(fr_replay *r, size_t step, fr_visit *visit)
{
    const fr_step *s = &r->trace.steps[step];

    for (int i = 0; i < s->inputs; i++)
        if (s->in[i] && (s->op || s->in[i] == s->action.from))
            visit(r, step, s->in[i], false);
    for (int i = 0; i < s->outputs; i++)
        if (s->out[i])
            visit(r, step, s->out[i], true);
}

static bool add_store(fr_replay *r, const fr_tensor *t)
{
    if (fr_table_find(&r->by_storage, t->storage))
        return true;
    if (!fr_make_room(&r->stores, sizeof *r->stores, r->store_count, &r->store_capacity) ||
        !fr_table_put(&r->by_storage, t->storage, (void *)(uintptr_t)(r->store_count + 1)))
        return fr_fail_memory("captured_run");
    r->stores[r->store_count++] =
        (fr_store){ .storage = t->storage, .bytes = (int64_t)t->storage->bytes, .first = SIZE_MAX, .group = SIZE_MAX };
    return true;
}

/* Calls visit for all tensors that the trace and r hold, once for each reference. */
static bool for_all_references(fr_replay *r, bool (*visit)(fr_replay *r, fr_tensor *t, void *user), void *user)
{
    bool ok = visit(r, r->y, user);

    for (int i = 0; i < r->n && ok; i++)
        ok = visit(r, r->xs[i], user);
    for (size_t i = 0; i < r->trace.count && ok; i++) {
        const fr_step *s = &r->trace.steps[i];

        for (int k = 0; k < s->inputs && ok; k++)
            ok = !s->in[k] || visit(r, s->in[k], user);
        for (int k = 0; k < s->outputs && ok; k++)
            ok = !s->out[k] || visit(r, s->out[k], user);
    }
    return ok;
}

static bool add_tensor(fr_replay *r, fr_tensor *t)
{
    fr_store *s = fr_store_of(r, t);

    if (!fr_make_room(&r->tensors, sizeof *r->tensors, r->tensor_count, &r->tensor_capacity))
        return fr_fail_memory("captured_run");
    r->tensors[r->tensor_count++] = (fr_held_tensor){ t, (size_t)(s - r->stores) };
    s->tensors++;
    return true;
}

/* Counts the references to each tensor, and for each storage the tensors over it. */
static bool count_reference(fr_replay *r, fr_tensor *t, void *user)
{
    fr_table *references = user;
    uintptr_t n = (uintptr_t)fr_table_find(references, t);

    if (!add_store(r, t))
        return false;
    if (n > 0)
        fr_table_remove(references, t);
    else if (!add_tensor(r, t))
        return false;
    return fr_table_put(references, t, (void *)(n + 1)) || fr_fail_memory("captured_run");
}

static bool find_outside(fr_replay *r, fr_tensor *t, void *user)
{
    fr_store *s = fr_store_of(r, t);

    s->outside = s->outside || (uintptr_t)t->refs > (uintptr_t)fr_table_find(user, t) ||
                 t->storage->refs > s->tensors || !t->storage->block;
    return true;
}

static void note_writer(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    (void)step;
    if (write)
        fr_store_of(r, t)->noted = true;
}

/* Gradients of leaves are wanted after the run. */
static void mark_gradients(fr_replay *r)
{
    for (size_t i = 0; i < r->trace.count; i++) {
        const fr_action *a = &r->trace.steps[i].action;

        if (!r->trace.steps[i].op && a->leaf && a->from)
            fr_store_of(r, a->from)->outside = fr_store_of(r, a->from)->gradient = true;
    }
}

static bool find_stores(fr_replay *r)
{
    fr_table references = { 0 };
    bool ok = for_all_references(r, count_reference, &references) && for_all_references(r, find_outside, &references);

    fr_table_free(&references);
    if (!ok)
        return false;
    for (size_t i = 0; i < r->trace.count; i++)
        fr_step_visit(r, i, note_writer);
    for (int i = 0; i < r->n; i++)
        fr_store_of(r, r->xs[i])->outside = true;
    mark_gradients(r);
    return true;
}

/* --- What cannot be replayed -------------------------------------------------------------------------------------- */

bool fr_step_fail(const fr_step *s, const char *format, const fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site here = th->sites.current;
    char text[FR_SHAPE_TEXT];

    th->sites.current = s->site;
    fr_fail("captured_run", format, s->op ? s->op->name : "an action", fr_shape_text(&t->shape, text));
    th->sites.current = here;
    return false;
}

/* True unless a step reads values that came about beside ops, or something outside keeps what an op made: the next run
 * of the function would make another tensor, a replay writes into this one. */
static bool check_steps(fr_replay *r)
{
    for (size_t i = 0; i < r->trace.count; i++) {
        const fr_step *s = &r->trace.steps[i];

        for (int k = 0; k < s->inputs; k++)
            if (s->op && s->in[k] && !fr_store_of(r, s->in[k])->noted && !fr_store_of(r, s->in[k])->outside)
                return fr_step_fail(s,
                                    "%s reads values of shape %s that were made in the function, but not by ops, or "
                                    "that nothing holds any more",
                                    s->in[k]);
        for (int k = 0; k < s->outputs; k++) {
            const fr_store *store = s->out[k] ? fr_store_of(r, s->out[k]) : NULL;

            if (s->op && !s->op->view && store && store->outside && !store->gradient)
                return fr_step_fail(
                    s,
                    "the result of %s, of shape %s, is kept outside of the function, where a replay would "
                    "overwrite it: return it, or fr_copy it into a tensor from outside",
                    s->out[k]);
        }
    }
    return true;
}

bool fr_replay_record(fr_thread *th, fr_replay *r, fr_function *f, void *user, fr_tensor *const *xs)
{
    if (!copy_inputs(r, xs) || !run_function(th, r, f, user))
        return false;
    if (!drop_history(&r->trace) || !insert_copies(&r->trace) || !fr_join_parts(&r->trace) || !find_stores(r) ||
        !check_steps(r))
        return false;
    r->info = calloc(r->trace.count + 1, sizeof *r->info);
    return r->info || fr_fail_memory("captured_run");
}
