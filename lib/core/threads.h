/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Work shared among threads. Its size alone decides how it is cut into tiles, and a tile is computed in the same way by
 * every thread. So results do not depend on the number of threads. */
#ifndef FROND_CORE_THREADS_H
#define FROND_CORE_THREADS_H

#include "core/base.h"

/* Calls run(job, i) for each tile i = 0..tiles-1, on several threads if there are several tiles. A tile makes no
 * tensors and reports no errors. */
typedef void fr_tile_body(void *job, int64_t tile);
void fr_run_tiles(int64_t tiles, fr_tile_body *run, void *job);

/* From now on this thread runs all tiles itself, and leaves the pool to those that compute. */
void fr_threads_stay_out(void);

/* In the child after fork, which has none of the pool's threads: it begins anew, and runs on one thread until it asks
 * for more. */
void fr_threads_begin_child(void);

#endif
