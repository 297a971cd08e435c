/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A recurrent layer backward: backpropagation through time (Werbos, "Backpropagation Through Time: What It Does and How
 * to Do It", 1990). Let dh_t be the gradient of the state after step t, by all that depends on it: out[t] itself, and
 * the steps after it. From the last step to the first:
 *
 *     dh_t    = dout[t] + w_hh^T dsums_t+1 (+ what the cell passes on by itself, as GRU's z h does)
 *     dsums_t = the cell's pointwise backward of dh_t, and of dc_t, which it turns into dc_t-1
 *
 * and dh_T is the gradient of the last state, dh0 what is left before the first step. The sums are w_ih x_t + b_ih +
 * w_hh h_t-1 + b_hh, so that over all steps and rows of the batch
 *
 *     dx_t = w_ih^T dsums_t      dw_ih = sum of dsums_t x_t^T     dw_hh = sum of dsums_t h_t-1^T     db = sum of
 * dsums_t
 *
 * which are matrix products over all steps of a chunk. With a projection h_t = w_hr s_t, ds_t = w_hr^T dh_t stands
 * between, and dw_hr = sum of dh_t s_t^T. Rows that have ended before step t take no part in it. */
#include "core/integer.h"
#include "core/memory.h"
#include "kernels/accumulate.h"
#include "core/cpu.h"
#include "kernels/gemm.h"
#include "kernels/recurrent_workspace.h"

/* Rows of a chunk: enough for products at full speed, few enough for dgates to stay in a cache until those are done.
 * It must not depend on the number of threads: sums are cut by it. */
enum { CHUNK_ROWS = 512 };

static void take_scratch(fr_recurrent_workspace *w, fr_arena *m)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden, p = l->out_size, all = w->rows * w->size;

    fr_take_states(w, m);
    for (int i = 0; i < 2; i++)
        w->packed_hh[i] = fr_arena_take(m, fr_packed_bytes(l->dtype, l->cell->block[i].count * n, p));
    w->dgates = fr_arena_take(m, w->chunk_steps * l->batch * w->size * l->cell->width * n);
    w->dh = fr_arena_take(m, l->batch * p * w->size);
    w->dc = l->cell->has_c ? fr_arena_take(m, l->batch * n * w->size) : NULL;
    w->packed_hr = fr_arena_take(m, l->w_hr ? fr_packed_bytes(l->dtype, p, n) : 0);
    w->state = fr_arena_take(m, l->w_hr ? l->batch * n * w->size : 0);
    w->dh_all = fr_arena_take(m, l->w_hr ? all * p : 0);
    w->states = fr_arena_take(m, l->w_hr ? all * n : 0);
    w->h_before_chunk = w->offsets ? fr_arena_take(m, w->chunk_steps * l->batch * w->size * p) : NULL;
    w->packed_ih = w->gradients->x ? fr_arena_take(m, fr_packed_bytes(l->dtype, l->cell->gates * n, l->input)) : NULL;
}

static void pack_weights(const fr_recurrent_workspace *w)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden, p = l->out_size;

    for (int i = 0; i < 2; i++) {
        const fr_gate_block *block = &l->cell->block[i];

        if (block->count)
            fr_pack(l->dtype, block->count * n, p, (const char *)l->w_hh + block->gate * n * p * w->size, p, 1,
                    w->packed_hh[i]);
    }
    if (l->w_hr)
        fr_pack(l->dtype, p, n, l->w_hr, n, 1, w->packed_hr);
    if (w->packed_ih)
        fr_pack(l->dtype, l->cell->gates * n, l->input, l->w_ih, l->input, 1, w->packed_ih);
}

/* --- The steps --------------------------------------------------------------------------------------------------- */

/* dh (rows,P) = dgates w_hh, added to what the cell left there if it did. */
static void multiply_by_w_hh(const fr_recurrent_workspace *w, const char *dgates, char *dh, int64_t rows)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden;

    for (int i = 0; i < 2; i++) {
        const fr_gate_block *block = &l->cell->block[i];

        if (block->count)
            fr_multiply_packed(l->dtype, rows, l->out_size, block->count * n, dgates + block->column * n * w->size,
                               l->cell->width * n, 1, w->packed_hh[i], NULL, l->cell->keeps_dh || i > 0, dh,
                               l->out_size);
    }
}

