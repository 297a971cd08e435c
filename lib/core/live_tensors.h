/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Which tensors are alive: how many there are, and a table of where they were made. */
#ifndef FROND_CORE_LIVE_TENSORS_H
#define FROND_CORE_LIVE_TENSORS_H

#include "core/base.h"

#include <stdatomic.h>

/* --- The table, kept while tracking is on (fr_track_live) -------------------------------------------------------- */

extern atomic_bool fr_tracking;
void fr_track_from_environment(void);
void fr_track_made(const fr_tensor *t);
void fr_track_freed(const fr_tensor *t);

static inline bool fr_is_tracking(void)
{
    return FR_UNLIKELY(atomic_load_explicit(&fr_tracking, memory_order_relaxed));
}

#endif
