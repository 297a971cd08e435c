/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Backward of rnn, gru and lstm: numbers alone, for first derivatives. */
#include "kernels/gemm.h"
#include "ops/recurrent/recurrent_run.h"

FR_KERNEL(add_f32, (int64_t n, float *restrict a, const float *restrict b), (n, a, b))
{
    for (int64_t i = 0; i < n; i++)
        a[i] += b[i];
}

FR_KERNEL(add_f64, (int64_t n, double *restrict a, const double *restrict b), (n, a, b))
{
    for (int64_t i = 0; i < n; i++)
        a[i] += b[i];
}

static void add(const fr_sequence *q, int64_t n, void *a, const void *b)
{
    if (q->dtype == FR_F64)
        add_f64(n, a, b);
    else
        add_f32(n, a, b);
}

/* Enough for products at full speed, few enough for gradients of gates that stay in a cache until those are done. By
 * the size of the batch alone: sums are cut by it. */
enum { PART_ROWS = 4096 };

static void take_backward(fr_sequence *q, fr_arena *m)
{
    int64_t n = q->hidden, all = q->steps * q->batch * q->size, h_bytes = q->batch * q->out_size * q->size;

    fr_take_states(q, m);
    for (int i = 0; i < 2; i++)
        q->packed[i] = fr_arena_take(m, fr_packed_bytes(q->dtype, fr_weight_rows(&q->cell->part[i], n), q->out_size));
    q->dgates = fr_arena_take(m, q->part_steps * q->batch * q->size * q->cell->width * n);
    q->dh = fr_arena_take(m, h_bytes);
    q->dc = fr_arena_take(m, q->cell->cells_output ? q->batch * n * q->size : 0);
    q->packed_hr = fr_arena_take(m, q->w_hr ? fr_packed_bytes(q->dtype, q->out_size, n) : 0);
    q->dstate = fr_arena_take(m, q->w_hr ? q->batch * n * q->size : 0);
    q->dh_all = fr_arena_take(m, q->w_hr ? all * q->out_size : 0);
    q->states = fr_arena_take(m, q->w_hr ? all * n : 0);
    q->h_before = fr_arena_take(m, q->lengths && q->reverse ? all * q->out_size : 0);
    q->packed_x = fr_arena_take(m, q->call->needs[FR_X] ? fr_packed_bytes(q->dtype, q->cell->gates * n, q->input) : 0);
}

/* Gradients that arrive at the states after step t: those of the last states where it is a row's last, and those of
 * out. */
static void gather_gradients(const fr_sequence *q, int64_t s, int64_t b0, int64_t rows)
{
    int64_t t = fr_step_at(q, s), p = q->out_size, n = q->hidden;
    char *dh = q->dh + b0 * p * q->size, *dc = q->cell->cells_output ? q->dc + b0 * n * q->size : NULL;

    if (!q->lengths) {
        if (s == q->steps - 1 && q->dh_last)
            memcpy(dh, q->dh_last + b0 * p * q->size, (size_t)(rows * p * q->size));
        if (s == q->steps - 1 && dc && q->dc_last)
            memcpy(dc, q->dc_last + b0 * n * q->size, (size_t)(rows * n * q->size));
        if (q->dout)
            add(q, rows * p, dh, fr_row_at(q, q->dout, p, t, b0));
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        if (q->dh_last && fr_is_last_step(q, t, b0 + i))
            memcpy(dh + i * p * q->size, q->dh_last + (b0 + i) * p * q->size, (size_t)(p * q->size));
        if (dc && q->dc_last && fr_is_last_step(q, t, b0 + i))
            memcpy(dc + i * n * q->size, q->dc_last + (b0 + i) * n * q->size, (size_t)(n * q->size));
        if (q->dout && t < q->lengths[b0 + i])
            add(q, p, dh + i * p * q->size, fr_row_at(q, q->dout, p, t, b0 + i));
    }
}

