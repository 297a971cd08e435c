/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Scopes: they hold the tensors that functions return.
 *
 * All open scopes of a thread share one array of references, innermost last; a scope knows where its part begins.
 * fr_escape adds a reference that is marked as escaping. When the scope ends, this reference stays, unmarked, and so
 * becomes the last of the scope around it.
 *
 * A jump (longjmp, an exception) may leave a scope at any point. So a scope also remembers the thread's state at its
 * beginning, and puts it back: call sites, grad mode, levels of forward mode, the running module, stand-ins, who takes
 * notes. */
#include "core/tensor.h"
#include "core/thread.h"

#include <stdlib.h>

struct fr_held {
    fr_tensor *tensor; /* NULL: taken */
    bool escapes;
};

struct fr_scope {
    size_t start;
    int site_count, deferred;
    fr_site site;
    fr_site begun; /* the call that began it */
    fr_grad_mode mode;
    fr_levels levels;
    fr_module_path *module_path;
    const struct fr_stand_ins *stand_ins;
    struct fr_trace *trace;
    struct fr_recorder *recorder;
};

int fr_scope_begin(void)
{
    fr_thread *th = fr_thread_self();
    fr_site begun = th->sites.current;
    size_t capacity = (size_t)th->scopes.capacity;

    if (FR_UNLIKELY(th->sites.count > begun.outer)) { /* a note, which may be of this call */
        fr_site before = fr_enter(th, "scope_begin");

        begun = th->sites.current;
        fr_leave(th, before);
    }
    if (!fr_make_room(&th->scopes.open, sizeof *th->scopes.open, (size_t)th->scopes.count, &capacity)) {
        fr_fail_memory("scope_begin");
        return -1;
    }
    th->scopes.capacity = (int)capacity;
    th->scopes.open[th->scopes.count] = (struct fr_scope){ .start = th->scopes.held_count,
                                                           .site_count = th->sites.count,
                                                           .site = th->sites.current,
                                                           .begun = begun,
                                                           .deferred = th->errors.deferred,
                                                           .mode = th->mode,
                                                           .levels = th->levels,
                                                           .module_path = th->module_path,
                                                           .stand_ins = th->stand_ins,
                                                           .trace = th->trace,
                                                           .recorder = th->recorder };
    return th->scopes.count++;
}

void fr_scope_release(fr_scope_stack *s)
{
    free(s->held);
    free(s->open);
    *s = (fr_scope_stack){ 0 };
}

void fr_scope_end(int scope)
{
    fr_thread *th = fr_thread_self();

    if (scope < 0 || scope >= th->scopes.count)
        return;

    struct fr_scope left = th->scopes.open[scope];
    const fr_site *around = th->scopes.ending;
    size_t kept = left.start, end = th->scopes.held_count;
    size_t inner = scope + 1 < th->scopes.count
                       ? th->scopes.open[scope + 1].start
                       : end; /* what escapes from a scope further in gets no further than this one */

    /* Dropping references may run release functions of the user. These may use scopes, so the array may move. What they
     * leave in the scope around this one is found from `end` on. Their errors wait until all is in order again. */
    fr_defer_errors(th);
    th->scopes.count = scope;
    th->scopes.ending = &left.begun;
    for (size_t i = left.start; i < th->scopes.held_count; i++) {
        struct fr_held h = th->scopes.held[i];

        if (i >= end)
            th->scopes.held[kept++] = h;
        else if (h.escapes && i < inner)
            th->scopes.held[kept++] = (struct fr_held){ h.tensor, false };
        else
            fr_unref(h.tensor);
    }
    th->scopes.ending = around;
    th->scopes.held_count = kept;
    th->sites.count = left.site_count;
    th->sites.current = left.site;
    th->mode = left.mode;
    th->module_path = left.module_path;
    th->stand_ins = left.stand_ins;
    th->trace = left.trace;
    th->recorder = left.recorder;
    fr_levels_end(th, left.levels.open);
    th->levels.current = left.levels.current;
    th->errors.deferred = left.deferred + 1;
    fr_report_errors(th);
}

void fr_scope_leave(const int *scope)
{
    fr_scope_end(*scope);
}

static bool push(fr_thread *th, fr_tensor *t, bool escapes)
{
    if (!fr_make_room(&th->scopes.held, sizeof *th->scopes.held, th->scopes.held_count, &th->scopes.held_capacity))
        return false;
    th->scopes.held[th->scopes.held_count++] = (struct fr_held){ t, escapes };
    return true;
}

fr_tensor *fr_hold(const char *what, fr_tensor *t)
{
    fr_thread *th = fr_thread_self();

    if (!t)
        return NULL;
    if (FR_LIKELY(th->scopes.count > 0) && push(th, t, false))
        return t;
    fr_unref(t);
    if (th->scopes.count > 0)
        return fr_fail_memory(what);
    return fr_fail(what, "no scope is open to hold the result: begin the block with FR_SCOPE;");
}

fr_tensor *fr_take(fr_thread *th, fr_tensor *t)
{
    enum { NEAR = 8 }; /* looking further would cost more than making a new reference */
    size_t start = th->scopes.count > 0 ? th->scopes.open[th->scopes.count - 1].start : th->scopes.held_count;

    for (size_t i = th->scopes.held_count; i > start && i + NEAR > th->scopes.held_count; i--) {
        struct fr_held *h = &th->scopes.held[i - 1];

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

    if (!fr_is_given("escape", t, "tensor")) {
    } else if (th->scopes.count < 2) {
        fr_fail("escape", "needs a scope around the innermost one, %d open", th->scopes.count);
    } else if (!push(th, t, true)) {
        fr_fail_memory("escape");
    } else {
        escaped = fr_ref(t);
    }
    fr_finish(th, before);
    return escaped;
}
