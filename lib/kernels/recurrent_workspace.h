/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What recurrent_forward.c and recurrent_backward.c work in: scratch memory, and how the work is cut.
 *
 * Two cuts: rows of the batch do not depend on each other, and threads take tiles of them. Steps are taken in chunks,
 * so that what one pass over a chunk leaves in the cache is still there when the next one reads it.
 *
 * s counts steps in the order in which they are taken, t by their place in x: t = s, or T - 1 - s in reverse.
 *
 * Rows may end before step T. They are sorted then, the longest first, so that those which take step t are the first
 * ones of the batch, and an array of all steps has no others: it is (N,width), N the sum of all lengths, and step t
 * begins with row offsets[t]. Without offsets all rows take all steps, N = T B. In reverse a row joins in at its own
 * end, as t falls. (PyTorch calls such arrays packed sequences.) */
#ifndef FROND_KERNELS_RECURRENT_WORKSPACE_H
#define FROND_KERNELS_RECURRENT_WORKSPACE_H

#include "core/integer.h"
#include "core/threads.h"
#include "kernels/recurrent.h"

/* Arrays whose size is not said are packed weights. */
typedef struct {
    const fr_recurrent_layer *layer;
    const fr_recurrent_gradients *gradients; /* NULL in forward */
    const int64_t *offsets;                  /* (T+1), or NULL */
    int64_t rows;                            /* N */
    int64_t size;                            /* bytes of a value */
    int threads;
    int64_t tile_rows;   /* rows of the batch that a thread takes at a time */
    int64_t chunk_steps; /* steps of a chunk, at most */
    int64_t from, to;    /* the chunk at work: from <= s < to; */
    int64_t start;       /* its first step in time, t */
    const char *h0, *c0; /* (B,P), (B,H): zeros where the layer has none */
    char *gates;         /* (N,width H), or of one chunk (chunk_steps B,width H) where nobody reads them later */
    bool gates_of_chunk;
    char *c, *tanh_c;            /* (N,H), or (2,B,H) and (B,H) where nobody reads them later */
    char *packed_hh[2];          /* of w_hh, the rows of each block of gates */
    char *packed_ih, *packed_hr; /* of w_ih, w_hr */
    char *bias;                  /* (gH) */
    char *state;                 /* (B,H): h before its projection, or its gradient */
    char *h_before, *c_before;   /* (B,P), (B,H): states that come from two arrays, in reverse with offsets */
    /* backward */
    char *dh, *dc;        /* (B,P), (B,H): of the states after the step at work */
    char *dgates;         /* (chunk_steps B,width H) */
    char *dh_all;         /* (N,P), for the gradient of w_hr, and */
    char *states;         /* (N,H), the states before their projection */
    char *h_before_chunk; /* (chunk_steps B,P), for the gradient of w_hh: with offsets */
} fr_recurrent_workspace;

/* Scratch memory in one block. A first pass, with base NULL, adds up its size; a second hands it out. */
typedef struct {
    char *base;
    int64_t used;
    bool overflow;
} fr_arena;

/* What recurrent_packed.c calls: the passes over rows that are packed, where there are offsets. Without offsets they
 * are the functions of recurrent.h. Forward leaves last states of rows that take no step alone. */
bool fr_recurrent_forward_steps(const fr_recurrent_layer *l, const int64_t *offsets);
bool fr_recurrent_backward_steps(const fr_recurrent_layer *l, const int64_t *offsets,
                                 const fr_recurrent_gradients *gradients);

char *fr_arena_take(fr_arena *m, int64_t bytes);
bool fr_arena_open(fr_arena *m); /* between the two passes; false: out of memory */

fr_recurrent_workspace fr_recurrent_workspace_of(const fr_recurrent_layer *l, const int64_t *offsets,
                                                 const fr_recurrent_gradients *gradients);
/* Scratch for states, in both directions: initial states of zeros, and h_before and c_before. */
void fr_take_states(fr_recurrent_workspace *w, fr_arena *m);

/* What the cell gets of step s, rows b0 to b0 + rows - 1 of the batch. */
fr_cell_step fr_cell_step_at(const fr_recurrent_workspace *w, int64_t s, int64_t b0, int64_t rows);

/* Sets the length of a chunk to about so many rows, if all take its steps. */
void fr_choose_chunks(fr_recurrent_workspace *w, int64_t rows);
static inline void fr_set_chunk(fr_recurrent_workspace *w, int64_t from, int64_t to)
{
    w->from = from;
    w->to = to;
    w->start = w->layer->reverse ? w->layer->steps - to : from;
}

static inline int64_t fr_time_of(const fr_recurrent_layer *l, int64_t s)
{
    return l->reverse ? l->steps - 1 - s : s;
}

/* The first row of step t. */
static inline int64_t fr_offset(const fr_recurrent_workspace *w, int64_t t)
{
    return w->offsets ? w->offsets[t] : t * w->layer->batch;
}

/* Row b of step t in array (N,width), */
static inline char *fr_row_at(const fr_recurrent_workspace *w, const void *array, int64_t width, int64_t t, int64_t b)
{
    return (char *)(uintptr_t)array + (fr_offset(w, t) + b) * width * w->size;
}

/* and in an array that has the chunk's steps alone. */
static inline char *fr_chunk_row_at(const fr_recurrent_workspace *w, const void *array, int64_t width, int64_t t,
                                    int64_t b)
{
    return fr_row_at(w, array, width, t, b - fr_offset(w, w->start));
}

/* How many of `rows` rows of the batch, from b0 on, take step s: the first ones. None before the first step, nor after
 * the last. */
static inline int64_t fr_rows_of_step(const fr_recurrent_workspace *w, int64_t s, int64_t b0, int64_t rows)
{
    int64_t t = fr_time_of(w->layer, s);

    if (s < 0 || s == w->layer->steps)
        return 0;
    return w->offsets ? fr_least(fr_most(w->offsets[t + 1] - w->offsets[t] - b0, 0), rows) : rows;
}

/* Runs run(w, i) for each FR_BLOCK_ROWS rows of the chunk, on several threads where the batch is shared among them.
 * Each block reads all of w_ih, which may be too large for the cache: so they are not small. */
enum { FR_BLOCK_ROWS = 128 };
void fr_run_row_blocks(fr_recurrent_workspace *w, fr_tile_body *run);

static inline int64_t fr_chunk_rows(const fr_recurrent_workspace *w)
{
    return fr_offset(w, w->start + w->to - w->from) - fr_offset(w, w->start);
}

/* The rows of block i. */
static inline int64_t fr_block_rows(const fr_recurrent_workspace *w, int64_t i)
{
    return fr_least(fr_chunk_rows(w) - i * FR_BLOCK_ROWS, FR_BLOCK_ROWS);
}

static inline int64_t fr_batch_tiles(const fr_recurrent_workspace *w)
{
    return w->tile_rows ? (w->layer->batch + w->tile_rows - 1) / w->tile_rows : 0;
}

/* The rows of the tile of the batch that begins with row b0. */
static inline int64_t fr_batch_tile_rows(const fr_recurrent_workspace *w, int64_t b0)
{
    return fr_least(w->layer->batch - b0, w->tile_rows);
}

#endif
