/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The order of an epoch's rows: one algorithm for files in order, a shuffle buffer and a permutation. */
#include "data/order.h"

#include "core/integer.h"
#include "core/random.h"

#include <stdlib.h>

struct fr_order {
    int64_t rows, buffer;
    uint64_t seed;
    int64_t at;     /* rows that were given out; -1: unknown */
    int64_t *held;  /* (buffer); when fewer rows are left they are the last ones of it */
    int64_t *batch; /* what fr_order_rows returns */
    fr_generator own;
};

fr_order *fr_order_new(int64_t rows, int64_t buffer, int64_t batch)
{
    fr_order *o = calloc(1, sizeof *o);

    if (!o)
        return NULL;
    o->rows = rows;
    o->buffer = fr_least(buffer, rows);
    o->at = -1;
    o->held = calloc(fr_bytes(fr_most(o->buffer, 1)), sizeof *o->held);
    o->batch = calloc(fr_bytes(fr_most(batch, 1)), sizeof *o->batch);
    if (o->held && o->batch)
        return o;
    fr_order_free(o);
    return NULL;
}

void fr_order_free(fr_order *o)
{
    if (!o)
        return;
    free(o->held);
    free(o->batch);
    free(o);
}

void fr_order_forget(fr_order *o)
{
    o->at = -1;
}

static int64_t draw_row(fr_order *o)
{
    int64_t left = fr_least(o->buffer, o->rows - o->at), first = o->buffer - left;
    int64_t place = first + (left > 1 ? (int64_t)fr_generator_below(&o->own, (uint64_t)left) : 0);
    int64_t row = o->held[place];

    o->held[place] = o->at < o->rows - o->buffer ? o->at + o->buffer : o->held[first];
    o->at++;
    return row;
}

/* A buffer of one row has no draws to make again. */
static void go_to(fr_order *o, uint64_t seed, int64_t next)
{
    fr_generator_seed(&o->own, seed);
    o->seed = seed;
    o->at = o->buffer > 1 ? 0 : next;
    for (int64_t i = 0; i < o->buffer; i++)
        o->held[i] = o->at + i;
    while (o->at < next)
        draw_row(o);
}

const int64_t *fr_order_rows(fr_order *o, uint64_t seed, int64_t next, int64_t n)
{
    if (o->at != next || o->seed != seed)
        go_to(o, seed, next);
    for (int64_t i = 0; i < n; i++)
        o->batch[i] = draw_row(o);
    return o->batch;
}
