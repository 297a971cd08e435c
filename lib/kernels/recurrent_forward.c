/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A recurrent layer forward. The input's share of the sums, w_ih x + b, is one matrix product for all steps of a chunk.
 * Then each step adds the state's share, w_hh h, a product of a few rows with packed weights, and takes the cell's
 * pointwise step. */
#include "core/integer.h"
#include "core/memory.h"
#include "kernels/accumulate.h"
#include "kernels/packed_gemm.h"
#include "kernels/recurrent_workspace.h"

enum { CHUNK_BYTES = 1 << 20 }; /* of gates: they stay in a second-level cache between the product and the steps */

static void take_scratch(fr_recurrent_workspace *w, fr_arena *m)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden, cells = l->batch * n * w->size;

    fr_take_states(w, m);
    for (int i = 0; i < 2; i++)
        w->packed_hh[i] = fr_arena_take(m, fr_packed_bytes(l->dtype, l->out_size, l->cell->block[i].count * n));
    w->packed_ih = fr_arena_take(m, fr_packed_bytes(l->dtype, l->input, l->cell->gates * n));
    w->bias = fr_arena_take(m, l->cell->gates * n * w->size);
    w->packed_hr = fr_arena_take(m, l->w_hr ? fr_packed_bytes(l->dtype, n, l->out_size) : 0);
    w->state = fr_arena_take(m, l->w_hr ? l->batch * n * w->size : 0);
    w->gates_of_chunk = !l->gates;
    if (w->gates_of_chunk)
        w->gates = fr_arena_take(m, w->chunk_steps * l->batch * w->size * l->cell->width * n);
    if (l->cell->has_c && !l->cells) {
        w->c = fr_arena_take(m, 2 * cells);
        w->tanh_c = fr_arena_take(m, cells);
    }
}

/* b_ih, and b_hh for the gates to whose sums the state's share is added. */
static void fill_bias(const fr_recurrent_workspace *w)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden;
    size_t bytes = (size_t)(l->cell->gates * n * w->size);

    if (l->b_ih)
        memcpy(w->bias, l->b_ih, bytes);
    else
        memset(w->bias, 0, bytes);
    for (int i = 0; i < 2 && l->b_hh; i++) {
        const fr_gate_block *block = &l->cell->block[i];
        int64_t first = block->gate * n * w->size;

        if (block->added)
            fr_accumulate(l->dtype, block->count * n, w->bias + first, (const char *)l->b_hh + first);
    }
}

static void pack_weights(const fr_recurrent_workspace *w)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden, p = l->out_size;

    for (int i = 0; i < 2; i++) {
        const fr_gate_block *block = &l->cell->block[i];

        if (block->count)
            fr_pack(l->dtype, p, block->count * n, (const char *)l->w_hh + block->gate * n * p * w->size, 1, p,
                    w->packed_hh[i]);
    }
    fr_pack(l->dtype, l->input, l->cell->gates * n, l->w_ih, 1, l->input, w->packed_ih);
    if (l->w_hr)
        fr_pack(l->dtype, n, p, l->w_hr, 1, n, w->packed_hr);
}

/* The input's share of the sums of FR_BLOCK_ROWS rows. */
static void project_rows(void *workspace, int64_t i)
{
    const fr_recurrent_workspace *w = workspace;
    const fr_recurrent_layer *l = w->layer;
    int64_t first = i * FR_BLOCK_ROWS, width = l->cell->width * l->hidden;
    const char *x = fr_row_at(w, l->x, l->input, w->start, first);
    char *gates = (w->gates_of_chunk ? fr_chunk_row_at : fr_row_at)(w, w->gates, width, w->start, first);

    fr_multiply_packed(l->dtype, fr_block_rows(w, i), l->cell->gates * l->hidden, l->input, x, l->input, 1,
                       w->packed_ih, w->bias, false, gates, width);
}

/* The state's share of the sums. Where the state is 0, that is nothing, or the bias of a block that stands alone. */
static void add_state(const fr_recurrent_workspace *w, const fr_cell_step *step, bool state_is_0)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden, p = l->out_size;

    for (int i = 0; i < 2; i++) {
        const fr_gate_block *block = &l->cell->block[i];
        const char *b_hh = l->b_hh && !block->added ? (const char *)l->b_hh + block->gate * n * w->size : NULL;

        if (block->count && !(state_is_0 && block->added))
            fr_multiply_packed(l->dtype, step->rows, block->count * n, state_is_0 ? 0 : p, step->h_before, p, 1,
                               w->packed_hh[i], b_hh, block->added, (char *)step->gates + block->column * n * w->size,
                               l->cell->width * n);
    }
}

/* last (B,width) gets `states` (rows,width), those after step s, of the rows that take no further step. */
static void keep_last(const fr_recurrent_workspace *w, const char *states, int64_t width, char *last, int64_t s,
                      int64_t b0, int64_t rows)
{
    int64_t row = width * w->size, staying = fr_rows_of_step(w, s + 1, b0, rows);

    if (staying < rows)
        memcpy(last + (b0 + staying) * row, states + staying * row, (size_t)((rows - staying) * row));
}

static void forward_step(const fr_recurrent_workspace *w, int64_t s, int64_t b0, int64_t rows)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden, p = l->out_size;
    fr_cell_step step = fr_cell_step_at(w, s, b0, rows);
    char *h = fr_row_at(w, l->out, p, fr_time_of(l, s), b0);

    step.h = l->w_hr ? w->state + b0 * n * w->size : h;
    add_state(w, &step, s == 0 && !l->h0);
    l->cell->forward(l->dtype, &step);
    if (l->w_hr)
        fr_multiply_packed(l->dtype, rows, p, n, step.h, n, 1, w->packed_hr, NULL, false, h, p);
    keep_last(w, h, p, l->h, s, b0, rows);
    if (l->cell->has_c)
        keep_last(w, step.c, n, l->c, s, b0, rows);
}

/* The chunk's steps for a tile of the batch. */
static void forward_tile(void *workspace, int64_t tile)
{
    const fr_recurrent_workspace *w = workspace;
    int64_t b0 = tile * w->tile_rows, rows = fr_batch_tile_rows(w, b0);

    for (int64_t s = w->from; s < w->to; s++) {
        int64_t active = fr_rows_of_step(w, s, b0, rows);

        if (active > 0)
            forward_step(w, s, b0, active);
    }
}

bool fr_recurrent_forward_steps(const fr_recurrent_layer *l, const int64_t *offsets)
{
    fr_recurrent_workspace w = fr_recurrent_workspace_of(l, offsets, NULL);
    fr_arena m = { 0 };

    fr_choose_chunks(&w, fr_most(CHUNK_BYTES / (l->cell->width * l->hidden * w.size + 1), FR_BLOCK_ROWS * w.threads));
    take_scratch(&w, &m);
    if (!fr_arena_open(&m))
        return false;
    take_scratch(&w, &m);
    pack_weights(&w);
    fill_bias(&w);
    for (int64_t s = 0; s < l->steps; s += w.chunk_steps) {
        fr_set_chunk(&w, s, fr_least(s + w.chunk_steps, l->steps));
        fr_run_row_blocks(&w, project_rows);
        fr_run_tiles(fr_batch_tiles(&w), forward_tile, &w);
    }
    fr_free(m.base, (size_t)m.used);
    return true;
}