/* With a projection the cell gets ds = dh w_hr, and computes s again; dh is kept for the gradient of w_hr. */
static void unproject(const fr_recurrent_workspace *w, fr_cell_step *step, const char *dh, int64_t t, int64_t b0)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden, p = l->out_size;

    memcpy(fr_row_at(w, w->dh_all, p, t, b0), dh, (size_t)(step->rows * p * w->size));
    step->dh = w->state + b0 * n * w->size;
    step->h = fr_row_at(w, w->states, n, t, b0);
    fr_multiply_packed(l->dtype, step->rows, n, p, dh, p, 1, w->packed_hr, NULL, false, step->dh, n);
}

static void backward_step(const fr_recurrent_workspace *w, int64_t s, int64_t b0, int64_t rows)
{
    const fr_recurrent_layer *l = w->layer;
    const fr_recurrent_gradients *g = w->gradients;
    int64_t t = fr_time_of(l, s), n = l->hidden, p = l->out_size;
    fr_cell_step step = fr_cell_step_at(w, s, b0, rows);
    char *dh = w->dh + b0 * p * w->size;

    if (g->out)
        fr_accumulate(l->dtype, rows * p, dh, fr_row_at(w, g->out, p, t, b0));
    step.dgates = fr_chunk_row_at(w, w->dgates, l->cell->width * n, t, b0);
    step.dc = w->dc ? w->dc + b0 * n * w->size : NULL;
    step.dh = dh;
    if (l->w_hr)
        unproject(w, &step, dh, t, b0);
    l->cell->backward(l->dtype, &step);
    if (w->h_before_chunk)
        memcpy(fr_chunk_row_at(w, w->h_before_chunk, p, t, b0), step.h_before, (size_t)(rows * p * w->size));
    if (s > 0 || g->h0)
        multiply_by_w_hh(w, step.dgates, dh, rows);
}

/* Rows of d (B,width) become those of given, or 0. Until a row's last step, and after its first one, nothing changes
 * them. */
static void copy_rows(const fr_recurrent_workspace *w, char *d, const char *given, int64_t width, int64_t b0,
                      int64_t rows)
{
    int64_t row = width * w->size;

    if (given)
        memcpy(d + b0 * row, given + b0 * row, (size_t)(rows * row));
    else
        memset(d + b0 * row, 0, (size_t)(rows * row));
}

/* The chunk's steps for a tile of the batch. d begins as the gradient of the last states; that of the initial ones is
 * what is left. */
static void backward_tile(void *workspace, int64_t tile)
{
    const fr_recurrent_workspace *w = workspace;
    const fr_recurrent_layer *l = w->layer;
    const fr_recurrent_gradients *g = w->gradients;
    int64_t b0 = tile * w->tile_rows, rows = fr_batch_tile_rows(w, b0);
    unsigned mode = fr_flush_denormals();

    if (w->to == l->steps)
        copy_rows(w, w->dh, g->h, l->out_size, b0, rows);
    if (w->to == l->steps && w->dc)
        copy_rows(w, w->dc, g->c, l->hidden, b0, rows);
    for (int64_t s = w->to; s-- > w->from;) {
        int64_t active = fr_rows_of_step(w, s, b0, rows);

        if (active > 0)
            backward_step(w, s, b0, active);
    }
    if (w->from == 0 && g->h0)
        copy_rows(w, g->h0, w->dh, l->out_size, b0, rows);
    if (w->from == 0 && g->c0)
        copy_rows(w, g->c0, w->dc, l->hidden, b0, rows);
    fr_restore_denormals(mode);
}

/* --- Gradients of weights: over all steps of a chunk at once, added to those of the chunks before ----------------- */

static bool is_added(const fr_recurrent_workspace *w)
{
    return w->to < w->layer->steps;
}

/* c (m,n) = a^T b over k rows of a (rows lda apart) and b (k,n); sums (m): of a's columns, or NULL. */
static void multiply_outer(const fr_recurrent_workspace *w, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                           const void *b, void *c, void *sums)
{
    fr_multiply(&(fr_product){ .dtype = w->layer->dtype,
                               .add = is_added(w),
                               .m = m,
                               .n = n,
                               .k = k,
                               .a = a,
                               .b = b,
                               .a_row = 1,
                               .a_column = lda,
                               .b_row = n,
                               .b_column = 1,
                               .c = c,
                               .sums = sums,
                               .ldc = n });
}

/* The block's rows of dw_hh += dgates^T h_before. The states before lie one step off in out, but for the initial one of
 * the first step. */
