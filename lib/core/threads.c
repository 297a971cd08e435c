/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How many threads an op may use, and running tiles on them. */
#include <config.h>

#include "core/threads.h"

#include <pthread.h>

static atomic_int asked_for; /* 0: the default */

#ifdef _OPENMP
#include <omp.h>

/* OpenMP's threads do not survive a fork: the child stays on one. */
static atomic_bool forked;
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;

static void note_fork(void)
{
    atomic_store(&forked, true);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, note_fork);
}

int fr_num_threads(void)
{
    int n = atomic_load_explicit(&asked_for, memory_order_relaxed);

    if (atomic_load_explicit(&forked, memory_order_relaxed))
        return 1;
    return n > 0 ? n : omp_get_max_threads();
}

void fr_run_tiles(int64_t tiles, fr_tile *run, void *job)
{
    int threads = tiles > 1 && !omp_in_parallel() ? fr_num_threads() : 1;

    if (threads > tiles)
        threads = (int)tiles;
    if (threads <= 1) {
        for (int64_t i = 0; i < tiles; i++)
            run(job, i);
        return;
    }
    pthread_once(&watch_once, watch_forks);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t i = 0; i < tiles; i++)
        run(job, i);
}
#else
int fr_num_threads(void)
{
    return 1;
}

void fr_run_tiles(int64_t tiles, fr_tile *run, void *job)
{
    for (int64_t i = 0; i < tiles; i++)
        run(job, i);
}
#endif

void fr_set_num_threads(int n)
{
    atomic_store_explicit(&asked_for, n > 0 ? n : 0, memory_order_relaxed);
}
