/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The queues of released tensor headers, and the slabs that headers are cut from.
 *
 * Slabs are never unmapped, since a stale pointer may lead into them. Their pages may be given back: a header there
 * then reads as zeros, which also means released.
 *
 * With FROND_CHECK each header is a block of its own, so that valgrind and AddressSanitizer see which tensors leak. */
#include <config.h>

#include "core/header_pool.h"

#include "core/locks.h"
#include "core/memory.h"
#include "core/tensor.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(sizeof(fr_tensor) <= FR_HEADER_SIZE, "a tensor's header does not fit");

/* The beginning of a slab, in place of its first header. */
typedef struct fr_header_slab {
    struct fr_header_slab *next; /* in the depot */
    char *fresh;                 /* the first header that was never used */
    int64_t waiting;             /* for fr_header_pool_trim: headers seen in the queue */
} slab;

enum { SLAB_SIZE = FR_HEADER_SIZE * 2 * FR_HEADERS_KEPT, SLAB_HEADERS = 2 * FR_HEADERS_KEPT - 1 };

/* What threads that ended, and threads that only release, leave to the others. */
static struct {
    fr_header_queue waiting;
    slab *slabs; /* with headers that were never used */
} depot;

/* --- Queues ------------------------------------------------------------------------------------------------------- */

static void append(fr_header_queue *to, const fr_header_queue *from)
{
    if (from->count == 0)
        return;
    if (to->count)
        to->newest->next = from->oldest;
    else
        to->oldest = from->oldest;
    to->newest = from->newest;
    to->count += from->count;
}

static inline fr_dead_header *take_oldest(fr_header_queue *q)
{
    fr_dead_header *h = q->oldest;

    q->oldest = h->next;
    q->count--;
    return h;
}

static inline void put_newest(fr_header_queue *q, fr_dead_header *h)
{
    *(q->count++ ? &q->newest->next : &q->oldest) = h;
    q->newest = h;
}

/* --- Slabs -------------------------------------------------------------------------------------------------------- */

static slab *slab_of(const void *header)
{
    return (slab *)((uintptr_t)header & ~(uintptr_t)(SLAB_SIZE - 1));
}

static bool used_up(const slab *s)
{
    return s->fresh == (const char *)s + SLAB_SIZE;
}

