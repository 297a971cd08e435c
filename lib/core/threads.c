/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How many threads an op may use, and a pool of threads that run tiles. The pool belongs to the process. One caller at
 * a time has it; other callers, and tiles that run tiles themselves, do so on their own thread.
 *
 * The tiles are dealt out in shares, one for each thread, which then helps the others. So in op after op a thread works
 * on the same part of arrays of one size, and finds in its caches what it has left there.
 *
 * The caller takes tiles too and never waits for a thread that has not begun: if the other cores are busy it does all
 * the work itself and loses next to nothing. If one that has begun loses its core to another process, the caller has to
 * wait for it, and then does without it for a while. A thread without work looks out for more for a while, since ops
 * follow each other, and then sleeps. */
#include <config.h>

#include "core/threads.h"

#include "core/integer.h"

#include <stdatomic.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_THREADS = 1024,
    MOST_SHARES = 64,    /* more threads than that have some in common */
    OPEN = 1 << 16,      /* a bit of gate: tiles may be taken. The bits below count the pool's threads that do so */
    LOOKOUT_NS = 200000, /* for how long a thread looks out for work before it sleeps */
    GLANCES = 32,        /* ... and how many times between two looks at the clock */
    STALL_NS = 1000000,  /* a thread that had a tile and no core for so long held up the caller: */
    SPARED_NS = 50000000 /* another process has the core, and for so long it is left to that */
};

/* Tiles next..end-1 are still to be taken. On a line of the cache of its own. */
typedef struct {
    atomic_llong next;
    int64_t end;
} __attribute__((aligned(64))) share;

static struct {
    pthread_mutex_t owner; /* held by the caller whose tiles these are */
    pthread_mutex_t lock;
    pthread_cond_t opened;
    int threads; /* started; the owner's */
    atomic_int gate, sleeping;
    atomic_int wanted;    /* threads besides the caller */
    atomic_int stalled;   /* threads that held up the caller */
    int spared;           /* threads that are not used until; the owner's */
    int64_t spared_until; /* nanoseconds */
    fr_tile_body *run;
    void *job;
    int shares;
    share share[MOST_SHARES];
} pool = { .owner = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER };

static _Thread_local bool in_tile;
static atomic_int asked_for; /* 0: the default */
static int by_default;
static pthread_once_t once = PTHREAD_ONCE_INIT;

void fr_threads_begin_child(void)
{
    pthread_mutex_init(&pool.owner, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.opened, NULL);
    pool.threads = 0;
    atomic_store(&pool.gate, 0);
    atomic_store(&pool.sleeping, 0);
    atomic_store(&pool.stalled, 0);
    pool.spared_until = 0;
    fr_set_num_threads(1);
}

static int cores(void)
{
#ifdef CPU_COUNT
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void begin(void)
{
    const char *given = getenv("OMP_NUM_THREADS");
    long n = given ? strtol(given, NULL, 10) : 0;

    by_default = n > 0 && n <= MOST_THREADS ? (int)n : cores();
}

int fr_num_threads(void)
{
    int n = atomic_load_explicit(&asked_for, memory_order_relaxed);

    pthread_once(&once, begin);
    return n > 0 ? n : by_default;
}

void fr_set_num_threads(int n)
{
    atomic_store_explicit(&asked_for, n < 1 ? 0 : n < MOST_THREADS ? n : MOST_THREADS, memory_order_relaxed);
}

static void deal_out(int64_t tiles, int shares)
{
    pool.shares = shares;
    for (int i = 0; i < shares; i++) {
        atomic_store_explicit(&pool.share[i].next, tiles / shares * i + fr_least(i, tiles % shares),
                              memory_order_relaxed);
        pool.share[i].end = tiles / shares * (i + 1) + fr_least(i + 1, tiles % shares);
    }
}

/* thread: its number, of which the caller has 0. */
static void take_tiles(int thread)
{
    in_tile = true;
    for (int i = 0; i < pool.shares; i++) {
        share *s = &pool.share[(thread + i) % pool.shares];
        int64_t tile;

        while ((tile = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed)) < s->end)
            pool.run(pool.job, tile);
    }
    in_tile = false;
}

