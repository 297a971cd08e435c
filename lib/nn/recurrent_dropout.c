/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Dropout between recurrent layers for rows of different lengths. PyTorch packs such rows and draws the mask in packed
 * order, so this does too: step by step, the rows that are still running, the longest first, rows of equal length in
 * the order of the batch. */
#include "nn/recurrent.h"

/* Sets packed[t * B + b] to the packed position of row b's step t; to 0 past the row's length. counts and starts are
 * scratch, (T + 1) each. Returns the number of packed positions. */
static int64_t find_packed(const fr_tensor *lengths, int64_t steps, int64_t *packed, int64_t *counts, int64_t *starts)
{
    int64_t batch = lengths->numel, total = 0;

    memset(counts, 0, (size_t)(steps + 1) * sizeof *counts);
    memset(packed, 0, (size_t)(steps * batch) * sizeof *packed);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t < fr_length_at(lengths, b); t++)
            counts[t]++;
    for (int64_t t = 0; t < steps; t++) {
        starts[t] = total;
        total += counts[t];
    }
    for (int64_t b = 0; b < batch; b++) {
        int64_t length = fr_length_at(lengths, b);
        int64_t rank = counts[length]++; /* in each step: after the longer rows and the earlier ones of this length */

        for (int64_t t = 0; t < length; t++)
            packed[t * batch + b] = starts[t] + rank;
    }
    return total;
}

fr_tensor *fr_dropout_packed(const char *what, fr_tensor *y, const fr_tensor *lengths, double p)
{
    int64_t steps = y->shape.dim[0], batch = y->shape.dim[1], features = y->shape.dim[2], rows;
    size_t bytes = 2 * (size_t)(steps + 1) * sizeof(int64_t);
    int64_t *scratch = fr_alloc(bytes);
    fr_tensor *packed = fr_hold(what, fr_tensor_alloc(what, &FR_SHAPE(steps * batch), FR_I64)), *mask;

    if (!scratch)
        return fr_fail_memory(what);
    if (packed)
        rows = find_packed(lengths, steps, (int64_t *)packed->origin, scratch, scratch + steps + 1);
    fr_free(scratch, bytes);
    if (!packed)
        return NULL;
    mask = fr_hold(what, fr_tensor_alloc(what, &FR_SHAPE(rows, features), y->dtype));
    if (!mask)
        return NULL;
    fr_fill(mask, 1);
    mask = fr_index_select(fr_dropout(mask, p), 0, packed);
    return fr_mul(y, fr_reshape(mask, y->shape));
}
