/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Inside a loader. Where it is in an epoch follows from seed and next, which training/ saves. */
#ifndef FROND_DATA_LOADER_H
#define FROND_DATA_LOADER_H

#include "core/base.h"

#include <frond/data.h>

struct fr_loader {
    int count;           /* tensors */
    fr_tensor **tensors; /* views without history of those given */
    fr_tensor **batch;   /* what was lent out last, or NULLs */
    int64_t rows, batch_size;
    bool shuffle, drop_last;
    bool running;   /* in an epoch */
    int64_t next;   /* of order, in this epoch */
    uint64_t seed;  /* of order, where rows are shuffled */
    int64_t *order; /* rows of them */
};

#endif
