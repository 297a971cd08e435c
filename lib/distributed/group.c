/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A group of processes: beginning and ending it, meeting the other ranks, waiting for them. */
#include "distributed/group.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

/* --- Waiting ------------------------------------------------------------------------------------------------------ */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool fr_group_fail(const char *what, fr_process_group *g)
{
    g->broken = true;
    return fr_fail(what, "rank %d of %d: %s", g->transport->rank, g->transport->size,
                   g->transport->error ? g->transport->error : "the engine failed");
}

/* At first it only asks again, since most answers come within microseconds; then it lets others run, who may be ranks
 * on the same core; at last it sleeps. */
static void pause_between(int64_t asked)
{
    static const struct timespec short_time = { 0, 50000 };

    if (asked > 20000)
        nanosleep(&short_time, NULL);
    else if (asked > 100)
        sched_yield();
}

bool fr_group_wait(const char *what, fr_process_group *g, void *request)
{
    double deadline = 0;
    int done = request ? 0 : -1;

    for (int64_t asked = 0; done == 0 && (done = g->transport->test(g->transport, request)) == 0; asked++) {
        pause_between(asked);
        if (asked % 128 != 127)
            continue;
        if (deadline == 0)
            deadline = now() + g->timeout;
        if (now() < deadline)
            continue;
        g->broken = g->abandoned = true;
        return fr_fail(what, "rank %d of %d waited %g s: another rank has died, is stopped or does something else",
                       g->transport->rank, g->transport->size, g->timeout);
    }
    g->abandoned = g->abandoned || (request && done < 0);
    return done > 0 || fr_group_fail(what, g);
}

/* --- Meeting ------------------------------------------------------------------------------------------------------ */

uint64_t fr_fingerprint(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * 0x100000001b3U;
    return hash;
}

bool fr_group_is_whole(const char *what, const fr_thread *th)
{
    return !th->group || !th->group->broken || fr_fail(what, "the group of processes failed before");
}

static const char *name_of(uint64_t kind)
{
    static const char *const names[] = {
        "fr_distributed_barrier", "fr_distributed_finalize", "fr_all_reduce_values", "fr_all_reduce",
        "fr_broadcast",           "fr_optim_distributed",    "fr_backward"
    };

    return kind < sizeof names / sizeof *names ? names[kind] : "another program";
}

bool fr_meet(const char *what, fr_process_group *g, const fr_meeting *mine, const char *differs)
{
    fr_transport *t = g->transport;

    g->told[t->size] = *mine;
    if (!fr_group_wait(what, g, t->gather(t, FR_MEETINGS, &g->told[t->size], g->told, sizeof *mine)))
        return false;
    for (int r = 0; r < t->size; r++) {
        if (g->told[r].kind == mine->kind && g->told[r].fingerprint == mine->fingerprint)
            continue;
        g->broken = true;
        if (g->told[r].kind == mine->kind)
            return fr_fail(what, "ranks %d and %d: %s", t->rank, r, differs);
        return fr_fail(what, "rank %d is in %s, rank %d in %s: all ranks must do the same", t->rank,
                       name_of(mine->kind), r, name_of(g->told[r].kind));
    }
    return true;
}

bool fr_distributed_barrier(void)
{
    const char *what = "distributed_barrier";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_process_group *g = th->group;
    bool ok = fr_group_is_whole(what, th) && (!g || fr_meet(what, g, &(fr_meeting){ FR_MEET_BARRIER }, ""));

    fr_finish(th, before);
    return ok;
}

/* --- Beginning and ending ----------------------------------------------------------------------------------------- */

static bool check(const char *what, const fr_thread *th, const fr_transport *t, double timeout)
{
    if (!fr_check_argument(what, t, "transport"))
        return false;
    if (t->error)
        return fr_fail(what, "%s", t->error);
    if (th->group)
        return fr_fail(what, "this thread is in a group already");
    if (t->size < 1 || t->rank < 0 || t->rank >= t->size)
        return fr_fail(what, "rank %d of %d, expected 0 <= rank < size", t->rank, t->size);
    if (!t->gather || !t->exchange || !t->test || !t->end || !t->abort)
        return fr_fail(what, "a function of the transport is NULL");
    return (timeout >= 0 && isfinite(timeout)) || fr_fail(what, "timeout is %g, expected seconds, 0 or more", timeout);
}

bool fr_distributed_begin(fr_transport *t, double timeout)
{
    const char *what = "distributed_begin";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_process_group *g = NULL;

    if (check(what, th, t, timeout)) {
        g = calloc(1, sizeof *g);
        if (g)
            g->told = calloc((size_t)t->size + 1, sizeof *g->told);
        if (!g || !g->told) {
            free(g);
            g = fr_fail_memory(what);
        }
    }
    if (g) {
        g->transport = t;
        g->refs = 1;
        g->timeout = timeout > 0 ? timeout : 1800;
        th->group = g;
    }
    fr_finish(th, before);
    return g != NULL;
}

void fr_group_unref(fr_process_group *g)
{
    if (--g->refs > 0)
        return;
    if (!g->abandoned)
        free(g->told);
    free(g);
}

void fr_distributed_finalize(void)
{
    const char *what = "distributed_finalize";
    fr_thread *th = fr_thread_self();
    fr_process_group *g = th->group;
    fr_transport *t = g ? g->transport : NULL;

    if (!g)
        return;

    fr_site before = fr_begin(th, what);
    bool ok = !g->broken && fr_meet(what, g, &(fr_meeting){ FR_MEET_FINALIZE }, "");

    th->group = NULL;
    g->transport = NULL;
    fr_group_unref(g);
    fr_finish(th, before); /* which reports the error */
    if (ok)
        t->end(t);
    else
        t->abort(t);
}

int fr_distributed_rank(void)
{
    const fr_process_group *g = fr_thread_self()->group;

    return g ? g->transport->rank : 0;
}

int fr_distributed_size(void)
{
    const fr_process_group *g = fr_thread_self()->group;

    return g ? g->transport->size : 1;
}
