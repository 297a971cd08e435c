/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Memory for tensors, values and nodes. A freed block goes to the cache of the thread that frees it, sorted by size
 * class. So a training step whose shapes were seen before asks the system for nothing.
 *
 * A class keeps no more blocks than this thread has ever had in use at once. A thread that only frees what others
 * allocate keeps none.
 *
 * With FROND_CHECK there is no cache: freed blocks wait, filled with NaN, before they go back to the system. */
#include <config.h>

#include "core/memory.h"

#include "core/locks.h"
#include "core/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

#define HUGE_PAGE ((size_t)1 << 21) /* the usual size; on other systems it is just an alignment */

/* Blocks of up to SMALL bytes are cut from slabs: malloc would need twice the memory to align each of them. */
enum { SLAB = 1 << 15, SMALL = 1 << 10 };

enum { ALIGNMENT = 64, CLASSES = FR_SIZE_CLASSES };

struct fr_block {
    struct fr_block *next;
};

/* --- Sizes, and memory from the system --------------------------------------------------------------------------- */

/* The class of a size >= 1, or -1 if it is too large for any. With four classes to each power of two, at most a fifth
 * of a block is wasted. */
static int class_of(size_t bytes)
{
    if (bytes <= (size_t)1 << FR_CLASS_MIN)
        return 0;
    if (bytes > (size_t)1 << FR_CLASS_MAX)
        return -1;

    int shift = 63 - __builtin_clzll(bytes - 1);
    size_t steps = (bytes - 1 - ((size_t)1 << shift)) >> (shift - 2);

    return (shift - FR_CLASS_MIN) * FR_CLASS_STEPS + (int)steps + 1;
}