/* Where step t was a row's first, what is left belongs to its initial state. */
static void hand_over(const fr_sequence *q, char *d, char *d0, int64_t width, int64_t t, int64_t b0, int64_t rows)
{
    size_t row = (size_t)(width * q->size);

    for (int64_t b = b0; b < b0 + rows; b++) {
        if (!fr_is_first_step(q, t, b))
            continue;
        if (d0)
            memcpy(d0 + b * (int64_t)row, d + b * (int64_t)row, row);
        memset(d + b * (int64_t)row, 0, row);
    }
}

/* dh (rows,P) = what the pass left there + dgates w_hh */
static void product_back(const fr_sequence *q, const char *dgates, char *dh, int64_t rows)
{
    int64_t n = q->hidden;

    for (int i = 0; i < 2; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];

        if (part->count)
            fr_multiply_packed(q->dtype, rows, q->out_size, fr_weight_rows(part, n),
                               dgates + part->column * n * q->size, q->cell->width * n, 1, q->packed[i], NULL,
                               q->cell->keeps_dh || i > 0, dh, q->out_size);
    }
}

static void backward_step(const fr_sequence *q, int64_t s, int64_t b0, int64_t rows)
{
    int64_t t = fr_step_at(q, s), n = q->hidden, size = q->size, width = q->cell->width * n;
    fr_recurrent_pass p = fr_pass_at(q, s, b0, rows);
    char *dh = q->dh + b0 * q->out_size * size;

    gather_gradients(q, s, b0, rows);
    p.dgates = fr_row_at(q, q->dgates, width, t - q->start, b0);
    p.dc = q->cell->cells_output ? q->dc + b0 * n * size : NULL;
    p.dh = dh;
    if (q->w_hr) {
        memcpy(fr_row_at(q, q->dh_all, q->out_size, t, b0), dh, (size_t)(rows * q->out_size * size));
        p.dh = q->dstate + b0 * n * size;
        p.h = fr_row_at(q, q->states, n, t, b0);
        fr_multiply_packed(q->dtype, rows, n, q->out_size, dh, q->out_size, 1, q->packed_hr, NULL, false, p.dh, n);
    }
    q->cell->backward(q->dtype, &p);
    fr_clear_inactive(q, p.dgates, width, t, b0, rows);
    fr_clear_inactive(q, dh, q->out_size, t, b0, rows);
    if (p.dc)
        fr_clear_inactive(q, p.dc, n, t, b0, rows);
    if (p.h)
        fr_clear_inactive(q, p.h, n, t, b0, rows);
    if (q->h_before)
        memcpy(fr_row_at(q, q->h_before, q->out_size, t, b0), p.h_before, (size_t)(rows * q->out_size * size));
    if (s > 0 || q->dh0)
        product_back(q, p.dgates, dh, rows);
    if (q->lengths) {
        hand_over(q, q->dh, q->dh0, q->out_size, t, b0, rows);
        if (p.dc)
            hand_over(q, q->dc, q->dc0, n, t, b0, rows);
    }
}

/* Gradients of the initial states where all steps are done: all of them, or with lengths those of rows without steps.
 */
static void finish_initial(const fr_sequence *q, const char *d, const char *d_last, char *d0, int64_t width, int64_t b0,
                           int64_t rows)
{
    int64_t row = width * q->size;

    for (int64_t b = b0; d0 && b < b0 + rows; b++) {
        if (!q->lengths)
            memcpy(d0 + b * row, d + b * row, (size_t)row);
        else if (q->lengths[b] == 0 && d_last)
            memcpy(d0 + b * row, d_last + b * row, (size_t)row);
        else if (q->lengths[b] == 0)
            memset(d0 + b * row, 0, (size_t)row);
    }
}

