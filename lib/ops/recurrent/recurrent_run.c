/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Where a run of a recurrent op finds its arrays and what it works in. */
#include "ops/recurrent/recurrent_run.h"

fr_sequence fr_sequence_of(fr_op_call *call)
{
    const fr_recurrent_attributes *a = call->attributes;
    const fr_tensor *x = call->in[FR_X], *w_hh = call->in[FR_W_HH];
    int64_t steps = x->shape.dim[0], batch = x->shape.dim[1], hidden = w_hh->shape.dim[0] / a->cell->gates;
    double work = (double)steps * (double)batch * (double)w_hh->numel;
    int threads = work < 4e6 ? 1 : fr_num_threads();
    int64_t tile = (batch + threads - 1) / threads;

    return (fr_sequence){
        .cell = a->cell,
        .call = call,
        .relu = a->relu,
        .reverse = a->reverse,
        .dtype = fr_dtype_of(x),
        .size = (int64_t)fr_dtype_size(fr_dtype_of(x)),
        .steps = steps,
        .batch = batch,
        .input = x->shape.dim[2],
        .hidden = hidden,
        .out_size = w_hh->shape.dim[1],
        .threads = threads,
        .tile_rows = threads > 1 ? (tile + 7) / 8 * 8 : batch,
        .lengths = fr_origin_of(call, FR_LENGTHS),
        .h0 = fr_origin_of(call, FR_H0),
        .c0 = fr_origin_of(call, FR_C0),
        .w_hr = fr_origin_of(call, FR_W_HR),
    };
}

char *fr_arena_take(fr_arena *m, int64_t bytes)
{
    int64_t at = m->used;

    m->overflow |= bytes < 0 || bytes > INT64_MAX / 2 - at - 64;
    if (m->overflow)
        return NULL;
    m->used += (bytes + 63) / 64 * 64;
    return m->base && bytes > 0 ? m->base + at : NULL;
}

bool fr_arena_open(fr_op_call *call, fr_arena *m)
{
    if (m->overflow || !(m->base = fr_alloc((size_t)m->used))) {
        fr_op_fail(call, "out of memory");
        return false;
    }
    m->used = 0;
    return true;
}

/* States (rows, width) before step s, of `states` (T,B,width): the step before's, or the initial ones. Backwards over
 * rows of different lengths, each row begins at its own end, and the two are put together in `patched`. */
static const char *before_step(const fr_sequence *q, const char *states, const char *first, char *patched,
                               int64_t width, int64_t s, int64_t b0, int64_t rows)
{
    int64_t t = fr_step_at(q, s), row = width * q->size;
    const char *initial_rows = first + b0 * row,
               *previous = s ? fr_row_at(q, states, width, fr_step_at(q, s - 1), b0) : NULL;

    if (s == 0)
        return initial_rows;
    if (!q->lengths || !q->reverse)
        return previous;
    patched += b0 * row;
    for (int64_t i = 0; i < rows; i++)
        memcpy(patched + i * row, (fr_is_first_step(q, t, b0 + i) ? initial_rows : previous) + i * row, (size_t)row);
    return patched;
}

void fr_clear_inactive(const fr_sequence *q, char *rows_at, int64_t width, int64_t t, int64_t b0, int64_t rows)
{
    for (int64_t i = 0; q->lengths && i < rows; i++)
        if (t >= q->lengths[b0 + i])
            memset(rows_at + i * width * q->size, 0, (size_t)(width * q->size));
}

fr_recurrent_pass fr_pass_at(const fr_sequence *q, int64_t s, int64_t b0, int64_t rows)
{
    int64_t t = fr_step_at(q, s), n = q->hidden;
    fr_recurrent_pass p = {
        .rows = rows,
        .hidden = n,
        .relu = q->relu,
        .gates = fr_row_at(q, q->gates, q->cell->width * n, q->gates_of_part ? t - q->start : t, b0),
    };

    p.h_before = before_step(q, q->out, q->h0, q->h_patched, q->out_size, s, b0, rows);
    if (q->cell->cells_output) {
        p.c_before = before_step(q, q->c, q->c0, q->c_patched, n, s, b0, rows);
        p.c = fr_row_at(q, q->c, n, t, b0);
        p.tanh_c = fr_row_at(q, q->tanh_c, n, t, b0);
    }
    return p;
}

void fr_take_states(fr_sequence *q, fr_arena *m)
{
    int64_t h_bytes = q->batch * q->out_size * q->size, c_bytes = q->batch * q->hidden * q->size;
    bool cells = q->cell->cells_output != 0, patch = q->lengths && q->reverse;
    int64_t zero_bytes = !fr_origin_of(q->call, FR_H0) || (cells && !fr_origin_of(q->call, FR_C0))
                             ? (h_bytes > c_bytes ? h_bytes : c_bytes)
                             : 0;
    char *zeros = fr_arena_take(m, zero_bytes);

    if (m->base && zero_bytes)
        memset(zeros, 0, (size_t)zero_bytes);
    if (!fr_origin_of(q->call, FR_H0))
        q->h0 = zeros;
    if (cells && !fr_origin_of(q->call, FR_C0))
        q->c0 = zeros;
    q->h_patched = fr_arena_take(m, patch ? h_bytes : 0);
    q->c_patched = fr_arena_take(m, patch && cells ? c_bytes : 0);
}

void fr_find_arrays(fr_sequence *q)
{
    fr_tensor **result = q->call->result;
    const fr_recurrent_cell *cell = q->cell;

    q->out = result[FR_OUT]->origin;
    q->gates = result[cell->gates_output]->origin;
    if (cell->cells_output) {
        q->c = result[cell->cells_output]->origin;
        q->tanh_c = q->c + q->steps * q->batch * q->hidden * q->size;
    }
}

void fr_choose_parts(fr_sequence *q, int64_t rows)
{
    int64_t most = fr_most(1, fr_least(q->steps, rows / fr_most(1, q->batch))), parts = (q->steps + most - 1) / most;

    q->part_steps = (q->steps + parts - 1) / parts; /* of much the same length */
}

void fr_run_rows(fr_sequence *q, fr_tile *run)
{
    int64_t tiles = ((q->to - q->from) * q->batch + FR_ROWS - 1) / FR_ROWS;

    if (q->threads > 1)
        fr_run_tiles(tiles, run, q);
    else
        for (int64_t i = 0; i < tiles; i++)
            run(q, i);
}
