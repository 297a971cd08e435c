/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Counts a test program's calls of malloc and its relatives by defining them itself, in front of the C library's. The
 * count stays 0 without glibc, and under sanitizers, which have their own malloc. Include it in one file of a program.
 */
#ifndef FROND_TESTS_COUNTED_MALLOC_H
#define FROND_TESTS_COUNTED_MALLOC_H

#include <config.h>

#include <stdatomic.h>
#include <stdlib.h>

static atomic_size_t malloc_count;

static inline size_t mallocs_so_far(void)
{
    return atomic_load(&malloc_count);
}

#if defined(__GLIBC__) && !defined(FR_SANITIZE)
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t bytes)
{
    atomic_fetch_add(&malloc_count, 1);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    atomic_fetch_add(&malloc_count, 1);
    return __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    atomic_fetch_add(&malloc_count, 1);
    return __libc_realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    atomic_fetch_add(&malloc_count, 1);
    return __libc_memalign(alignment, bytes);
}
#endif

#endif
