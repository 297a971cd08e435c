/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Blocks of memory from this thread's cache, and arrays that grow. */
#ifndef FROND_CORE_MEMORY_H
#define FROND_CORE_MEMORY_H

#include "core/base.h"

/* A block of at least `bytes` bytes, aligned to 64. NULL if memory runs out; no error is reported. */
void *fr_alloc(size_t bytes);
/* Frees a block on any thread. bytes is what fr_alloc was given; NULL is fine. */
void fr_free(void *block, size_t bytes);

/* True if FROND_CHECK asks for it (<frond/error.h>), under valgrind or AddressSanitizer, and when built with
 * sanitizers. Then freed blocks are filled with NaN and not used again for long. It does not change after a thread's
 * first call. */
extern bool fr_check_memory;
static inline bool fr_checking(void)
{
    return fr_check_memory;
}
void fr_check_from_environment(void);
void fr_freed_blocks_empty(void); /* with FROND_CHECK: frees the blocks that wait */

/* Makes room in a malloc'd array for one more element than count. array is the address of the pointer to it. False if
 * memory runs out. */
bool fr_grow(void *array, size_t element, size_t *capacity);
static inline bool fr_make_room(void *array, size_t element, size_t count, size_t *capacity)
{
    return FR_LIKELY(count < *capacity) || fr_grow(array, element, capacity);
}

/* --- The cache, a part of fr_thread ------------------------------------------------------------------------------ */

/* Size classes go from blocks of 2^6 bytes to blocks of 2^40, four to each power of two; of 2^31 where no size_t is
 * larger. */
enum {
    FR_CLASS_STEPS = 4,
    FR_CLASS_MIN = 6,
    FR_CLASS_MAX = sizeof(size_t) > 4 ? 40 : 31,
    FR_SIZE_CLASSES = (FR_CLASS_MAX - FR_CLASS_MIN) * FR_CLASS_STEPS + 1
};

/* Freed blocks of one size, kept for reuse. */
typedef struct {
    struct fr_block *free;
    char *fresh, *end;  /* the part of the current slab that has not been handed out */
    int64_t free_count; /* length of free */
    int64_t out;        /* blocks handed out less blocks taken back; other threads' blocks count when freed here */
    int64_t most_out;   /* the highest value of out so far */
} fr_size_class;

typedef struct {
    fr_size_class classes[FR_SIZE_CLASSES];
} fr_block_cache;

void fr_cache_empty(fr_block_cache *cache); /* gives its blocks back to the system */

#endif
