/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Makes of the steps that are left what replay.c runs, and moves their results into the arena. */
#include "capture/capture.h"

#include <frond/op.h>
#include <stdint.h>
#include <stdlib.h>

/* --- Calls -------------------------------------------------------------------------------------------------------- */

bool fr_step_call(const fr_step *s, fr_op_call *call, void **block)
{
    bool *needs;

    *call = fr_step_as_call(s);
    if (!s->backward) {
        *block = call->out = calloc((size_t)s->outputs, sizeof *call->out);
        return call->out;
    }
    *block = needs = calloc((size_t)s->outputs + 1, sizeof *needs);
    for (int i = 0; i < s->outputs && needs; i++)
        needs[i] = s->out[i] != NULL;
    call->needs = needs;
    return needs;
}

/* True if an input holds numbers that infer may look at, as lengths are. */
static bool infer_looks(const fr_step *s)
{
    for (int i = 0; i < s->inputs; i++)
        if (s->in[i] && s->in[i]->dtype == FR_I64)
            return true;
    return false;
}

static bool make_call(const fr_step *s, fr_instruction *to)
{
    if (!fr_step_call(s, &to->call, &to->block))
        return fr_fail_memory("captured_run");
    to->kind = s->backward ? FR_RUN_BACKWARD : FR_RUN_FORWARD;
    to->infer = !s->backward && infer_looks(s);
    return s->backward || s->op->infer(&to->call);
}

/* --- Groups ------------------------------------------------------------------------------------------------------- */

/* t, of which `numel` values are used, or one for all. NULL: it is not read. */
static fr_operand operand_of(const fr_replay *r, const fr_tensor *t, int64_t numel)
{
    const fr_store *s = t ? fr_store_of(r, t) : NULL;
    fr_operand o = { 0 };

    if (!t)
        return o;
    if (t->contiguous && t->numel == numel)
        o.step = (int64_t)fr_dtype_size((fr_dtype)t->dtype);
    if (s->group != SIZE_MAX)
        o.scratch = s->offset;
    else if (s->offset >= 0)
        o.base = r->arena->origin + s->offset + (t->origin - (char *)s->storage->data);
    else
        o.base = t->origin;
    return o;
}

static fr_fused fused_of(const fr_replay *r, size_t i)
{
    const fr_step *s = &r->trace.steps[i];
    const fr_rows *rows = &r->info[i].rows;
    int64_t n = r->info[i].numel;
    fr_fused f = { .rows = *rows,
                   .a = operand_of(r, s->in[rows->gradient ? 2 : 0], n),
                   .y = operand_of(r, s->out[0], n),
                   .dtype = (fr_dtype)s->out[0]->dtype };

    if (rows->binary)
        f.b = operand_of(r, s->in[1], n);
    if (rows->gradient) { /* what is not saved is not read, but is no null pointer either */
        f.b = s->in[0] ? operand_of(r, s->in[0], n) : f.y;
        f.c = s->in[1] ? operand_of(r, s->in[1], n) : f.y;
    }
    return f;
}

static bool make_group(const fr_replay *r, size_t first, fr_instruction *to)
{
    fr_fused *steps;
    size_t end = first;

    *to = (fr_instruction){ .kind = FR_RUN_FUSED,
                            .step = &r->trace.steps[first],
                            .numel = r->info[first].numel,
                            .scratch = r->info[first].scratch };
    for (; end < r->trace.count && (r->info[end].dropped || r->info[end].group == first); end++)
        to->count += !r->info[end].dropped;
    to->block = steps = calloc((size_t)to->count, sizeof *steps);
    if (!steps)
        return fr_fail_memory("captured_run");
    for (size_t i = first; i < end; i++)
        if (!r->info[i].dropped)
            *steps++ = fused_of(r, i);
    return true;
}

/* --- Moving ------------------------------------------------------------------------------------------------------- */

/* What lies in the arena moves there; what nobody reads as a whole gives its memory back. */
static bool move(fr_replay *r, const fr_held_tensor *held)
{
    fr_store *s = &r->stores[held->store];
    char *place = r->arena->origin + (s->group == SIZE_MAX && s->offset >= 0 ? s->offset : 0);

    if (s->outside || (s->constant && s->wanted))
        return true;
    if (!fr_tensor_move(held->tensor, place, s->moved))
        return false;
    s->moved = held->tensor;
    return true;
}

