/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How many tensors are alive in the process, and bytes of their values. */
#ifndef FROND_CORE_LIVE_COUNTS_H
#define FROND_CORE_LIVE_COUNTS_H

#include "core/base.h"

/* What a thread may count for itself before it tells the process; <frond/tensor.h> promises these numbers. */
enum { FR_UNCOUNTED_TENSORS = 64, FR_UNCOUNTED_BYTES = 4096 };

/* A part of fr_thread: changes that have not been added to the process's counts yet. */
typedef struct {
    int64_t tensors, bytes;
    bool batched; /* changes may wait here, since the end of the thread will be noticed */
} fr_live_counts;

/* Adds these changes to the process's counts. */
void fr_count_flush(fr_live_counts *c);

/* Small changes are added in batches, since a locked instruction for each would be a fifth of the cost of a small op.
 */
static inline void fr_count_live(fr_live_counts *c, int64_t tensors, int64_t bytes)
{
    c->tensors += tensors;
    c->bytes += bytes;
    if (c->bytes > FR_UNCOUNTED_BYTES || c->bytes < -FR_UNCOUNTED_BYTES || c->tensors > FR_UNCOUNTED_TENSORS ||
        c->tensors < -FR_UNCOUNTED_TENSORS || !c->batched)
        fr_count_flush(c);
}

#endif
