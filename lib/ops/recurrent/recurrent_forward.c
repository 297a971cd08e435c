/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Forward of rnn, gru and lstm. */
#include "ops/recurrent/recurrent_run.h"

enum { PART_BYTES = 1 << 20 }; /* of gates, to stay in a second-level cache between the product and the steps */

static void take_forward(fr_sequence *q, fr_arena *m)
{
    int64_t n = q->hidden, all = q->steps * q->batch * q->size;

    fr_take_states(q, m);
    for (int i = 0; i < 2; i++)
        q->packed[i] = fr_arena_take(m, fr_packed_bytes(q->dtype, q->out_size, fr_weight_rows(&q->cell->part[i], n)));
    q->packed_ih = fr_arena_take(m, fr_packed_bytes(q->dtype, q->input, q->cell->gates * n));
    q->bias = fr_arena_take(m, q->cell->gates * n * q->size);
    q->packed_hr = fr_arena_take(m, q->w_hr ? fr_packed_bytes(q->dtype, n, q->out_size) : 0);
    q->state = fr_arena_take(m, q->w_hr ? q->batch * n * q->size : 0);
    q->gates_of_part = !q->call->recording && q->cell->gates_output;
    if (q->gates_of_part)
        q->gates = fr_arena_take(m, q->part_steps * q->batch * q->size * q->cell->width * n);
    if (!q->call->recording && q->cell->cells_output) {
        q->c = fr_arena_take(m, all * n);
        q->tanh_c = fr_arena_take(m, all * n);
    }
}

/* b_ih, and b_hh where the recurrent sum is added to the input's. */
static void fill_bias(const fr_sequence *q)
{
    const char *b_ih = fr_origin_of(q->call, FR_B_IH), *b_hh = fr_origin_of(q->call, FR_B_HH);
    int64_t n = q->cell->gates * q->hidden;

    if (b_ih)
        memcpy(q->bias, b_ih, (size_t)(n * q->size));
    else
        memset(q->bias, 0, (size_t)(n * q->size));
    for (int i = 0; i < 2 && b_hh; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];
        int64_t first = part->gate * q->hidden, end = first + fr_weight_rows(part, q->hidden);

        for (int64_t j = first; j < end && part->added; j++) {
            if (q->dtype == FR_F64)
                ((double *)q->bias)[j] += ((const double *)b_hh)[j];
            else
                ((float *)q->bias)[j] += ((const float *)b_hh)[j];
        }
    }
}

static void pack_forward(const fr_sequence *q)
{
    const char *w_hh = fr_origin_of(q->call, FR_W_HH), *w_ih = fr_origin_of(q->call, FR_W_IH);

    for (int i = 0; i < 2; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];

        if (part->count)
            fr_pack(q->dtype, q->out_size, fr_weight_rows(part, q->hidden),
                    w_hh + part->gate * q->hidden * q->out_size * q->size, 1, q->out_size, q->packed[i]);
    }
    fr_pack(q->dtype, q->input, q->cell->gates * q->hidden, w_ih, 1, q->input, q->packed_ih);
    if (q->w_hr)
        fr_pack(q->dtype, q->hidden, q->out_size, q->w_hr, 1, q->hidden, q->packed_hr);
    fill_bias(q);
}

/* The input's share of the sums. */
static void project_rows(void *job, int64_t tile)
{
    const fr_sequence *q = job;
    int64_t first = tile * FR_ROWS, wide = q->cell->width * q->hidden;
    const char *x = fr_row_at(q, fr_origin_of(q->call, FR_X), q->input, q->start, first);

    fr_multiply_packed(q->dtype, fr_rows_at(q, tile), q->cell->gates * q->hidden, q->input, x, q->input, 1,
                       q->packed_ih, q->bias, false,
                       fr_row_at(q, q->gates, wide, q->gates_of_part ? 0 : q->start, first), wide);
}

static void forward_step(const fr_sequence *q, int64_t s, int64_t b0, int64_t rows)
{
    int64_t n = q->hidden, t = fr_step_at(q, s);
    const char *b_hh = fr_origin_of(q->call, FR_B_HH);
    fr_recurrent_pass p = fr_pass_at(q, s, b0, rows);
    bool zero = s == 0 && !fr_origin_of(q->call, FR_H0);
    char *h = fr_row_at(q, q->out, q->out_size, t, b0);

    p.h = q->w_hr ? q->state + b0 * n * q->size : h;
    for (int i = 0; i < 2; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];

        if (part->count && !(zero && part->added))
            fr_multiply_packed(q->dtype, rows, fr_weight_rows(part, n), zero ? 0 : q->out_size, p.h_before, q->out_size,
                               1, q->packed[i], b_hh && !part->added ? b_hh + part->gate * n * q->size : NULL,
                               part->added, (char *)p.gates + part->column * n * q->size, q->cell->width * n);
    }
    q->cell->forward(q->dtype, &p);
    if (q->w_hr)
        fr_multiply_packed(q->dtype, rows, q->out_size, n, p.h, n, 1, q->packed_hr, NULL, false, h, q->out_size);
    fr_clear_inactive(q, h, q->out_size, t, b0, rows);
}

/* The states after the last step of each row, of `states` (T,B,width), or the initial ones. */
static void last_states(const fr_sequence *q, const char *states, const char *first, int64_t width, char *last,
                        int64_t b0, int64_t rows)
{
    int64_t row = width * q->size;

    if (!q->lengths) {
        memcpy(last + b0 * row, fr_row_at(q, states, width, fr_step_at(q, q->steps - 1), b0), (size_t)(rows * row));
        return;
    }
    for (int64_t b = b0; b < b0 + rows; b++) {
        int64_t t = q->reverse ? 0 : q->lengths[b] - 1;

        memcpy(last + b * row, q->lengths[b] ? fr_row_at(q, states, width, t, b) : first + b * row, (size_t)row);
    }
}

static void forward_tile(void *job, int64_t tile)
{
    const fr_sequence *q = job;
    int64_t b0 = tile * q->tile_rows, rows = fr_tile_size(q, b0);

    for (int64_t s = q->from; s < q->to; s++)
        forward_step(q, s, b0, rows);
    if (q->to < q->steps)
        return;
    last_states(q, q->out, q->h0, q->out_size, q->call->result[FR_H]->origin, b0, rows);
    if (q->cell->cells_output)
        last_states(q, q->c, q->c0, q->hidden, q->call->result[FR_C]->origin, b0, rows);
}

void fr_recurrent_forward_kernel(fr_op_call *call)
{
    fr_sequence q = fr_sequence_of(call);
    fr_arena m = { 0 };

    fr_find_arrays(&q);
    fr_choose_parts(&q, fr_most(PART_BYTES / (q.cell->width * q.hidden * q.size + 1), FR_ROWS * q.threads));
    take_forward(&q, &m);
    if (!fr_arena_open(call, &m))
        return;
    take_forward(&q, &m);
    pack_forward(&q);
    for (int64_t s = 0; s < q.steps; s += q.part_steps) {
        fr_set_part(&q, s, fr_least(s + q.part_steps, q.steps));
        fr_run_rows(&q, project_rows);
        fr_run_tiles(fr_sequence_tiles(&q), forward_tile, &q);
    }
    fr_free(m.base, (size_t)m.used);
}
