/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How many tensors are alive in the process, bytes of their values, and the peak of those. */
#include "core/live_counts.h"

#include "core/thread.h"

#include <stdatomic.h>

static atomic_size_t live_tensors, live_bytes, peak_bytes;

void fr_count_flush(fr_live_counts *c)
{
    size_t bytes = (size_t)c->bytes; /* modulo 2^64, as the sums are */
    size_t now = atomic_fetch_add_explicit(&live_bytes, bytes, memory_order_relaxed) + bytes;
    size_t peak = atomic_load_explicit(&peak_bytes, memory_order_relaxed);

    atomic_fetch_add_explicit(&live_tensors, (size_t)c->tensors, memory_order_relaxed);
    while (
        c->bytes > 0 && now > peak &&
        !atomic_compare_exchange_weak_explicit(&peak_bytes, &peak, now, memory_order_relaxed, memory_order_relaxed)) {
    }
    c->tensors = c->bytes = 0;
}

static size_t counted(const atomic_size_t *count)
{
    fr_count_flush(&fr_thread_self()->uncounted);
    return atomic_load_explicit(count, memory_order_relaxed);
}

size_t fr_live_tensors(void)
{
    return counted(&live_tensors);
}

size_t fr_live_bytes(void)
{
    return counted(&live_bytes);
}

size_t fr_peak_bytes(void)
{
    return counted(&peak_bytes);
}

void fr_reset_peak_bytes(void)
{
    atomic_store_explicit(&peak_bytes, fr_live_bytes(), memory_order_relaxed);
}
