/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Ranks that are threads of one process, for tests of groups: a transport that copies between them, and what starts
 * them. A request is over when all ranks have copied what it brings. */
#ifndef FROND_TESTS_RANK_THREADS_H
#define FROND_TESTS_RANK_THREADS_H

#include "testing.h"

#include <frond/transport.h>
#include <pthread.h>

enum { MOST_RANKS = 5, WAITING = 64 };

/* One request, as each rank has started it. */
typedef struct {
    const char *from[MOST_RANKS];
    char *into[MOST_RANKS];
    size_t bytes[MOST_RANKS];
    bool exchanged[MOST_RANKS], copied[MOST_RANKS];
    int started, done, freed;
} shared_request;

typedef struct {
    pthread_mutex_t lock;
    int size;
    shared_request requests[FR_CHANNELS][WAITING];
} shared_ranks;

typedef struct {
    fr_transport transport;
    shared_ranks *shared;
    int64_t next[FR_CHANNELS];
    bool aborted;
} thread_rank;

static _Thread_local thread_rank *this_rank;

/* A group that failed keeps the memory that its engine may still write to: where a test expects that, leaks are no
 * errors. */
static bool groups_fail __attribute__((unused));
#ifdef FR_SANITIZE
void __lsan_disable(void) __attribute__((weak));
#endif

static shared_request *start_request(fr_transport *t, int channel, const void *from, void *into, size_t bytes,
                                     bool exchange)
{
    thread_rank *r = (thread_rank *)t;
    shared_request *q = &r->shared->requests[channel][r->next[channel]++ % WAITING];

    pthread_mutex_lock(&r->shared->lock);
    q->from[t->rank] = from;
    q->into[t->rank] = into;
    q->bytes[t->rank] = bytes;
    q->exchanged[t->rank] = exchange;
    q->copied[t->rank] = false;
    q->started++;
    pthread_mutex_unlock(&r->shared->lock);
    return q;
}

static void *gather_of_threads(fr_transport *t, int channel, const void *from, void *into, size_t bytes)
{
    return start_request(t, channel, from, into, bytes, false);
}

static void *exchange_of_threads(fr_transport *t, int channel, const void *from, void *into, size_t bytes)
{
    return start_request(t, channel, from, into, bytes, true);
}

/* Copies if all have started. False if they do not do the same. */
static bool copy_request(const fr_transport *t, shared_request *q)
{
    for (int r = 0; r < t->size; r++) {
        if (q->bytes[r] != q->bytes[t->rank] || q->exchanged[r] != q->exchanged[t->rank])
            return false;
        memcpy(q->into[t->rank] + (size_t)r * q->bytes[r],
               q->from[r] + (q->exchanged[r] ? (size_t)t->rank * q->bytes[r] : 0), q->bytes[r]);
    }
    q->copied[t->rank] = true;
    q->done++;
    return true;
}

static int test_of_threads(fr_transport *t, void *request)
{
    thread_rank *r = (thread_rank *)t;
    shared_request *q = request;
    int done = 0;

    pthread_mutex_lock(&r->shared->lock);
    if (q->started == t->size && !q->copied[t->rank] && !copy_request(t, q)) {
        t->error = "ranks do not do the same";
        done = -1;
    } else if (q->done == t->size) {
        done = 1;
        if (++q->freed == t->size)
            *q = (shared_request){ .started = 0 };
    }
    pthread_mutex_unlock(&r->shared->lock);
    return done;
}

static void end_of_threads(fr_transport *t)
{
    (void)t;
}

static void abort_of_threads(fr_transport *t)
{
    ((thread_rank *)t)->aborted = true;
}

/* What a rank does, in a scope, between fr_distributed_begin and fr_distributed_finalize. */
typedef void rank_function(int rank, void *user);

typedef struct {
    thread_rank rank;
    rank_function *run;
    void *user;
    double timeout;
} rank_job;

static void *run_rank(void *argument)
{
    rank_job *j = argument;

    this_rank = &j->rank;
#ifdef FR_SANITIZE
    if (groups_fail && __lsan_disable)
        __lsan_disable();
#endif
    if (fr_distributed_begin(&j->rank.transport, j->timeout)) {
        FR_SCOPE;
        j->run(j->rank.transport.rank, j->user);
    }
    fr_distributed_finalize();
    return NULL;
}

/* Runs all ranks. Returns how many of them ended by abort. */
static int run_ranks(int size, double timeout, rank_function *run, void *user)
{
    static shared_ranks shared;
    pthread_t threads[MOST_RANKS];
    rank_job jobs[MOST_RANKS];
    int aborted = 0;

    memset(&shared, 0, sizeof shared);
    pthread_mutex_init(&shared.lock, NULL);
    for (int r = 0; r < size; r++) {
        jobs[r] = (rank_job){ .rank = { .transport = { .rank = r,
                                                       .size = size,
                                                       .gather = gather_of_threads,
                                                       .exchange = exchange_of_threads,
                                                       .test = test_of_threads,
                                                       .end = end_of_threads,
                                                       .abort = abort_of_threads },
                                        .shared = &shared },
                              .run = run,
                              .user = user,
                              .timeout = timeout };
        ck_assert_int_eq(pthread_create(&threads[r], NULL, run_rank, &jobs[r]), 0);
    }
    for (int r = 0; r < size; r++) {
        pthread_join(threads[r], NULL);
        aborted += jobs[r].rank.aborted;
    }
    return aborted;
}

#endif