static void backward_tile(void *job, int64_t tile)
{
    const fr_sequence *q = job;
    int64_t b0 = tile * q->tile_rows, rows = fr_tile_size(q, b0);
    unsigned mode = fr_flush_denormals();

    if (q->to == q->steps)
        memset(q->dh + b0 * q->out_size * q->size, 0, (size_t)(rows * q->out_size * q->size));
    if (q->to == q->steps && q->cell->cells_output)
        memset(q->dc + b0 * q->hidden * q->size, 0, (size_t)(rows * q->hidden * q->size));
    for (int64_t s = q->to; s-- > q->from;)
        backward_step(q, s, b0, rows);
    if (q->from == 0) {
        finish_initial(q, q->dh, q->dh_last, q->dh0, q->out_size, b0, rows);
        finish_initial(q, q->dc, q->dc_last, q->dc0, q->hidden, b0, rows);
    }
    fr_restore_denormals(mode);
}

/* --- Gradients of weights: over all steps of a part at once, added to those of the parts before --------------------
 */

static bool is_added(const fr_sequence *q)
{
    return q->to < q->steps;
}

static int64_t rows_of_part(const fr_sequence *q)
{
    return (q->to - q->from) * q->batch;
}

static void *wanted(const fr_op_call *call, int input)
{
    return input < call->inputs && call->needs[input] ? call->grad_in[input]->origin : NULL;
}