/* A mapping of SLAB_SIZE bytes that is aligned to its size: cut out of one twice as large. */
static slab *map_slab(void)
{
    char *memory = mmap(NULL, 2 * SLAB_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;

    size_t before = -(uintptr_t)memory % SLAB_SIZE;
    slab *s = (slab *)(void *)(memory + before);

    if (before)
        munmap(memory, before);
    munmap(memory + before + SLAB_SIZE, SLAB_SIZE - before);
    s->fresh = (char *)s + FR_HEADER_SIZE;
    return s;
}

/* Gives a pool without headers what the depot has, else a new slab. */
static bool refill(fr_header_pool *pool)
{
    fr_lock(FR_LOCK_HEADERS);
    append(&pool->waiting, &depot.waiting);
    depot.waiting = (fr_header_queue){ 0 };
    pool->slab = depot.slabs;
    if (pool->slab)
        depot.slabs = pool->slab->next;
    fr_unlock(FR_LOCK_HEADERS);
    if (pool->waiting.count <= FR_HEADERS_KEPT && !pool->slab)
        pool->slab = map_slab();
    return pool->waiting.count > FR_HEADERS_KEPT || pool->slab;
}

/* --- Headers of a thread ------------------------------------------------------------------------------------------ */

/* A new header is written at once. Its memory was last used long ago, so that of the next one is fetched meanwhile. */
static void fetch(const void *next)
{
    for (int line = 0; line < 3; line++)
        __builtin_prefetch((const char *)next + line * 64, 1);
}

static void *cut(fr_header_pool *pool)
{
    slab *s = pool->slab;
    char *header = s->fresh;

    s->fresh += FR_HEADER_SIZE;
    if (used_up(s))
        pool->slab = NULL;
    else
        fetch(s->fresh);
    return header;
}

void *fr_header_alloc(fr_header_pool *pool)
{
    void *header;

    if (FR_UNLIKELY(fr_checking()))
        return aligned_alloc(64, FR_HEADER_SIZE);
    if (FR_LIKELY(!pool->slab && pool->waiting.count > FR_HEADERS_KEPT)) {
        header = take_oldest(&pool->waiting);
        fetch(pool->waiting.oldest);
    } else if (pool->slab || refill(pool)) {
        header = pool->slab ? cut(pool) : take_oldest(&pool->waiting);
    } else {
        return NULL;
    }
    if (++pool->out > pool->most_out)
        pool->most_out = pool->out;
    return header;
}

/* Puts h into the depot's queue. Returns its oldest header if it keeps too many. */
static fr_dead_header *put_in_depot(fr_dead_header *h)
{
    fr_dead_header *oldest = NULL;

    fr_lock(FR_LOCK_HEADERS);
    put_newest(&depot.waiting, h);
    if (fr_checking() && depot.waiting.count > FR_HEADERS_CHECKED)
        oldest = take_oldest(&depot.waiting);
    fr_unlock(FR_LOCK_HEADERS);
    return oldest;
}

void fr_header_free(fr_header_pool *pool, void *header)
{
    if (FR_UNLIKELY(fr_checking())) {
        free(put_in_depot(header));
        return;
    }
    put_newest(&pool->waiting, header);
    pool->out -= pool->out > 0;
    if (FR_UNLIKELY(pool->waiting.count > FR_HEADERS_KEPT + pool->most_out))
        put_in_depot(take_oldest(&pool->waiting));
}

void fr_header_pool_end(fr_header_pool *pool)
{
    fr_lock(FR_LOCK_HEADERS);
    append(&depot.waiting, &pool->waiting);
    if (pool->slab) {
        pool->slab->next = depot.slabs;
        depot.slabs = pool->slab;
    }
    fr_unlock(FR_LOCK_HEADERS);
    *pool = (fr_header_pool){ 0 };
}

/* --- Giving memory back ------------------------------------------------------------------------------------------- */

/* Takes the headers of slabs that wait in q as a whole out of it. Returns a list of these slabs. */
static slab *take_whole_slabs(fr_header_queue *q)
{
    fr_header_queue all = *q;
    fr_dead_header *h = all.oldest;
    slab *whole = NULL;

    for (int64_t i = 0; i < all.count; i++, h = h->next)
        slab_of(h)->waiting = 0;
    h = all.oldest;
    for (int64_t i = 0; i < all.count; i++, h = h->next)
        slab_of(h)->waiting++;
    *q = (fr_header_queue){ 0 };
    h = all.oldest;
    for (int64_t i = 0; i < all.count; i++) {
        fr_dead_header *next = h->next;
        slab *s = slab_of(h);

        if (s->waiting < SLAB_HEADERS) {
            put_newest(q, h);
        } else if (s->waiting++ == SLAB_HEADERS) { /* the first header of it that is met */
            s->next = whole;
            whole = s;
        }
        h = next;
    }
    return whole;
}

void fr_header_pool_trim(fr_header_pool *pool)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (fr_checking())
        return;
    fr_lock(FR_LOCK_HEADERS); /* also for `waiting` of slabs, whose headers may lie in several pools */
    append(&pool->waiting, &depot.waiting);
    depot.waiting = (fr_header_queue){ 0 };
    for (slab *s = take_whole_slabs(&pool->waiting), *next; s; s = next) {
        next = s->next;
        madvise((char *)s + page, SLAB_SIZE - page, MADV_DONTNEED);
        s->fresh = (char *)s + FR_HEADER_SIZE;
        s->next = depot.slabs;
        depot.slabs = s;
    }
    pool->most_out = pool->out;
    fr_unlock(FR_LOCK_HEADERS);
}

void fr_headers_empty(void)
{
    fr_lock(FR_LOCK_HEADERS);
    while (fr_checking() && depot.waiting.count > 0)
        free(take_oldest(&depot.waiting));
    fr_unlock(FR_LOCK_HEADERS);
}
