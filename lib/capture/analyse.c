/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Which steps need not run again: those that depend on nothing that changes, and those that make what nobody reads. */
#include "capture/capture.h"

static bool is_view(const fr_step *s)
{
    return s->op && !s->backward && s->op->view;
}

/* Random numbers are drawn by ops without backward and by actions that are not pure: neither is constant. */
static bool may_be_constant(const fr_step *s)
{
    return s->op ? fr_op_has_backward(s->op) : s->action.pure;
}

static void find_variable(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    (void)write;
    if (!fr_store_of(r, t)->constant)
        r->info[step].constant = false;
}

/* What a step that runs again reads must still be there: it cannot be written later, once and for all. */
static void make_variable(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    fr_store *s = fr_store_of(r, t);

    if (write && (!r->info[step].constant || s->read))
        s->constant = false;
    if (!write && !r->info[step].constant)
        s->read = true;
}

/* A store is constant if all that write it are, and a step if all that it reads and writes is. What is there from
 * outside may change between runs. In rounds, since a step further on may write into what looked constant. */
static void find_constants(fr_replay *r)
{
    int64_t before = -1, now = 0;

    for (size_t i = 0; i < r->store_count; i++)
        r->stores[i].constant = !r->stores[i].outside;
    while (now != before) {
        before = now;
        now = 0;
        for (size_t i = 0; i < r->store_count; i++)
            r->stores[i].read = false;
        for (size_t i = 0; i < r->trace.count; i++) {
            r->info[i].constant = may_be_constant(&r->trace.steps[i]);
            fr_step_visit(r, i, find_variable);
            fr_step_visit(r, i, make_variable);
            now += !r->info[i].constant;
        }
    }
}

static void is_wanted(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    if (write && fr_store_of(r, t)->wanted)
        r->info[step].dropped = false;
}

static void want(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    (void)step;
    if (!write)
        fr_store_of(r, t)->wanted = true;
}

/* From the last step to the first. */
static void find_unread(fr_replay *r)
{
    for (size_t i = 0; i < r->store_count; i++)
        r->stores[i].wanted = r->stores[i].outside;
    fr_store_of(r, r->y)->wanted = true;
    for (size_t i = r->trace.count; i-- > 0;) {
        const fr_step *s = &r->trace.steps[i];
        fr_step_info *info = &r->info[i];

        /* ops without backward may draw random numbers, which must go on as before */
        info->dropped = s->op ? s->backward || fr_op_has_backward(s->op) || s->op->view : s->action.pure;
        fr_step_visit(r, i, is_wanted);
        r->report.ops += !is_view(s);
        r->report.unread += info->dropped && !is_view(s);
        info->dropped = info->dropped || info->constant || is_view(s);
        r->report.constants += info->constant && !is_view(s);
        if (!info->dropped)
            fr_step_visit(r, i, want);
    }
}

static void note_use(fr_replay *r, size_t step, fr_tensor *t, bool write)
{
    fr_store *s = fr_store_of(r, t);

    if (s->first == SIZE_MAX)
        s->first = step;
    s->last = step;
    (void)write;
}

void fr_replay_analyse(fr_replay *r)
{
    find_constants(r);
    find_unread(r);
    for (size_t i = 0; i < r->trace.count; i++)
        if (!r->info[i].dropped)
            fr_step_visit(r, i, note_use);
    fr_store_of(r, r->y)->last = r->trace.count;
}