static bool move_all(fr_replay *r)
{
    for (size_t i = 0; i < r->tensor_count; i++)
        if (!move(r, &r->tensors[i]))
            return false;
    return true;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static bool add_instruction(fr_replay *r, size_t i)
{
    const fr_step *s = &r->trace.steps[i];
    fr_instruction *to = &r->instructions[r->count++];

    if (r->info[i].group == i)
        return make_group(r, i, to);
    *to = (fr_instruction){ .kind = FR_RUN_ACTION, .step = s };
    return !s->op || make_call(s, to);
}

/* Maps each leaf whose gradient an action sets or drops to 1 + the number of the trace's references to it. */
static bool count_leaves(const fr_replay *r, fr_table *leaves)
{
    bool ok = true;

    for (size_t i = 0; i < r->trace.count && ok; i++) {
        fr_tensor *leaf = r->trace.steps[i].op ? NULL : r->trace.steps[i].action.leaf;

        ok = !leaf || fr_table_find(leaves, leaf) || fr_table_put(leaves, leaf, (void *)1);
    }
    for (size_t i = 0; i < r->trace.count && ok; i++) {
        const fr_step *s = &r->trace.steps[i];

        for (int k = 0; k < s->inputs + s->outputs && ok; k++) {
            fr_tensor *t = k < s->inputs ? s->in[k] : s->out[k - s->inputs];
            uintptr_t n = t ? (uintptr_t)fr_table_find(leaves, t) : 0;

            if (n > 0) {
                fr_table_remove(leaves, t);
                ok = fr_table_put(leaves, t, (void *)(n + 1));
            }
        }
    }
    return ok;
}

/* What reads a gradient that several runs add to would have to read it elsewhere at each run. */
static bool check_sum(const fr_replay *r, const fr_tensor *leaf)
{
    const char *format = "%s reads a gradient of shape %s that earlier runs have added to: fr_zero_grad it before";

    for (size_t i = 0; i < r->trace.count; i++) {
        const fr_step *s = &r->trace.steps[i];

        for (int k = 0; k < s->inputs; k++)
            if (s->in[k] && s->in[k]->storage == leaf->grad->storage && (s->op || !s->action.leaf))
                return fr_step_fail(s, format, s->in[k]);
    }
    return r->y->storage != leaf->grad->storage ||
           fr_fail("captured_run", "the result is a gradient that earlier runs have added to: fr_zero_grad it before");
}

static bool find_sums(fr_replay *r)
{
    fr_table leaves = { 0 };
    bool ok = true, memory = count_leaves(r, &leaves);

    r->sums = calloc(r->trace.count + 1, sizeof *r->sums);
    for (size_t i = 0; i < r->trace.count && r->sums && memory && ok; i++) {
        const fr_action *a = &r->trace.steps[i].action;
        uintptr_t references = r->trace.steps[i].op || !a->leaf ? 0 : (uintptr_t)fr_table_find(&leaves, a->leaf);

        if (references == 0) /* no leaf, or not the first step that has it */
            continue;
        fr_table_remove(&leaves, a->leaf);
        if (!a->from)
            continue;
        r->sums[r->sum_count++] = (fr_gradient_sum){ i, (uintptr_t)a->leaf->refs + 1 == references };
        ok = r->sums[r->sum_count - 1].own || !a->leaf->grad || check_sum(r, a->leaf);
    }
    fr_table_free(&leaves);
    return r->sums && memory ? ok : fr_fail_memory("captured_run") != NULL;
}

bool fr_replay_build(fr_replay *r)
{
    r->instructions = calloc(r->trace.count + 1, sizeof *r->instructions);
    if (!r->instructions)
        return fr_fail_memory("captured_run");
    for (size_t i = 0; i < r->trace.count; i++)
        if (!r->info[i].dropped && (r->info[i].group == SIZE_MAX || r->info[i].group == i) && !add_instruction(r, i))
            return false;
    return find_sums(r) && move_all(r);
}