/* The size of a class's blocks: the largest size that belongs to it, in whole cache lines. */
static size_t size_of(int class)
{
    int shift = FR_CLASS_MIN + (class - 1) / FR_CLASS_STEPS, steps = (class - 1) % FR_CLASS_STEPS + 1;
    size_t size = class ? ((size_t)1 << shift) + ((size_t)steps << (shift - 2)) : (size_t)1 << FR_CLASS_MIN;

    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* From two huge pages on, the system is asked for huge pages: reading a block from end to end is a seventh faster then.
 */
static void *from_system(size_t bytes)
{
    bool huge = bytes >= 2 * HUGE_PAGE;
    size_t alignment = huge ? HUGE_PAGE : ALIGNMENT, rounded;
    void *memory;

    if (__builtin_add_overflow(bytes, alignment - 1, &rounded))
        return NULL;
    rounded = rounded / alignment * alignment;
    memory = aligned_alloc(alignment, rounded);
#ifdef MADV_HUGEPAGE
    if (memory && huge)
        madvise(memory, rounded, MADV_HUGEPAGE); /* if it fails, small pages do as well */
#endif
    return memory;
}

/* The start of a slab. A slab is aligned to its size, so that a block's slab is found from its address; it is freed
 * when all its blocks have been given back. */
typedef struct {
    atomic_int blocks;
} slab;

static void give_back_cut(void *block, int blocks)
{
    slab *s = (slab *)((uintptr_t)block & ~(uintptr_t)(SLAB - 1));

    if (atomic_fetch_sub_explicit(&s->blocks, blocks, memory_order_acq_rel) == blocks)
        free(s);
}

static void *cut(fr_size_class *k, size_t size)
{
    if (k->fresh == k->end) {
        slab *s = aligned_alloc(SLAB, SLAB);
        int blocks = (int)((SLAB - ALIGNMENT) / size);

        if (!s)
            return NULL;
        atomic_init(&s->blocks, blocks);
        k->fresh = (char *)s + ALIGNMENT;
        k->end = k->fresh + (size_t)blocks * size;
    }
    k->fresh += size;
    return k->fresh - size;
}

static void give_back(void *block, size_t size)
{
    if (size <= SMALL)
        give_back_cut(block, 1);
    else
        free(block);
}

/* --- With FROND_CHECK -------------------------------------------------------------------------------------------- */

/* The beginning of a freed block that waits. */
typedef struct waiting_block {
    struct waiting_block *next;
    size_t bytes;
} waiting_block;

enum { WAITING_BYTES = 256 << 20 }; /* of all blocks that wait at most */

static struct {
    waiting_block *oldest, *newest;
    size_t bytes;
} freed;

bool fr_check_memory;
static bool under_tool; /* which has a queue of freed blocks of its own, and names the place that freed one */

/* There if the program was built with AddressSanitizer, whether the library was or not. */
extern void __asan_poison_memory_region(const volatile void *start, size_t bytes) __attribute__((weak));

void fr_check_from_environment(void)
{
    const char *value = getenv("FROND_CHECK");

    under_tool = __asan_poison_memory_region != NULL;
#ifdef RUNNING_ON_VALGRIND
    under_tool = under_tool || RUNNING_ON_VALGRIND;
#endif
    fr_check_memory = value && *value ? strcmp(value, "0") != 0 : under_tool;
#ifdef FR_SANITIZE
    fr_check_memory = true;
#endif
}

/* Under the lock: takes blocks out of the queue until it holds at most that many bytes, and returns them as a list. */
static waiting_block *take_down_to(size_t bytes)
{
    waiting_block *list = NULL;

    while (freed.bytes > bytes) {
        waiting_block *b = freed.oldest;

        freed.oldest = b->next;
        freed.bytes -= b->bytes;
        b->next = list;
        list = b;
    }
    return list;
}

static void free_list(waiting_block *list)
{
    for (waiting_block *next; list; list = next) {
        next = list->next;
        free(list);
    }
}

/* All bits set are NaN in float32 and float64, and -1 in int64. */
static void free_later(void *block, size_t bytes)
{
    waiting_block *b = block, *list;

    memset(block, 0xff, bytes);
    if (under_tool) {
        free(block);
        return;
    }
    fr_lock(FR_LOCK_FREED_BLOCKS);
    *b = (waiting_block){ .bytes = bytes };
    if (freed.bytes > 0)
        freed.newest->next = b;
    else
        freed.oldest = b;
    freed.newest = b;
    freed.bytes += bytes;
    list = take_down_to(WAITING_BYTES);
    fr_unlock(FR_LOCK_FREED_BLOCKS);
    free_list(list);
}

void fr_freed_blocks_empty(void)
{
    waiting_block *list;

    fr_lock(FR_LOCK_FREED_BLOCKS);
    list = take_down_to(0);
    fr_unlock(FR_LOCK_FREED_BLOCKS);
    free_list(list);
}

/* --- A thread's blocks ------------------------------------------------------------------------------------------- */

void fr_cache_empty(fr_block_cache *cache)
{
    for (int i = 0; i < CLASSES; i++) {
        fr_size_class *k = &cache->classes[i];
        size_t size = size_of(i);

        for (struct fr_block *b = k->free, *next; b; b = next) {
            next = b->next;
            give_back(b, size);
        }
        if (k->fresh != k->end)
            give_back_cut(k->fresh, (int)((size_t)(k->end - k->fresh) / size));
        k->free = NULL;
        k->fresh = k->end = NULL;
        k->free_count = 0;
        k->most_out = k->out;
    }
}

void *fr_alloc(size_t bytes)
{
    fr_thread *th = fr_thread_self();
    int i = FR_LIKELY(!fr_checking()) ? class_of(bytes ? bytes : 1) : -1;

    if (FR_UNLIKELY(i < 0))
        return from_system(bytes ? bytes : 1);

    fr_size_class *k = &th->cache.classes[i];
    struct fr_block *b = k->free;

    if (FR_LIKELY(b != NULL)) {
        k->free = b->next;
        k->free_count--;
    } else {
        size_t size = size_of(i);

        b = size <= SMALL ? cut(k, size) : from_system(size);
        if (!b)
            return NULL;
    }
    if (++k->out > k->most_out)
        k->most_out = k->out;
    return b;
}

void fr_free(void *memory, size_t bytes)
{
    fr_thread *th = fr_thread_self();
    int i = class_of(bytes ? bytes : 1);

    if (!memory)
        return;
    if (FR_UNLIKELY(fr_checking())) {
        free_later(memory, bytes ? bytes : 1);
        return;
    }
    if (FR_UNLIKELY(i < 0)) {
        free(memory);
        return;
    }

    fr_size_class *k = &th->cache.classes[i];
    struct fr_block *b = memory;

    k->out -= k->out > 0;
    if (k->free_count + k->out < k->most_out) {
        b->next = k->free;
        k->free = b;
        k->free_count++;
    } else {
        give_back(b, size_of(i));
    }
}

void fr_cache_trim(void)
{
    fr_thread *th = fr_thread_self();

    fr_cache_empty(&th->cache);
    fr_header_pool_trim(&th->headers);
}

bool fr_grow(void *array, size_t element, size_t *capacity)
{
    size_t more = *capacity ? *capacity * 2 : 64;
    void *slot;

    memcpy(&slot, array, sizeof slot); /* a pointer to any type */
    slot = more <= SIZE_MAX / element ? realloc(slot, more * element) : NULL;
    if (!slot)
        return false;
    memcpy(array, &slot, sizeof slot);
    *capacity = more;
    return true;
}
