/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Dropout between recurrent layers for rows of different lengths. PyTorch packs such rows and draws the mask in packed
 * order, so this does too: step by step, the rows that are still running, the longest first, rows of equal length in
 * the order of the batch. */
#include "core/recorder.h"
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

/* 1/(1-p) or 0 for each value of each packed position: (rows,features) */
static fr_tensor *packed_mask(const char *what, int64_t rows, int64_t features, fr_dtype dtype, double p)
{
    fr_tensor *ones = fr_hold(what, fr_tensor_alloc(what, &FR_SHAPE(rows, features), dtype));

    if (ones)
        fr_fill(ones, 1);
    return fr_dropout(ones, p);
}

/* Draws `into` (T B,features) for the lengths `from`; m is T. */
static bool draw(const fr_action *a)
{
    FR_SCOPE;
    int64_t steps = a->m, batch = a->from->numel, rows = 0;
    size_t bytes = 2 * (size_t)(steps + 1) * sizeof(int64_t);
    int64_t *scratch = fr_alloc(bytes);
    fr_tensor *packed = fr_hold(a->function, fr_tensor_alloc(a->function, &FR_SHAPE(steps * batch), FR_I64)), *mask;

    if (!scratch)
        return fr_fail_memory(a->function);
    if (packed)
        rows = find_packed(a->from, steps, (int64_t *)packed->origin, scratch, scratch + steps + 1);
    fr_free(scratch, bytes);
    mask = packed ? packed_mask(a->function, rows, a->into->shape.dim[1], (fr_dtype)a->into->dtype, a->a) : NULL;
    mask = fr_index_select(mask, 0, packed);
    if (mask)
        fr_copy_values(a->into, mask);
    return mask;
}

fr_tensor *fr_dropout_packed(const char *what, fr_tensor *y, const fr_tensor *lengths, double p)
{
    int64_t steps = y->shape.dim[0], batch = y->shape.dim[1], features = y->shape.dim[2];
    fr_tensor *mask = fr_hold(what, fr_tensor_alloc(what, &FR_SHAPE(steps * batch, features), y->dtype));
    fr_action drawing = {
        .run = draw, .function = what, .into = mask, .from = (fr_tensor *)lengths, .a = p, .m = steps
    };

    if (!mask || !fr_act(fr_thread_self(), &drawing))
        return NULL;
    return fr_mul(y, fr_reshape(mask, y->shape));
}
