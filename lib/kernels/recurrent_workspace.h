/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What recurrent_forward.c and recurrent_backward.c work in: scratch memory, and how the work is cut.
 *
 * Two cuts: rows of the batch do not depend on each other, and threads take tiles of them. Steps are taken in chunks,
 * so that what one pass over a chunk leaves in the cache is still there when the next one reads it.
 *
 * s counts steps in the order in which they are taken, t by their place in x: t = s, or T - 1 - s in reverse. */
#ifndef FROND_KERNELS_RECURRENT_WORKSPACE_H
#define FROND_KERNELS_RECURRENT_WORKSPACE_H

#include "core/integer.h"
#include "core/threads.h"
#include "kernels/recurrent.h"

/* Arrays whose size is not said are packed weights. */
typedef struct {
    const fr_recurrent_layer *layer;
    const fr_recurrent_gradients *gradients; /* NULL in forward */
    int64_t size;                            /* bytes of a value */
    int threads;
    int64_t tile_rows;   /* rows of the batch that a thread takes */
    int64_t chunk_steps; /* steps of a chunk, at most */
    int64_t from, to;    /* the chunk at work: from <= s < to; */
    int64_t start;       /* its first step in time, t */
    const char *h0, *c0; /* (B,P), (B,H): zeros where the layer has none */
    char *gates;         /* (T,B,width H), or of one chunk (chunk_steps,B,width H) where nobody reads them later */
    bool gates_of_chunk;
    char *c, *tanh_c;            /* (T,B,H) */
    char *packed_hh[2];          /* of w_hh, the rows of each block of gates */
    char *packed_ih, *packed_hr; /* of w_ih, w_hr */
    char *bias;                  /* (gH) */
    char *state;                 /* (B,H): h before its projection, or its gradient */
    char *h_before, *c_before;   /* (B,P), (B,H): in reverse with lengths, states that come from two arrays */
    /* backward */
    char *dh, *dc;      /* (B,P), (B,H): of the states after the step at work */
    char *dgates;       /* (chunk_steps,B,width H) */
    char *dh_all;       /* (T,B,P), for the gradient of w_hr, and */
    char *states;       /* (T,B,H), the states before their projection */
    char *h_before_all; /* (T,B,P), for the gradient of w_hh: in reverse with lengths */
} fr_recurrent_workspace;

/* Scratch memory in one block. A first pass, with base NULL, adds up its size; a second hands it out. */
typedef struct {
    char *base;
    int64_t used;
    bool overflow;
} fr_arena;

char *fr_arena_take(fr_arena *m, int64_t bytes);
bool fr_arena_open(fr_arena *m); /* between the two passes; false: out of memory */

fr_recurrent_workspace fr_recurrent_workspace_of(const fr_recurrent_layer *l, const fr_recurrent_gradients *gradients);
/* Scratch for states, in both directions: initial states of zeros, and h_before and c_before. */
void fr_take_states(fr_recurrent_workspace *w, fr_arena *m);

/* What the cell gets of step s, rows b0 to b0 + rows - 1 of the batch. */
fr_cell_step fr_cell_step_at(const fr_recurrent_workspace *w, int64_t s, int64_t b0, int64_t rows);
/* Zeroes the rows of an array (rows,width) that are past their length at step t. */
void fr_clear_inactive(const fr_recurrent_workspace *w, char *array, int64_t width, int64_t t, int64_t b0,
                       int64_t rows);

/* Sets the length of a chunk to about so many rows of (T*B). */
void fr_choose_chunks(fr_recurrent_workspace *w, int64_t rows);
static inline void fr_set_chunk(fr_recurrent_workspace *w, int64_t from, int64_t to)
{
    w->from = from;
    w->to = to;
    w->start = w->layer->reverse ? w->layer->steps - to : from;
}

/* Runs run(w, i) for each FR_BLOCK_ROWS rows of the chunk's (steps*B), on several threads where the batch is shared
 * among them. */
enum { FR_BLOCK_ROWS = 64 };
void fr_run_row_blocks(fr_recurrent_workspace *w, fr_tile *run);

static inline int64_t fr_chunk_rows(const fr_recurrent_workspace *w)
{
    return (w->to - w->from) * w->layer->batch;
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

static inline int64_t fr_time_of(const fr_recurrent_layer *l, int64_t s)
{
    return l->reverse ? l->steps - 1 - s : s;
}

/* With lengths: whether t is the first or the last step that row b takes. */
static inline bool fr_is_first_step(const fr_recurrent_layer *l, int64_t t, int64_t b)
{
    return t == (l->reverse ? l->lengths[b] - 1 : 0);
}

static inline bool fr_is_last_step(const fr_recurrent_layer *l, int64_t t, int64_t b)
{
    return t == (l->reverse ? 0 : l->lengths[b] - 1);
}

/* Row b of step t in array, (T,B,width). */
static inline char *fr_row_at(const fr_recurrent_workspace *w, const void *array, int64_t width, int64_t t, int64_t b)
{
    return (char *)(uintptr_t)array + (t * w->layer->batch + b) * width * w->size;
}

#endif
