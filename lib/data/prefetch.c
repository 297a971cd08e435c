/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A thread that makes the batches of one epoch into a ring, in which the loader finds them. It draws none of the
 * process's random numbers: the order of the rows has a generator of its own. The loader starts one for each epoch and
 * stops it at its end, so that none has to be woken and none is left over. */
#include <config.h>

#include "data/prefetch.h"

#include "core/integer.h"
#include "core/thread.h"
#include "core/threads.h"

#include <frond/op.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct fr_prefetch {
    const fr_loader *l;
    pthread_t thread;
    pid_t process;    /* that has the thread */
    int64_t next;     /* the thread's: row of the epoch at which the batch begins that is being made */
    fr_tensor **ring; /* `size` batches of l->count tensors */
    int64_t size;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    int64_t made, taken; /* batches; number i is in the ring at i % size */
    bool stop;
    bool failed; /* the batch after the last one that was made */
    char message[FR_MESSAGE_SIZE];
};

static fr_tensor **place_of(const fr_prefetch *p, int64_t batch)
{
    return p->ring + batch % p->size * p->l->count;
}

/* --- The thread --------------------------------------------------------------------------------------------------- */

/* Waits until there is room in the ring. False: the thread is to end. */
static bool wait_for_room(fr_prefetch *p)
{
    bool stop;

    pthread_mutex_lock(&p->lock);
    while (!p->stop && p->made - p->taken == p->size)
        pthread_cond_wait(&p->changed, &p->lock);
    stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return !stop;
}

/* Tells the loader of the batch that was made, or of the failure that this thread has noted, and forgets that. */
static void hand_over(fr_prefetch *p, fr_thread *th, bool ok)
{
    pthread_mutex_lock(&p->lock);
    p->made += ok;
    p->failed = !ok;
    if (!ok)
        memcpy(p->message, th->errors.latest, sizeof p->message);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void *make_batches(void *user)
{
    fr_prefetch *p = user;
    fr_thread *th = fr_thread_self();
    int64_t rows;
    bool ok = true;

    fr_threads_stay_out();
    fr_defer_errors(th); /* for good: the handler hears of errors in the loader's thread */
    while (ok && (rows = fr_loader_batch_rows(p->l, p->next)) > 0 && wait_for_room(p)) {
        ok = fr_loader_make("loader_next", p->l, p->next, place_of(p, p->made));
        p->next += rows;
        hand_over(p, th, ok);
    }
    return NULL;
}

/* --- The loader's side -------------------------------------------------------------------------------------------- */

/* The thread blocks all signals, which the program's own threads handle. */
static bool start_thread(fr_prefetch *p)
{
    sigset_t all, before;
    bool ok;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = pthread_create(&p->thread, NULL, make_batches, p) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

static void free_all(fr_prefetch *p)
{
    for (int64_t i = 0; i < p->size * p->l->count; i++)
        fr_unref(p->ring[i]);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p->ring);
    free(p);
}

fr_prefetch *fr_prefetch_start(fr_loader *l)
{
    int64_t left = (l->rows - l->next - 1) / l->batch_size + 1, size = fr_least(l->prefetch_factor, left);
    fr_prefetch *p = calloc(1, sizeof *p);
    fr_tensor **ring = calloc((size_t)size, (size_t)l->count * sizeof *ring);

    if (!p || !ring) {
        free(ring);
        free(p);
        return NULL;
    }
    *p = (fr_prefetch){ .l = l, .process = getpid(), .next = l->next, .ring = ring, .size = size };
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    if (!start_thread(p)) {
        free_all(p);
        return NULL;
    }
    return p;
}

bool fr_prefetch_take(fr_prefetch *p, fr_tensor **batch)
{
    fr_tensor **place;
    bool there;

    pthread_mutex_lock(&p->lock);
    while (p->made == p->taken && !p->failed)
        pthread_cond_wait(&p->changed, &p->lock);
    there = p->made > p->taken;
    if (there) {
        place = place_of(p, p->taken);
        memcpy(batch, place, (size_t)p->l->count * sizeof *batch);
        memset(place, 0, (size_t)p->l->count * sizeof *place);
        p->taken++;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return there || fr_fail_again(p->message);
}

bool fr_prefetch_is_running(const fr_prefetch *p)
{
    return p && p->process == getpid();
}

void fr_prefetch_stop(fr_prefetch *p)
{
    if (!fr_prefetch_is_running(p)) /* a child leaves what its parent's thread was writing as it is */
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    free_all(p);
}
