/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of a loader. Its position in an epoch is seed and next, which lib/checkpoint saves. */
#ifndef FROND_DATA_LOADER_H
#define FROND_DATA_LOADER_H

#include "data/order.h"
#include "data/source.h"

struct fr_loader {
    fr_life life;
    fr_source **sources;
    int source_count, count; /* count: of the tensors of a batch, those of all sources */
    fr_tensor **batch;       /* the tensors that were returned last, or NULLs */
    int64_t rows, batch_size, prefetch_factor;
    int64_t shuffle_buffer; /* 0: the whole epoch is shuffled, if shuffle */
    bool shuffle, drop_last;
    bool running;              /* within an epoch */
    int64_t next;              /* place in the epoch of the next row to be returned */
    uint64_t seed;             /* of this epoch's order, if shuffle */
    fr_order *order;           /* used by the thread, if there is one */
    fr_shard shard;            /* count 0: one process has all rows */
    double weight;             /* of the batch that was returned last */
    struct fr_prefetch *ahead; /* the batches from `next` on, if a thread makes them; NULL: none does */
};

/* Where the loader is in its epoch, as a checkpoint has it. Cannot fail. */
void fr_loader_set_position(fr_loader *l, bool running, int64_t next, uint64_t seed);
/* The rows of the batch of all processes that begins at row `next` of the epoch; 0: there is none. */
int64_t fr_loader_batch_rows(const fr_loader *l, int64_t next);
/* Makes this process's part of that batch; the tensors of batch are NULL before, and after an error. One thread at a
 * time. */
bool fr_loader_make(const char *what, const fr_loader *l, int64_t next, fr_tensor **batch);

#endif
