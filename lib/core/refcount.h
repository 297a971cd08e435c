/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Atomic reference counts. */
#ifndef FROND_CORE_REFCOUNT_H
#define FROND_CORE_REFCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>

static inline void fr_refcount_add(atomic_int *refs)
{
    atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* Gives up a reference; true if it was the last. The only holder needs no locked instruction to know that. */
static inline bool fr_refcount_drop(atomic_int *refs)
{
    return atomic_load_explicit(refs, memory_order_acquire) == 1 ||
           atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

#endif
