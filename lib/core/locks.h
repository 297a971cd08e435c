/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The locks of the process, all in one table. While a thread forks it holds each of them, so that the child finds what
 * they guard whole, and finds none of them locked by a thread that it does not have.
 *
 * A lock is for a few instructions: whoever holds one calls no function of the user and so never forks. Who needs two
 * takes them in the order of the table. */
#ifndef FROND_CORE_LOCKS_H
#define FROND_CORE_LOCKS_H

#include <pthread.h>

typedef enum {
    FR_LOCK_BLAS,         /* kernels/gemm.c: shared by threads that are in the BLAS, which has locks of its own */
    FR_LOCK_BLAS_THREADS, /* kernels/gemm.c: how many threads the BLAS may use */
    FR_LOCK_GRADIENTS,    /* graph/backward.c: the gradients of leaves */
    FR_LOCK_TANGENTS,     /* core/tangent.c: lists of tangents */
    FR_LOCK_LIVE_TENSORS, /* core/live_tensors.c: the table of tensors */
    FR_LOCK_GENERATOR,    /* core/random.c: the generator */
    FR_LOCK_OBJECTS,      /* core/life.c: objects that were freed */
    FR_LOCK_HEADERS,      /* core/header_pool.c: headers of tensors for all threads */
    FR_LOCK_FREED_BLOCKS, /* core/memory.c: blocks that were freed */
    FR_LOCKS
} fr_lock_name;

extern pthread_rwlock_t fr_locks[FR_LOCKS];

static inline void fr_lock(fr_lock_name name)
{
    pthread_rwlock_wrlock(&fr_locks[name]);
}

/* Several threads may share a lock; none of them may share it twice. */
static inline void fr_lock_shared(fr_lock_name name)
{
    pthread_rwlock_rdlock(&fr_locks[name]);
}

static inline void fr_unlock(fr_lock_name name)
{
    pthread_rwlock_unlock(&fr_locks[name]);
}

#endif
