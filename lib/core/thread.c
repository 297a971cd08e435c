/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The state of a thread, from its first call of the library to its end. */
#include <config.h>

#include "core/thread.h"

#include "core/live_tensors.h"

#include <pthread.h>
#include <stdlib.h>

_Thread_local fr_thread *fr_current_thread;

static pthread_key_t end_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool have_end_key;

/* If exit functions of this thread that run later call the library, they get a new state, for which this function is
 * called again. */
static void thread_ends(void *self)
{
    fr_thread *th = self;

    fr_scope_end(0); /* with the scopes inside it; the thread may have ended within them */
    fr_scope_release(&th->scopes);
    fr_graph_thread_part.end(th->graph);
    fr_count_flush(&th->uncounted);
    fr_cache_empty(&th->cache);
    fr_header_pool_end(&th->headers);
    fr_current_thread = NULL;
    free(th);
}

/* At the first call of the library. */
static void begin_process(void)
{
    fr_check_from_environment();
    fr_track_from_environment();
    have_end_key = pthread_key_create(&end_key, thread_ends) == 0;
}

/* The state is on the heap, since a library loaded by dlopen gets little memory for thread-local variables. If the
 * process has used up its keys, the library works without one; what a thread keeps is then lost when it ends. */
fr_thread *fr_thread_begin(void)
{
    fr_thread *th = calloc(1, sizeof *th + fr_graph_thread_part.size);

    if (!th) {
        fputs("frond: out of memory for a thread's state\n", stderr);
        abort();
    }
    th->graph = (void *)(th + 1);
    pthread_once(&once, begin_process);
    th->uncounted.batched = have_end_key && pthread_setspecific(end_key, th) == 0;
    fr_current_thread = th;
    return th;
}
