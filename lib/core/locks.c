/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The table of locks, and what happens to them when the process forks. */
#include <config.h>

#include "core/locks.h"

#include "core/threads.h"

/* One who waits to lock goes before those who come later to share: fork must not wait for ever beside threads that are
 * always in the BLAS. */
#ifdef PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
#define UNLOCKED PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
#else
#define UNLOCKED PTHREAD_RWLOCK_INITIALIZER
#endif

pthread_rwlock_t fr_locks[FR_LOCKS] = { [0 ... FR_LOCKS - 1] = UNLOCKED };

static void lock_all(void)
{
    for (int i = 0; i < FR_LOCKS; i++)
        fr_lock(i);
}

static void unlock_all(void)
{
    for (int i = FR_LOCKS; i-- > 0;)
        fr_unlock(i);
}

/* The child may not unlock what the parent's thread has locked: it has a thread number of its own. */
static void begin_child(void)
{
    static const pthread_rwlock_t unlocked = UNLOCKED;

    for (int i = 0; i < FR_LOCKS; i++)
        fr_locks[i] = unlocked;
    fr_threads_begin_child();
}

/* When the library is loaded: nobody holds a lock yet. */
__attribute__((constructor)) static void begin(void)
{
    pthread_atfork(lock_all, unlock_all, begin_child);
}
