/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One run of a recurrent op's kernels, forward or backward: sizes, arrays, scratch memory. For recurrent_forward.c and
 * recurrent_backward.c. */
#ifndef FROND_OPS_RECURRENT_RECURRENT_RUN_H
#define FROND_OPS_RECURRENT_RECURRENT_RUN_H

#include "kernels/packed_gemm.h"
#include "core/threads.h"
#include "ops/recurrent/recurrent.h"

typedef struct {
    const fr_recurrent_cell *cell;
    fr_op_call *call;
    bool relu, reverse;
    fr_dtype dtype;
    int64_t size; /* bytes of a value */
    int64_t steps, batch, input, hidden, out_size;
    int threads;
    int64_t tile_rows;  /* of the batch, to a thread */
    int64_t part_steps; /* in one, at most; */
    int64_t from, to;   /* ... those of the one that is at work, */
    int64_t start;      /* ... and the first of them in time */
    const int64_t *lengths;
    const char *h0, *c0; /* zeros where none were given */
    const char *w_hr;
    char *out, *gates, *c, *tanh_c;
    bool gates_of_part; /* gates are not (T,B,*) but (part,B,*): nobody reads them later */
    char *packed[2], *packed_hr, *packed_ih, *bias;
    char *state; /* (B,H): before its projection */
    char *h_patched, *c_patched;
    /* backward */
    const char *dout, *dh_last, *dc_last; /* gradients given, or NULL */
    char *dh, *dc, *dstate;               /* (B,P), (B,H), (B,H) */
    char *dh0, *dc0;                      /* gradients wanted, or NULL */
    char *dgates;                         /* (part,B,*) */
    char *states, *dh_all, *h_before;     /* (T,B,*), where the projection's gradient or lengths need them */
    char *packed_x;                       /* w_ih, for the gradient of x */
} fr_sequence;

/* Scratch memory in one block: a first pass with base NULL adds up, a second hands out. */
typedef struct {
    char *base;
    int64_t used;
    bool overflow;
} fr_arena;

fr_sequence fr_sequence_of(fr_op_call *call);
/* The results' arrays into q. */
void fr_find_arrays(fr_sequence *q);

char *fr_arena_take(fr_arena *m, int64_t bytes);
bool fr_arena_open(fr_op_call *call, fr_arena *m); /* between the two passes; fails the call where memory runs out */
/* Scratch for either way: initial states of zeros, and room to put states together. */
void fr_take_states(fr_sequence *q, fr_arena *m);

/* What the cell's pass gets of step s, rows b0 to b0 + rows of the batch. */
fr_recurrent_pass fr_pass_at(const fr_sequence *q, int64_t s, int64_t b0, int64_t rows);
/* Zeroes the rows of an array at step t that are past their length. */
void fr_clear_inactive(const fr_sequence *q, char *rows_at, int64_t width, int64_t t, int64_t b0, int64_t rows);

/* The steps are gone through in parts, so that what one pass over a part leaves is still close when the next reads it.
 * Sets the length of a part to about so many rows of (T*B). */
void fr_choose_parts(fr_sequence *q, int64_t rows);
/* Goes on to the part that begins with step s, or that ends before it. */
static inline void fr_set_part(fr_sequence *q, int64_t from, int64_t to)
{
    q->from = from;
    q->to = to;
    q->start = q->reverse ? q->steps - to : from;
}

/* Runs run(q, i) for each FR_ROWS rows of the part (t*B), on several threads where the batch is shared among them, too.
 */
enum { FR_ROWS = 64 };
void fr_run_rows(fr_sequence *q, fr_tile *run);
/* How many rows tile i has. */
static inline int64_t fr_rows_at(const fr_sequence *q, int64_t i)
{
    int64_t left = (q->to - q->from) * q->batch - i * FR_ROWS;

    return left < FR_ROWS ? left : FR_ROWS;
}

static inline const void *fr_origin_of(const fr_op_call *call, int input)
{
    return input < call->inputs && call->in[input] ? call->in[input]->origin : NULL;
}

static inline int64_t fr_step_at(const fr_sequence *q, int64_t s)
{
    return q->reverse ? q->steps - 1 - s : s;
}

/* array (T,B,width): row b of step t */
static inline char *fr_row_at(const fr_sequence *q, const char *array, int64_t width, int64_t t, int64_t b)
{
    return (char *)(uintptr_t)array + (t * q->batch + b) * width * q->size;
}

static inline bool fr_is_first_step(const fr_sequence *q, int64_t t, int64_t b)
{
    return t == (q->reverse ? q->lengths[b] - 1 : 0);
}

static inline bool fr_is_last_step(const fr_sequence *q, int64_t t, int64_t b)
{
    return t == (q->reverse ? 0 : q->lengths[b] - 1);
}

static inline int64_t fr_sequence_tiles(const fr_sequence *q)
{
    return q->tile_rows ? (q->batch + q->tile_rows - 1) / q->tile_rows : 0;
}

static inline int64_t fr_tile_size(const fr_sequence *q, int64_t b0)
{
    return q->batch - b0 < q->tile_rows ? q->batch - b0 : q->tile_rows;
}

static inline int64_t fr_weight_rows(const fr_recurrent_part *part, int64_t hidden)
{
    return part->count * hidden;
}

#endif
