/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Dropout between recurrent layers, of rows of different lengths. PyTorch packs these, and so draws a mask for packed
 * rows: step after step those that are still running, the longest first, rows of one length in order. */
#include "nn/recurrent.h"

/* places[t * B + b]: the packed row of b's step t; 0 past its length. counts, starts: (T + 1) each, for own use.
 * Returns the number of packed rows. */
static int64_t find_places(const fr_tensor *lengths, int64_t steps, int64_t *places, int64_t *counts, int64_t *starts)
{
    int64_t batch = lengths->numel, total = 0;

    memset(counts, 0, (size_t)(steps + 1) * sizeof *counts);
    memset(places, 0, (size_t)(steps * batch) * sizeof *places);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t < fr_length_at(lengths, b); t++)
            counts[t]++;
    for (int64_t t = 0; t < steps; t++) {
        starts[t] = total;
        total += counts[t];
    }
    for (int64_t b = 0; b < batch; b++) {
        int64_t length = fr_length_at(lengths, b), rank = counts[length]++; /* those longer, then earlier ones alike */

        for (int64_t t = 0; t < length; t++)
            places[t * batch + b] = starts[t] + rank;
    }
    return total;
}

fr_tensor *fr_dropout_packed(const char *what, fr_tensor *y, const fr_tensor *lengths, double p)
{
    int64_t steps = y->shape.dim[0], batch = y->shape.dim[1], features = y->shape.dim[2], rows;
    size_t bytes = 2 * (size_t)(steps + 1) * sizeof(int64_t);
    int64_t *scratch = fr_alloc(bytes);
    fr_tensor *places = fr_hold(what, fr_tensor_alloc(what, &FR_SHAPE(steps * batch), FR_I64)), *mask;

    if (!scratch)
        return fr_fail_memory(what);
    if (places)
        rows = find_places(lengths, steps, (int64_t *)places->origin, scratch, scratch + steps + 1);
    fr_free(scratch, bytes);
    if (!places)
        return NULL;
    mask = fr_hold(what, fr_tensor_alloc(what, &FR_SHAPE(rows, features), y->dtype));
    if (!mask)
        return NULL;
    fr_fill(mask, 1);
    mask = fr_index_select(fr_dropout(mask, p), 0, places);
    return fr_mul(y, fr_reshape(mask, y->shape));
}
