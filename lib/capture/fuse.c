/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Which neighbouring steps run together, a block of values at a time: pointwise ops, their backward kernels, and sums
 * of gradients, with results of one size. A result that no step outside of the group reads is never in memory as a
 * whole: a block of it is, in scratch memory. */
#include "capture/capture.h"

#include "core/spans.h"

#include <frond/op.h>
#include <stdlib.h>

/* --- Which steps can ---------------------------------------------------------------------------------------------- */

static bool is_one_number(const fr_tensor *t)
{
    for (int i = 0; i < t->shape.ndim; i++)
        if (t->stride[i] != 0 && t->shape.dim[i] != 1)
            return false;
    return t->numel > 0;
}

/* True if t's n values lie one after the other, or may be missing. */
static bool is_row(const fr_tensor *t, int64_t n)
{
    return !t || (t->contiguous && t->numel == n);
}

/* Asks the op for its row kernel. */
static bool find_rows(const fr_step *s, fr_rows *rows)
{
    fr_op_call call;
    void *block;

    if (!fr_step_call(s, &call, &block))
        return false;
    call.rows = rows;
    (s->backward ? s->op->backward_kernel : s->op->forward)(&call);
    free(block);
    return true;
}

static bool suits(const fr_step *s, const fr_rows *rows, int64_t n)
{
    if (rows->binary)
        return (is_row(s->in[0], n) || is_one_number(s->in[0])) && (is_row(s->in[1], n) || is_one_number(s->in[1]));
    if (rows->gradient)
        return is_row(s->in[0], n) && is_row(s->in[1], n) && is_row(s->in[2], n);
    return rows->unary && is_row(s->in[0], n);
}

/* Sets info->numel if s can be part of a group. False: out of memory. */
static bool look_at(const fr_step *s, fr_step_info *info)
{
    int64_t n = s->outputs == 1 && s->out[0] ? s->out[0]->numel : 0;

    if (!s->op) {
        info->numel = s->action.run == fr_add_values ? n : 0;
        return true;
    }
    if (n == 0 || s->op->jvp != fr_jvp_pointwise || !fr_op_is_known(s->op))
        return true;
    if (!find_rows(s, &info->rows))
        return fr_fail_memory("captured_run");
    info->numel = suits(s, &info->rows, n) ? n : 0;
    return true;
}

/* --- Groups ------------------------------------------------------------------------------------------------------- */

typedef struct {
    size_t first, count;
    int64_t numel;
} group;

/* Blocks of a store that the group writes must be read and written at the same place by all its steps. */
static void find_clash(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    fr_store *s = fr_store_of(r, t);
    bool used = s->origin != NULL;

    if (used && (write || s->written) && (s->origin != t->origin || !is_row(t, r->info[step].numel)))
        r->info[step].group = SIZE_MAX;
}

static void note_use(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    fr_store *s = fr_store_of(r, t);
    char *nowhere = (char *)s, *origin = is_row(t, r->info[step].numel) ? t->origin : nowhere;

    s->origin = s->origin && s->origin != origin ? nowhere : origin;
    s->written = s->written || write;
}

static void forget_use(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    fr_store *s = fr_store_of(r, t);

    (void)step;
    (void)write;
    s->origin = NULL;
    s->written = false;
}

/* A group of one is none. */
static void end_group(fr_replay *r, group *g, size_t end)
{
    for (size_t i = g->first; i < end && g->count > 0; i++) {
        if (r->info[i].dropped)
            continue;
        fr_step_visit(r, i, forget_use);
        if (g->count == 1)
            r->info[i].group = SIZE_MAX;
    }
    if (g->count > 1)
        r->report.fused += (int64_t)g->count;
    *g = (group){ 0 };
}

static void add_to_group(fr_replay *r, group *g, size_t i)
{
    fr_step_info *info = &r->info[i];

    if (g->count > 0 && info->numel == g->numel) {
        info->group = g->first;
        fr_step_visit(r, i, find_clash);
    }
    if (info->group == SIZE_MAX) {
        end_group(r, g, i);
        if (info->numel == 0)
            return;
        *g = (group){ .first = i, .numel = info->numel };
        info->group = i;
    }
    g->count++;
    r->info[g->first].last = i;
    fr_step_visit(r, i, note_use);
}

/* --- Scratch memory ----------------------------------------------------------------------------------------------- */

enum { UNUSED = -2 };

static void note_group(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    fr_store *s = fr_store_of(r, t);
    size_t g = r->info[step].group;

    (void)write;
    if (s->offset == UNUSED)
        s->group = g;
    else if (s->group != g)
        s->group = SIZE_MAX;
    s->offset = -1;
}

static void find_groups_of_stores(fr_replay *r)
{
    const fr_store *y = fr_store_of(r, r->y);

    for (size_t i = 0; i < r->store_count; i++)
        r->stores[i].offset = UNUSED;
    for (size_t i = 0; i < r->trace.count; i++)
        if (!r->info[i].dropped)
            fr_step_visit(r, i, note_group);
    for (size_t i = 0; i < r->store_count; i++) {
        fr_store *s = &r->stores[i];

        s->offset = -1;
        if (s->outside || s->constant || s == y)
            s->group = SIZE_MAX;
    }
}

/* Bytes of a block of a store that holds numel values. */
static int64_t block_bytes(const fr_store *s, int64_t numel)
{
    int64_t bytes = s->bytes / numel * fr_block_of(numel);

    return (bytes + 63) / 64 * 64;
}

/* Places the stores of each group in its scratch memory. Stores are in the order of their groups, since a group's are
 * first used in it. */
static bool place_scratch(fr_replay *r)
{
    fr_span *spans = calloc(r->store_count + 1, sizeof *spans);
    bool ok = spans != NULL;

    for (size_t from = 0, n; from < r->store_count && ok; from += n) {
        size_t g = r->stores[from].group;
        int64_t total;

        for (n = 1; from + n < r->store_count && r->stores[from + n].group == g;)
            n++;
        if (g == SIZE_MAX)
            continue;
        for (size_t k = 0; k < n; k++) {
            const fr_store *s = &r->stores[from + k];

            spans[k] = (fr_span){ block_bytes(s, r->info[g].numel), s->first, s->last, 0 };
        }
        ok = fr_spans_place(spans, n, &total);
        for (size_t k = 0; k < n && ok; k++)
            if (r->info[g].scratch + total <= FR_GROUP_SCRATCH)
                r->stores[from + k].offset = spans[k].offset + r->info[g].scratch;
            else
                r->stores[from + k].group = SIZE_MAX;
        if (ok && r->info[g].scratch + total <= FR_GROUP_SCRATCH)
            r->info[g].scratch += total;
    }
    free(spans);
    return ok || fr_fail_memory("captured_run");
}

bool fr_replay_fuse(fr_replay *r, bool fuse)
{
    group g = { 0 };

    r->info[r->trace.count].group = SIZE_MAX; /* where y is used */
    for (size_t i = 0; i < r->trace.count; i++) {
        r->info[i].group = SIZE_MAX;
        if (r->info[i].dropped)
            continue;
        if (fuse && !look_at(&r->trace.steps[i], &r->info[i]))
            return false;
        add_to_group(r, &g, i);
    }
    end_group(r, &g, r->trace.count);
    find_groups_of_stores(r);
    return place_scratch(r);
}
