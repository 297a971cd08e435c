/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Memory for the headers of tensors. A released header waits in a queue until FR_HEADERS_KEPT others were released
 * after it, and no other object ever uses its memory. So a late use of a released tensor finds its header as it was. */
#ifndef FROND_CORE_HEADER_POOL_H
#define FROND_CORE_HEADER_POOL_H

#include "core/life.h"

enum {
    FR_HEADER_SIZE = 256,        /* bytes of a header: whole cache lines */
    FR_HEADERS_KEPT = 1 << 10,   /* released headers of a thread that wait at least */
    FR_HEADERS_CHECKED = 1 << 18 /* the same with FROND_CHECK, in the process */
};

/* A released header. */
typedef struct fr_dead_header {
    fr_life life;
    struct fr_dead_header *next; /* the one that was released after it */
} fr_dead_header;

typedef struct {
    fr_dead_header *oldest, *newest;
    int64_t count;
} fr_header_queue;

/* A part of fr_thread. */
typedef struct {
    fr_header_queue waiting;
    struct fr_header_slab *slab; /* headers that were never used are cut from it; NULL: none */
    int64_t out, most_out;       /* headers in use, less those that other threads made, and the highest number so far */
} fr_header_pool;

/* Room for a header. NULL, without an error, if memory runs out. */
void *fr_header_alloc(fr_header_pool *pool);
/* Takes back a header whose life has ended. */
void fr_header_free(fr_header_pool *pool, void *header);
/* Hands all that the pool of a thread that ends has to the other threads. */
void fr_header_pool_end(fr_header_pool *pool);
/* Gives the pages of slabs whose headers all wait in this pool back to the system. */
void fr_header_pool_trim(fr_header_pool *pool);
/* With FROND_CHECK: frees the headers that wait. */
void fr_headers_empty(void);

#endif