static void add_w_hh_gradient(const fr_recurrent_workspace *w, const fr_gate_block *block)
{
    const fr_recurrent_layer *l = w->layer;
    int64_t n = l->hidden, p = l->out_size, width = l->cell->width * n, rows = block->count * n;
    const char *d = w->dgates + block->column * n * w->size;
    char *dw = (char *)w->gradients->w_hh + block->gate * n * p * w->size;
    int64_t first = fr_most(w->from, 1); /* the first step that has one before it */

    if (w->h_before_chunk) {
        multiply_outer(w, rows, p, fr_chunk_rows(w), d, width, w->h_before_chunk, dw, NULL);
        return;
    }
    multiply_outer(w, rows, p, (w->to - first) * l->batch,
                   fr_chunk_row_at(w, d, width, l->reverse ? w->start : first, 0), width,
                   fr_row_at(w, l->out, p, l->reverse ? w->start + 1 : first - 1, 0), dw, NULL);
    if (w->from == 0 && l->h0)
        fr_gemm(l->dtype, true, false, rows, p, l->batch, fr_chunk_row_at(w, d, width, fr_time_of(l, 0), 0), width,
                w->h0, p, true, dw, p);
}

/* The block's part of db_hh. Where the state's share is added to the input's, it is the same as that of db_ih. */
static void add_b_hh_gradient(const fr_recurrent_workspace *w, const fr_gate_block *block)
{
    const fr_recurrent_layer *l = w->layer;
    const char *b_ih = w->gradients->b_ih;
    char *b_hh = w->gradients->b_hh;
    int64_t n = l->hidden, rows = block->count * n, first = block->gate * n * w->size;

    if (block->added && b_ih)
        memcpy(b_hh + first, b_ih + first, (size_t)(rows * w->size));
    else
        fr_sum_columns(l->dtype, fr_chunk_rows(w), rows, w->dgates + block->column * n * w->size, l->cell->width * n,
                       is_added(w), b_hh + first);
}

/* dx of FR_BLOCK_ROWS rows. */
static void input_gradient(void *workspace, int64_t i)
{
    const fr_recurrent_workspace *w = workspace;
    const fr_recurrent_layer *l = w->layer;
    int64_t first = i * FR_BLOCK_ROWS, width = l->cell->width * l->hidden;

    fr_multiply_packed(l->dtype, fr_block_rows(w, i), l->input, l->cell->gates * l->hidden,
                       fr_chunk_row_at(w, w->dgates, width, w->start, first), width, 1, w->packed_ih, NULL, false,
                       fr_row_at(w, w->gradients->x, l->input, w->start, first), l->input);
}

static void weight_gradients(fr_recurrent_workspace *w)
{
    const fr_recurrent_layer *l = w->layer;
    const fr_recurrent_gradients *g = w->gradients;
    int64_t n = l->hidden, p = l->out_size, width = l->cell->width * n, all = fr_chunk_rows(w);
    int64_t rows = l->cell->gates * n;

    if (g->w_ih)
        multiply_outer(w, rows, l->input, all, w->dgates, width, fr_row_at(w, l->x, l->input, w->start, 0), g->w_ih,
                       g->b_ih);
    else if (g->b_ih)
        fr_sum_columns(l->dtype, all, rows, w->dgates, width, is_added(w), g->b_ih);
    for (int i = 0; i < 2 && l->cell->block[i].count; i++) {
        if (g->w_hh)
            add_w_hh_gradient(w, &l->cell->block[i]);
        if (g->b_hh)
            add_b_hh_gradient(w, &l->cell->block[i]);
    }
    if (g->w_hr)
        multiply_outer(w, p, n, all, fr_row_at(w, w->dh_all, p, w->start, 0), p,
                       fr_row_at(w, w->states, n, w->start, 0), g->w_hr, NULL);
    if (g->x)
        fr_run_row_blocks(w, input_gradient);
}

bool fr_recurrent_backward_steps(const fr_recurrent_layer *l, const int64_t *offsets,
                                 const fr_recurrent_gradients *gradients)
{
    fr_recurrent_workspace w = fr_recurrent_workspace_of(l, offsets, gradients);
    fr_arena m = { 0 };

    fr_choose_chunks(&w, CHUNK_ROWS);
    take_scratch(&w, &m);
    if (!fr_arena_open(&m))
        return false;
    take_scratch(&w, &m);
    pack_weights(&w);
    for (int64_t s = l->steps; s > 0; s -= fr_least(s, w.chunk_steps)) {
        fr_set_chunk(&w, fr_most(0, s - w.chunk_steps), s);
        fr_run_tiles(fr_batch_tiles(&w), backward_tile, &w);
        weight_gradients(&w);
    }
    fr_free(m.base, (size_t)m.used);
    return true;
}