/* c (m,n) = a^T b over k rows of a and b, those of b without gaps; sums (m): of a's columns, or NULL. */
static void multiply_outer(const fr_sequence *q, int64_t m, int64_t n, int64_t k, const char *a, int64_t lda,
                           const char *b, char *c, char *sums)
{
    fr_multiply(&(fr_product){ .dtype = q->dtype,
                               .add = is_added(q),
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

/* w (rows of part, P) = dgates^T h_before, over the part's steps: states of the step before lie one step off in out. */
static void recurrent_weights(const fr_sequence *q, const fr_recurrent_part *part, char *w)
{
    int64_t n = q->hidden, p = q->out_size, wide = q->cell->width * n, rows = fr_weight_rows(part, n);
    const char *d = q->dgates + part->column * n * q->size;
    char *c = w + part->gate * n * p * q->size;

    if (q->h_before) {
        multiply_outer(q, rows, p, rows_of_part(q), d, wide, fr_row_at(q, q->h_before, p, q->start, 0), c, NULL);
        return;
    }

    int64_t first = fr_most(q->from, 1); /* step that has one before it */

    multiply_outer(q, rows, p, (q->to - first) * q->batch, fr_row_at(q, d, wide, q->reverse ? 0 : first - q->from, 0),
                   wide, fr_row_at(q, q->out, p, q->reverse ? q->start + 1 : first - 1, 0), c, NULL);
    if (q->from == 0 && fr_origin_of(q->call, FR_H0))
        fr_gemm(q->dtype, true, false, rows, p, q->batch, fr_row_at(q, d, wide, fr_step_at(q, 0) - q->start, 0), wide,
                q->h0, p, true, c, p);
}

/* Where the recurrent sums are added to the input's, both biases have one gradient. */
static void recurrent_bias(const fr_sequence *q, const fr_recurrent_part *part, const char *b_ih, char *b_hh)
{
    int64_t n = q->hidden, rows = fr_weight_rows(part, n), at_gate = part->gate * n * q->size;

    if (part->added && b_ih)
        memcpy(b_hh + at_gate, b_ih + at_gate, (size_t)(rows * q->size));
    else
        fr_sum_columns(q->dtype, rows_of_part(q), rows, q->dgates + part->column * n * q->size, q->cell->width * n,
                       is_added(q), b_hh + at_gate);
}

/* dx */
static void input_tile(void *job, int64_t tile)
{
    const fr_sequence *q = job;
    int64_t first = tile * FR_ROWS, wide = q->cell->width * q->hidden;

    fr_multiply_packed(q->dtype, fr_rows_at(q, tile), q->input, q->cell->gates * q->hidden,
                       fr_row_at(q, q->dgates, wide, 0, first), wide, 1, q->packed_x, NULL, false,
                       fr_row_at(q, wanted(q->call, FR_X), q->input, q->start, first), q->input);
}

static void weight_gradients(fr_sequence *q)
{
    fr_op_call *call = q->call;
    int64_t n = q->hidden, wide = q->cell->width * n, all = rows_of_part(q), rows = q->cell->gates * n;
    char *w_ih = wanted(call, FR_W_IH), *w_hh = wanted(call, FR_W_HH), *w_hr = wanted(call, FR_W_HR);
    char *b_ih = wanted(call, FR_B_IH), *b_hh = wanted(call, FR_B_HH);

    if (w_ih)
        multiply_outer(q, rows, q->input, all, q->dgates, wide,
                       fr_row_at(q, fr_origin_of(call, FR_X), q->input, q->start, 0), w_ih, b_ih);
    else if (b_ih)
        fr_sum_columns(q->dtype, all, rows, q->dgates, wide, is_added(q), b_ih);
    for (int i = 0; i < 2 && q->cell->part[i].count; i++) {
        if (w_hh)
            recurrent_weights(q, &q->cell->part[i], w_hh);
        if (b_hh)
            recurrent_bias(q, &q->cell->part[i], b_ih, b_hh);
    }
    if (w_hr)
        multiply_outer(q, q->out_size, n, all, fr_row_at(q, q->dh_all, q->out_size, q->start, 0), q->out_size,
                       fr_row_at(q, q->states, n, q->start, 0), w_hr, NULL);
    if (wanted(call, FR_X))
        fr_run_rows(q, input_tile);
}

static void pack_backward(const fr_sequence *q)
{
    const char *w_hh = fr_origin_of(q->call, FR_W_HH);

    for (int i = 0; i < 2; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];

        if (part->count)
            fr_pack(q->dtype, fr_weight_rows(part, q->hidden), q->out_size,
                    w_hh + part->gate * q->hidden * q->out_size * q->size, q->out_size, 1, q->packed[i]);
    }
    if (q->w_hr)
        fr_pack(q->dtype, q->out_size, q->hidden, q->w_hr, q->hidden, 1, q->packed_hr);
    if (q->packed_x)
        fr_pack(q->dtype, q->cell->gates * q->hidden, q->input, fr_origin_of(q->call, FR_W_IH), q->input, 1,
                q->packed_x);
}

static const void *given(const fr_op_call *call, int output)
{
    return call->grad_out[output] ? call->grad_out[output]->origin : NULL;
}

static void clear_gradients(const fr_op_call *call)
{
    for (int i = 0; i < call->inputs; i++) {
        const fr_tensor *d = call->needs[i] ? call->grad_in[i] : NULL;

        if (d)
            memset(d->origin, 0, (size_t)d->numel * fr_dtype_size((fr_dtype)d->dtype));
    }
}

void fr_recurrent_backward_kernel(fr_op_call *call)
{
    fr_sequence q = fr_sequence_of(call);
    fr_arena m = { 0 };

    if (q.batch == 0) { /* nothing takes part: there are no arrays either */
        clear_gradients(call);
        return;
    }
    fr_find_arrays(&q);
    fr_choose_parts(&q, PART_ROWS);
    q.dout = given(call, FR_OUT);
    q.dh_last = given(call, FR_H);
    q.dc_last = q.cell->cells_output ? given(call, FR_C) : NULL;
    q.dh0 = wanted(call, FR_H0);
    q.dc0 = wanted(call, FR_C0);
    take_backward(&q, &m);
    if (!fr_arena_open(call, &m))
        return;
    take_backward(&q, &m);
    pack_backward(&q);
    for (int64_t s = q.steps; s > 0; s -= fr_least(s, q.part_steps)) {
        fr_set_part(&q, fr_most(0, s - q.part_steps), s);
        fr_run_tiles(fr_sequence_tiles(&q), backward_tile, &q);
        weight_gradients(&q);
    }
    fr_free(m.base, (size_t)m.used);
}
