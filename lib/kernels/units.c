/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Neighbouring units make up a tile, so that it is worth a thread's while, and share its scratch memory. */
#include "kernels/units.h"

#include "core/integer.h"
#include "core/memory.h"
#include "core/threads.h"

typedef struct {
    int64_t units, per_tile, scratch_bytes;
    fr_unit *run;
    const void *job;
    char *scratch;
} tiles_of_units;

static void run_tile(void *user, int64_t tile)
{
    const tiles_of_units *w = user;
    int64_t end = fr_least((tile + 1) * w->per_tile, w->units);

    for (int64_t i = tile * w->per_tile; i < end; i++)
        w->run(w->job, i, w->scratch ? w->scratch + tile * w->scratch_bytes : NULL);
}

int64_t fr_units_per_tile(double work)
{
    enum { TILE_WORK = 1 << 19 }; /* multiply-adds, at least */

    return 1 + (int64_t)(TILE_WORK / (work + 1));
}

bool fr_run_units(int64_t units, double work, int64_t scratch_bytes, fr_unit *run, const void *job)
{
    enum { ALIGNED = 64 };
    tiles_of_units w = { .units = units, .run = run, .job = job };
    int64_t tiles, bytes;

    if (scratch_bytes < 0 || scratch_bytes > INT64_MAX / FR_MAX_UNIT_TILES - ALIGNED)
        return false;
    w.per_tile = fr_most(fr_units_per_tile(work), fr_divide_up(units, FR_MAX_UNIT_TILES));
    w.scratch_bytes = fr_round_up(scratch_bytes, ALIGNED);
    tiles = fr_divide_up(units, w.per_tile);
    bytes = tiles * w.scratch_bytes;
    if (bytes > 0 && !(w.scratch = fr_alloc(fr_bytes(bytes))))
        return false;
    fr_run_tiles(tiles, run_tile, &w);
    fr_free(w.scratch, fr_bytes(bytes));
    return true;
}
