/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What makes an optimiser, a loader and batch norms work for all ranks together. */
#include "core/random.h"
#include "core/recorder.h"
#include "distributed/averaging.h"
#include "distributed/values.h"
#include "nn/module.h"

#include <stdlib.h>

/* --- The optimiser ------------------------------------------------------------------------------------------------ */

static uint64_t fingerprint(const fr_optim *o)
{
    uint64_t hash = fr_fingerprint(FR_FINGERPRINT, o->kind->name, strlen(o->kind->name));

    for (size_t i = 0; i < o->count; i++) {
        hash = fr_fingerprint(hash, o->slots[i].name, strlen(o->slots[i].name));
        hash = fr_fingerprint_of(hash, o->slots[i].parameter);
    }
    return hash;
}

/* Gives all ranks rank 0's parameters and buffers. */
static bool share_values(const char *what, fr_process_group *g, const fr_optim *o)
{
    fr_tensor **all = calloc(o->count + o->buffer_count, sizeof *all);
    bool ok = all || fr_fail_memory(what);

    for (size_t i = 0; ok && i < o->count; i++)
        all[i] = o->slots[i].parameter;
    for (size_t i = 0; ok && i < o->buffer_count; i++)
        all[o->count + i] = o->buffers[i];
    ok = ok && fr_broadcast_all(what, g, all, (int)(o->count + o->buffer_count));
    free(all);
    return ok;
}

/* Rank 0's generator goes on as without others, so that the order of batches is what it would be. */
static void part_generators(int rank)
{
    if (rank > 0)
        fr_manual_seed(fr_random_u64() + (uint64_t)rank);
}

static bool distribute(const char *what, fr_thread *th, fr_optim *o)
{
    fr_process_group *g = th->group;

    if (!fr_group_is_whole(what, th))
        return false;
    if (!g || g->transport->size == 1)
        return true;
    if (o->averaging)
        return fr_fail(what, "the optimiser is distributed already");
    if (o->kind->step)
        return fr_fail(what, "%s looks at the loss itself, which is a part's", o->kind->name);
    if (!fr_meet(what, g, &(fr_meeting){ .kind = FR_MEET_OPTIM, .fingerprint = fingerprint(o) },
                 "the optimisers' rules differ, or their parameters' names, shapes or dtypes") ||
        !share_values(what, g, o) || !fr_average_gradients(what, g, o))
        return false;
    part_generators(g->transport->rank);
    return true;
}

bool fr_optim_distributed(fr_optim *o)
{
    const char *what = "optim_distributed";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, o, "optimiser") && fr_not_captured(th, what) && distribute(what, th, o);

    fr_finish(th, before);
    return ok;
}

bool fr_optim_no_sync(fr_optim *o, bool on)
{
    const char *what = "optim_no_sync";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, o, "optimiser");

    if (ok && o->averaging && o->averaging->running)
        ok = fr_fail(what, "a backward of its parameters has not come to its end");
    else if (ok && o->averaging)
        o->averaging->no_sync = on;
    else if (ok && fr_distributed_size() > 1)
        ok = fr_fail(what, "the optimiser is not distributed");
    fr_finish(th, before);
    return ok;
}

/* --- The loader, batch norms -------------------------------------------------------------------------------------- */

static bool sum_values(double *values, int n, void *user)
{
    (void)user;
    return fr_all_reduce_values(values, n);
}

bool fr_loader_distributed(fr_loader *l)
{
    const char *what = "loader_distributed";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_process_group *g = th->group;
    bool ok = fr_group_is_whole(what, th) && fr_check_argument(what, l, "loader");

    if (ok && g)
        ok = fr_loader_shard(
            l, &(fr_shard){ .index = g->transport->rank, .count = g->transport->size, .sum = sum_values });
    fr_finish(th, before);
    return ok;
}

bool fr_batch_norm_distributed(fr_module *m)
{
    const char *what = "batch_norm_distributed";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_process_group *g = th->group;
    bool ok = fr_group_is_whole(what, th) && fr_check_argument(what, m, "module");

    if (ok)
        fr_batch_norm_share(m, g && g->transport->size > 1 ? fr_all_reduce : NULL);
    fr_finish(th, before);
    return ok;
}
