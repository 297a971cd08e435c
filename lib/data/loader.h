/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of a loader. Its position in an epoch is seed and next, which lib/checkpoint saves. */
#ifndef FROND_DATA_LOADER_H
#define FROND_DATA_LOADER_H

#include "core/life.h"

#include <frond/data.h>

struct fr_loader {
    fr_life life;
    int count;           /* of tensors */
    fr_tensor **tensors; /* the user's tensors, detached */
    fr_tensor **batch;   /* the tensors that were returned last, or NULLs */
    int64_t rows, batch_size;
    bool shuffle, drop_last;
    bool running;   /* within an epoch */
    int64_t next;   /* index into order of the next row */
    uint64_t seed;  /* of this epoch's permutation, if shuffle */
    int64_t *order; /* of the rows in this epoch: a permutation of 0 ... rows - 1 */
    fr_shard shard; /* count 0: one process has all rows */
    double weight;  /* of the batch that was returned last */
};

#endif
