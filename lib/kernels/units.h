/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Work in units, each of which needs scratch memory, on several threads. */
#ifndef FROND_KERNELS_UNITS_H
#define FROND_KERNELS_UNITS_H

#include "core/base.h"

enum { FR_MAX_UNIT_TILES = 32 }; /* each has scratch memory of its own */

/* How many units make up a tile's work, if each has `work` multiply-adds. */
int64_t fr_units_per_tile(double work);

/* Calls run(job, i, scratch) for each unit i = 0..units-1, of `work` multiply-adds each. scratch: so many bytes,
 * aligned to 64, with nothing of use in them at first; NULL for 0 bytes. Negative bytes stand for a size that
 * overflowed. False: out of memory, and nothing was run. */
typedef void fr_unit(const void *job, int64_t unit, char *scratch);
bool fr_run_units(int64_t units, double work, int64_t scratch_bytes, fr_unit *run, const void *job);

#endif
