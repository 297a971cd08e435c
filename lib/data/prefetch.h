/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Batches that a thread makes ahead of a loader. */
#ifndef FROND_DATA_PREFETCH_H
#define FROND_DATA_PREFETCH_H

#include "data/loader.h"

typedef struct fr_prefetch fr_prefetch;

/* Starts a thread that makes the batches of the epoch from row l->next on. Until it is stopped l's order is the
 * thread's, and nothing but `next`, `batch` and `weight` may change in l. NULL, without an error, if memory or threads
 * run out. */
fr_prefetch *fr_prefetch_start(fr_loader *l);
/* Waits for the next batch and moves its tensors to batch. False with an error if it could not be made; then p is to be
 * stopped. */
bool fr_prefetch_take(fr_prefetch *p, fr_tensor **batch);
/* False for NULL, and in a child of the process that started the thread, which does not have it. */
bool fr_prefetch_is_running(const fr_prefetch *p);
/* Waits until the thread has ended and frees p. NULL is fine. */
void fr_prefetch_stop(fr_prefetch *p);

#endif
