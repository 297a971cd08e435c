/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Scopes: who holds the tensors that functions return.
 *
 * All open scopes of a thread share one array of held references, innermost last; a scope is where its part begins.
 * fr_escape adds a reference marked as escaping: where its scope ends it stays, unmarked, as the last of the scope
 * around. A scope also remembers what a jump out of it would leave behind: deeper call sites, recording turned off,
 * levels of forward mode, a module at work. */
#include "core/tensor.h"
#include "core/thread.h"

#include <stdlib.h>

struct fr_held {
    fr_tensor *tensor; /* NULL: taken */
    bool escapes;
};

struct fr_scope {
    size_t start;
    int site_count, defer;
    fr_site site;
    bool no_grad, probing, in_backward;
    fr_level *level, *open_levels;
    fr_place *place;
};

int fr_scope_begin(void)
{
    fr_thread *th = fr_thread_self();
    size_t capacity = (size_t)th->scope_capacity;

    if (!fr_make_room(&th->scopes, sizeof *th->scopes, (size_t)th->scope_count, &capacity)) {
        fr_fail_memory("scope_begin");
        return -1;
    }
    th->scope_capacity = (int)capacity;
    th->scopes[th->scope_count] = (struct fr_scope){ .start = th->held_count,
                                                     .site_count = th->site_count,
                                                     .defer = th->defer,
                                                     .site = th->site,
                                                     .no_grad = th->no_grad,
                                                     .probing = th->probing,
                                                     .in_backward = th->in_backward,
                                                     .level = th->level,
                                                     .open_levels = th->open_levels,
                                                     .place = th->place };
    return th->scope_count++;
}

void fr_scope_release(fr_thread *th)
{
    free(th->held);
    free(th->scopes);
    th->held = NULL;
    th->scopes = NULL;
    th->held_capacity = 0;
    th->scope_capacity = 0;
}

void fr_scope_end(int scope)
{
    fr_thread *th = fr_thread_self();

    if (scope < 0 || scope >= th->scope_count)
        return;

    struct fr_scope left = th->scopes[scope];
    size_t kept = left.start, end = th->held_count;
    size_t inner =
        scope + 1 < th->scope_count ? th->scopes[scope + 1].start : end; /* those escape no further than here */

    /* Letting go may run release functions of the user. They may open scopes, so th->held moves; what they leave in the
     * scope around is found from `end` on; their errors wait until everything is in order again. */
    fr_defer_errors(th);
    th->scope_count = scope;
    for (size_t i = left.start; i < th->held_count; i++) {
        struct fr_held h = th->held[i];

        if (i >= end)
            th->held[kept++] = h;
        else if (h.escapes && i < inner)
            th->held[kept++] = (struct fr_held){ h.tensor, false };
        else
            fr_unref(h.tensor);
    }
    th->held_count = kept;
    th->site_count = left.site_count;
    th->site = left.site;
    th->no_grad = left.no_grad;
    th->probing = left.probing;
    th->in_backward = left.in_backward;
    th->place = left.place;
    fr_levels_end(th, left.open_levels);
    th->level = left.level;
    th->defer = left.defer + 1;
    fr_report_errors(th);
}

void fr_scope_leave(const int *scope)
{
    fr_scope_end(*scope);
}

static bool push(fr_thread *th, fr_tensor *t, bool escapes)
{
    if (!fr_make_room(&th->held, sizeof *th->held, th->held_count, &th->held_capacity))
        return false;
    th->held[th->held_count++] = (struct fr_held){ t, escapes };
    return true;
}

fr_tensor *fr_hold(const char *what, fr_tensor *t)
{
    fr_thread *th = fr_thread_self();

    if (!t)
        return NULL;
    if (FR_LIKELY(th->scope_count > 0) && push(th, t, false))
        return t;
    fr_unref(t);
    if (th->scope_count > 0)
        return fr_fail_memory(what);
    return fr_fail(what, "no scope is open to hold the result: begin the block with FR_SCOPE;");
}

fr_tensor *fr_take(fr_thread *th, fr_tensor *t)
{
    enum { NEAR = 8 }; /* looking further would cost more than a new reference */
    size_t start = th->scope_count > 0 ? th->scopes[th->scope_count - 1].start : th->held_count;

    for (size_t i = th->held_count; i > start && i + NEAR > th->held_count; i--) {
        struct fr_held *h = &th->held[i - 1];

        if (h->tensor != t || h->escapes)
            continue;
        h->tensor = NULL;
        return t;
    }
    return fr_ref(t);
}

fr_tensor *fr_escape(fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "escape");
    fr_tensor *escaped = NULL;

    if (t && th->scope_count < 2)
        fr_fail("escape", "needs a scope around the innermost one, %d open", th->scope_count);
    else if (t && !push(th, t, true))
        fr_fail_memory("escape");
    else
        escaped = fr_ref(t);
    fr_finish(th, before);
    return escaped;
}