static void rest(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Joins the work if the gate is open and threads are still wanted. */
static bool enter(void)
{
    int gate = atomic_load_explicit(&pool.gate, memory_order_relaxed);

    while (gate & OPEN && (gate & (OPEN - 1)) < atomic_load_explicit(&pool.wanted, memory_order_relaxed))
        if (atomic_compare_exchange_weak(&pool.gate, &gate, gate + 1))
            return true;
    return false;
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool look_out(void)
{
    int64_t end = read_clock(CLOCK_MONOTONIC) + LOOKOUT_NS;

    do {
        for (int i = 0; i < GLANCES; i++) {
            if (enter())
                return true;
            rest();
        }
    } while (read_clock(CLOCK_MONOTONIC) < end);
    return false;
}

static void sleep_until_open(void)
{
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleeping, 1);
    while (!enter())
        pthread_cond_wait(&pool.opened, &pool.lock);
    atomic_fetch_sub(&pool.sleeping, 1);
    pthread_mutex_unlock(&pool.lock);
}

/* Notes how long this thread was ready to run and did not. */
static void take_tiles_and_time(int thread)
{
    int64_t idle = read_clock(CLOCK_MONOTONIC) - read_clock(CLOCK_THREAD_CPUTIME_ID);

    take_tiles(thread);
    idle = read_clock(CLOCK_MONOTONIC) - read_clock(CLOCK_THREAD_CPUTIME_ID) - idle;
    if (idle > STALL_NS)
        atomic_fetch_add_explicit(&pool.stalled, 1, memory_order_relaxed);
}

static void *serve(void *thread)
{
    for (;;) {
        if (!look_out())
            sleep_until_open();
        take_tiles_and_time((int)(intptr_t)thread);
        atomic_fetch_sub_explicit(&pool.gate, 1, memory_order_release);
    }
    return thread;
}

/* If fewer threads can be started, fewer do the work. They block all signals, which the program's own threads handle.
 */
static void start_threads(int wanted)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;

    if (pool.threads >= wanted)
        return;
    if (pthread_attr_init(&attributes) != 0)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (pool.threads < wanted &&
           pthread_create(&thread, &attributes, serve, (void *)(intptr_t)(pool.threads + 1)) == 0)
        pool.threads++;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run_together(int64_t tiles, fr_tile_body *run, void *job, int threads)
{
    start_threads(threads - 1);
    pool.run = run;
    pool.job = job;
    deal_out(tiles, (int)fr_least(threads, MOST_SHARES));
    atomic_store_explicit(&pool.wanted, threads - 1, memory_order_relaxed);
    atomic_store(&pool.gate, OPEN);
    if (atomic_load(&pool.sleeping) > 0) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.opened);
        pthread_mutex_unlock(&pool.lock);
    }
    take_tiles(0);
    atomic_fetch_and_explicit(&pool.gate, ~OPEN, memory_order_relaxed);
    for (int i = 0; atomic_load_explicit(&pool.gate, memory_order_acquire) != 0; i++) {
        if (i < 1000)
            rest();
        else
            sched_yield();
    }
    if (atomic_load_explicit(&pool.stalled, memory_order_relaxed) > 0) {
        pool.spared = atomic_exchange_explicit(&pool.stalled, 0, memory_order_relaxed);
        pool.spared_until = read_clock(CLOCK_MONOTONIC) + SPARED_NS;
    }
}

static void run_alone(int64_t tiles, fr_tile_body *run, void *job)
{
    for (int64_t i = 0; i < tiles; i++)
        run(job, i);
}

void fr_threads_stay_out(void)
{
    in_tile = true;
}

void fr_run_tiles(int64_t tiles, fr_tile_body *run, void *job)
{
    int threads = tiles > 1 && !in_tile ? fr_num_threads() : 1;

    if (threads > tiles)
        threads = (int)tiles;
    if (threads <= 1 || pthread_mutex_trylock(&pool.owner) != 0) {
        run_alone(tiles, run, job);
        return;
    }
    if (pool.spared_until && read_clock(CLOCK_MONOTONIC) < pool.spared_until)
        threads -= pool.spared;
    if (threads > 1)
        run_together(tiles, run, job, threads);
    else
        run_alone(tiles, run, job);
    pthread_mutex_unlock(&pool.owner);
}
