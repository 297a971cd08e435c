/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Scratch memory of a pass over a sequence, and where it finds its arrays. */
#include "kernels/recurrent_workspace.h"

#include "core/integer.h"
#include "core/memory.h"
#include "core/shape.h"

char *fr_arena_take(fr_arena *m, int64_t bytes)
{
    int64_t at = m->used;

    m->overflow |= bytes < 0 || bytes > INT64_MAX / 2 - at - 64;
    if (m->overflow)
        return NULL;
    m->used += fr_round_up(bytes, 64);
    return m->base ? m->base + at : NULL;
}

bool fr_arena_open(fr_arena *m)
{
    m->base = m->overflow ? NULL : fr_alloc(fr_bytes(m->used));
    m->used = 0;
    return m->base != NULL;
}

fr_recurrent_workspace fr_recurrent_workspace_of(const fr_recurrent_layer *l, const int64_t *offsets,
                                                 const fr_recurrent_gradients *gradients)
{
    enum { WORTH_SHARING = 4000000 }; /* multiply-adds */
    int64_t all = offsets ? offsets[l->steps] : l->steps * l->batch;
    double work = (double)all * (double)(l->cell->gates * l->hidden * l->out_size);
    int threads = work < WORTH_SHARING ? 1 : fr_num_threads();
    int64_t tiles = offsets ? 2 * threads : threads; /* rows of the first ones take more steps: threads take several */
    int64_t rows = (l->batch + tiles - 1) / tiles, size = (int64_t)fr_dtype_size(l->dtype);
    char *c = l->cells;

    return (fr_recurrent_workspace){
        .layer = l,
        .gradients = gradients,
        .offsets = offsets,
        .rows = all,
        .size = size,
        .threads = threads,
        .tile_rows = threads > 1 ? fr_round_up(rows, 8) : l->batch,
        .h0 = l->h0,
        .c0 = l->c0,
        .gates = l->gates,
        .c = c,
        .tanh_c = c ? c + all * l->hidden * size : NULL,
    };
}

void fr_take_states(fr_recurrent_workspace *w, fr_arena *m)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t h_bytes = l->batch * l->out_size * w->size, c_bytes = l->batch * l->hidden * w->size;
    bool has_c = l->cell->has_c, mixed = w->offsets && l->reverse;
    int64_t zero_bytes = !l->h0 || (has_c && !l->c0) ? fr_most(h_bytes, c_bytes) : 0;
    char *zeros = fr_arena_take(m, zero_bytes);

    if (zeros)
        memset(zeros, 0, (size_t)zero_bytes);
    if (!l->h0)
        w->h0 = zeros;
    if (has_c && !l->c0)
        w->c0 = zeros;
    w->h_before = fr_arena_take(m, mixed ? h_bytes : 0);
    w->c_before = fr_arena_take(m, mixed && has_c ? c_bytes : 0);
}

/* The states (rows,width) before step s: `previous`, those after the step before, or the initial ones of rows that did
 * not take that. Where there are both, they are copied to mixed. */
static const char *before_step(const fr_recurrent_workspace *w, const char *previous, const char *initial, char *mixed,
                               int64_t width, int64_t s, int64_t b0, int64_t rows)
{
    int64_t old = fr_rows_of_step(w, s - 1, b0, rows), row = width * w->size;
    const char *first = initial + b0 * row;

    if (old == 0)
        return first;
    if (old == rows)
        return previous;
    mixed += b0 * row;
    memcpy(mixed, previous, (size_t)(old * row));
    memcpy(mixed + old * row, first + old * row, (size_t)((rows - old) * row));
    return mixed;
}

/* c after step s, of the rows from b0 on. Where it is not kept, that of two steps takes turns. */
static char *cells_at(const fr_recurrent_workspace *w, int64_t s, int64_t b0)
{
    const fr_recurrent_layer *l = w->layer;

    if (!l->cells)
        return w->c + ((s & 1) * l->batch + b0) * l->hidden * w->size;
    return fr_row_at(w, w->c, l->hidden, fr_time_of(l, s), b0);
}

fr_cell_step fr_cell_step_at(const fr_recurrent_workspace *w, int64_t s, int64_t b0, int64_t rows)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t t = fr_time_of(l, s), before = s > 0 ? fr_time_of(l, s - 1) : t, n = l->hidden, width = l->cell->width * n;
    fr_cell_step step = {
        .rows = rows,
        .hidden = n,
        .relu = l->relu,
        .gates = (w->gates_of_chunk ? fr_chunk_row_at : fr_row_at)(w, w->gates, width, t, b0),
        .h_before =
            before_step(w, fr_row_at(w, l->out, l->out_size, before, b0), w->h0, w->h_before, l->out_size, s, b0, rows),
    };

    if (l->cell->has_c) {
        step.c_before = before_step(w, cells_at(w, s > 0 ? s - 1 : s, b0), w->c0, w->c_before, n, s, b0, rows);
        step.c = cells_at(w, s, b0);
        step.tanh_c = l->cells ? fr_row_at(w, w->tanh_c, n, t, b0) : w->tanh_c + b0 * n * w->size;
    }
    return step;
}

void fr_choose_chunks(fr_recurrent_workspace *w, int64_t rows)
{
    int64_t steps = w->layer->steps, most = fr_most(1, fr_least(steps, rows / fr_most(1, w->layer->batch)));
    int64_t chunks = (steps + most - 1) / most;

    w->chunk_steps = (steps + chunks - 1) / chunks; /* chunks of much the same length */
}

void fr_run_row_blocks(fr_recurrent_workspace *w, fr_tile_body *run)
{
    int64_t blocks = (fr_chunk_rows(w) + FR_BLOCK_ROWS - 1) / FR_BLOCK_ROWS;

    if (w->threads > 1)
        fr_run_tiles(blocks, run, w);
    else
        for (int64_t i = 0; i < blocks; i++)
            run(w, i);
}
