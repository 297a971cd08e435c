/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The public functions: replays for different inputs, the latest first. */
#include "capture/capture.h"

#include "core/options.h"

#include <stdlib.h>

struct fr_captured {
    fr_life life;
    fr_function *f;
    void *user;
    fr_capture_options options;
    fr_replay *replays;
    fr_replay *unfinished; /* being made, or left by a jump out of the function */
};

enum { MAX_SHAPES = 8 };

/* --- Making and freeing ------------------------------------------------------------------------------------------- */

static fr_captured *capture(const char *what, fr_function *f, void *user, const fr_capture_options *options)
{
    static const fr_capture_options none;
    const fr_capture_options *o = options ? options : &none;
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_captured *c = NULL;

    if (!f)
        fr_fail(what, "the function f is NULL");
    else if (o->max_shapes < 0)
        fr_fail(what, "max_shapes is %d, expected 1 or more, or 0 for %d", o->max_shapes, MAX_SHAPES);
    else if (fr_check_reserved(what, o->reserved) && !(c = fr_object_new(sizeof *c)))
        fr_fail_memory(what);
    if (c) {
        c->f = f;
        c->user = user;
        c->options = *o;
        if (o->max_shapes == 0)
            c->options.max_shapes = MAX_SHAPES;
    }
    fr_finish(th, before);
    return c;
}

fr_captured *fr_capture_with(fr_function *f, void *user, const fr_capture_options *options)
{
    return capture("capture_with", f, user, options);
}

fr_captured *fr_capture(fr_function *f, void *user)
{
    return capture("capture", f, user, NULL);
}

/* Frees all replays but the first n. */
static void shorten(fr_captured *c, int n)
{
    fr_replay **at = &c->replays, *next;

    for (; n > 0 && *at; n--)
        at = &(*at)->next;
    for (fr_replay *r = *at; r; r = next) {
        next = r->next;
        fr_replay_free(r);
    }
    *at = NULL;
}

void fr_captured_reset(fr_captured *c)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "captured_reset");

    if (fr_check_argument("captured_reset", c, "captured function"))
        shorten(c, 0);
    fr_finish(th, before);
}

/* Replays whose function was left by a jump, or released itself, while it was being captured. Scopes that it began and
 * that have yet to end would put their trace back. */
static _Thread_local fr_replay *orphans;

static void free_orphans(const fr_thread *th)
{
    for (fr_replay **at = &orphans; *at;) {
        fr_replay *r = *at;

        if (th->scopes.count > r->scopes) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        fr_replay_free(r);
    }
}

static void drop_unfinished(fr_captured *c)
{
    fr_thread *th = fr_thread_self();
    fr_replay *r = c->unfinished;

    c->unfinished = NULL;
    if (!r)
        return;
    if (th->trace != &r->trace) {
        fr_replay_free(r);
        return;
    }
    th->trace = r->trace.outer;
    th->recorder = NULL;
    r->orphan = true;
    r->next = orphans;
    orphans = r;
}

static void release(void *object)
{
    drop_unfinished(object);
    shorten(object, 0);
}

void fr_captured_free(fr_captured *c)
{
    fr_object_end("captured_free", c, "captured function", release);
    free_orphans(fr_thread_self());
}

/* --- Running ------------------------------------------------------------------------------------------------------ */

static bool matches(const fr_replay *r, fr_tensor *const *xs, int n)
{
    for (int i = 0; i < n && r->n == n; i++)
        if (xs[i]->dtype != r->xs[i]->dtype || !fr_shape_equal(&xs[i]->shape, &r->xs[i]->shape))
            return false;
    return r->n == n;
}

/* The replay for these inputs, which becomes the first; NULL: there is none. */
static fr_replay *find(fr_captured *c, fr_tensor *const *xs, int n)
{
    for (fr_replay **at = &c->replays; *at; at = &(*at)->next) {
        fr_replay *r = *at;

        if (!matches(r, xs, n))
            continue;
        *at = r->next;
        r->next = c->replays;
        c->replays = r;
        return r;
    }
    return NULL;
}

/* Runs the function, and keeps the replay if all goes well. */
static fr_tensor *run_first(fr_thread *th, fr_captured *c, fr_tensor *const *xs, int n)
{
    fr_replay *r = calloc(1, sizeof *r);
    fr_tensor *y = NULL;

    drop_unfinished(c);
    c->unfinished = r;
    if (!r)
        return fr_fail_memory("captured_run");
    r->n = n;
    r->scopes = th->scopes.count;
    if (fr_replay_record(th, r, c->f, c->user, xs))
        y = fr_tensor_copy("captured_run", r->y);
    if (r->orphan) { /* c is gone */
        fr_unref(y);
        return fr_fail("captured_run", "the captured function was released while it ran");
    }
    if (y)
        fr_replay_analyse(r);
    if (!y || !fr_replay_fuse(r, !c->options.no_fusion) || !fr_replay_place(r) || !fr_replay_build(r)) {
        fr_unref(y);
        drop_unfinished(c);
        return NULL;
    }
    c->unfinished = NULL;
    r->next = c->replays;
    c->replays = r;
    shorten(c, c->options.max_shapes);
    return y;
}

static fr_tensor *run(fr_thread *th, fr_captured *c, fr_tensor *const *xs, int n)
{
    fr_replay *r = find(c, xs, n);

    if (!r)
        return run_first(th, c, xs, n);
    return fr_replay_run(th, r, xs) ? fr_tensor_copy("captured_run", r->y) : NULL;
}

static bool check(const fr_captured *c, fr_tensor *const *xs, int n)
{
    if (!fr_check_argument("captured_run", c, "captured function"))
        return false;
    if (n < 0)
        return fr_fail("captured_run", "%d inputs", n);
    if (n > 0 && !fr_check_argument("captured_run", xs, "inputs"))
        return false;
    for (int i = 0; i < n; i++)
        if (!fr_check_tensor("captured_run", xs[i]))
            return false;
    return true;
}

fr_tensor *fr_captured_run(fr_captured *c, fr_tensor *const *xs, int n)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "captured_run");
    bool ok = check(c, xs, n);
    bool inside = th->trace != NULL; /* of another captured function, or of what lists a model's ops */
    fr_tensor *y;

    free_orphans(th);
    y = ok && !inside ? fr_hold("captured_run", run(th, c, xs, n)) : NULL;
    free_orphans(th);
    fr_finish(th, before);
    return ok && inside ? c->f(xs, c->user) : y;
}

bool fr_captured_info(const fr_captured *c, fr_captured_report *report)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "captured_info");
    bool ok = fr_check_argument("captured_info", c, "captured function") &&
              fr_check_argument("captured_info", report, "report");

    if (ok && !c->replays)
        ok = fr_fail("captured_info", "the function has not been run");
    if (ok) {
        *report = c->replays->report;
        for (const fr_replay *r = c->replays; r; r = r->next)
            report->shapes++;
    }
    fr_finish(th, before);
    return ok;
}
