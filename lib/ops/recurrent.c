/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The sequences of rnn, gru and lstm: shapes, the definition in ops, and the walk over steps forward and back. */
#include "ops/recurrent.h"

#include "core/blas.h"
#include "core/product.h"
#include "core/threads.h"

#include <stdlib.h>

/* --- Shapes ------------------------------------------------------------------------------------------------------ */

static bool has_shape(fr_op_call *call, const char *name, int input, int ndim, int64_t dim0, int64_t dim1)
{
    const fr_tensor *t = input < call->inputs ? call->in[input] : NULL;
    fr_shape expected = { ndim, { dim0, dim1 } };
    fr_dtype dtype = input == FR_LENGTHS ? FR_I64 : fr_dtype_of(call->in[FR_X]);
    char got[FR_SHAPE_TEXT], wanted[FR_SHAPE_TEXT];

    if (!t)
        return true;
    if (fr_dtype_of(t) != dtype)
        return fr_op_fail(call, "%s is %s, expected %s", name, fr_dtype_name(fr_dtype_of(t)), fr_dtype_name(dtype));
    return fr_shape_equal(&t->shape, &expected) ||
           fr_op_fail(call, "%s is %s, expected %s", name, fr_shape_text(&t->shape, got),
                      fr_shape_text(&expected, wanted));
}

static bool lengths_fit(fr_op_call *call, int64_t steps)
{
    const fr_tensor *t = call->in[FR_LENGTHS];

    for (int64_t b = 0; t && b < t->numel; b++) {
        int64_t length = ((const int64_t *)t->origin)[fr_offset_of(t, b)];

        if (length < 0 || length > steps)
            return fr_op_fail(call, "length %lld of row %lld is outside 0..%lld, the steps of x", (long long)length,
                              (long long)b, (long long)steps);
    }
    return true;
}

bool fr_recurrent_infer(fr_op_call *call)
{
    const fr_recurrent_attributes *a = call->attributes;
    const fr_shape *x = &call->in[FR_X]->shape, *w = &call->in[FR_W_IH]->shape;
    const fr_tensor *w_hr = call->inputs > FR_W_HR ? call->in[FR_W_HR] : NULL;
    fr_dtype dtype = fr_dtype_of(call->in[FR_X]);
    int g = a->cell->gates;
    char text[FR_SHAPE_TEXT];

    if (dtype == FR_I64)
        return fr_op_fail(call, "x is int64, expected float32 or float64; use fr_cast");
    if (a->relu && g > 1)
        return fr_op_fail(call, "relu is for rnn alone");
    if (x->ndim != 3 || x->dim[0] < 1)
        return fr_op_fail(call, "x is %s, expected (T, B, I) with T of 1 or more", fr_shape_text(x, text));
    if (w->ndim != 2 || w->dim[0] % g != 0 || w->dim[0] == 0)
        return fr_op_fail(call, "w_ih is %s, expected (%d H, I)", fr_shape_text(w, text), g);
    if (w_hr && w_hr->shape.ndim != 2)
        return fr_op_fail(call, "w_hr is %s, expected (P, H)", fr_shape_text(&w_hr->shape, text));

    int64_t steps = x->dim[0], batch = x->dim[1], hidden = w->dim[0] / g, out = w_hr ? w_hr->shape.dim[0] : hidden;

    call->out[FR_OUT] = (fr_meta){ .shape = { 3, { steps, batch, out } }, .dtype = dtype };
    call->out[FR_H] = (fr_meta){ .shape = { 2, { batch, out } }, .dtype = dtype };
    if (a->cell->cells_output) {
        call->out[FR_C] = (fr_meta){ .shape = { 2, { batch, hidden } }, .dtype = dtype };
        call->out[a->cell->cells_output] =
            (fr_meta){ .shape = { 4, { 2, call->recording ? steps : 0, batch, hidden } }, .dtype = dtype };
    }
    if (a->cell->gates_output)
        call->out[a->cell->gates_output] =
            (fr_meta){ .shape = { 3, { call->recording ? steps : 0, batch, a->cell->width * hidden } },
                       .dtype = dtype };
    return has_shape(call, "w_ih", FR_W_IH, 2, w->dim[0], x->dim[2]) &&
           has_shape(call, "w_hh", FR_W_HH, 2, w->dim[0], out) && has_shape(call, "b_ih", FR_B_IH, 1, w->dim[0], 0) &&
           has_shape(call, "b_hh", FR_B_HH, 1, w->dim[0], 0) && has_shape(call, "h0", FR_H0, 2, batch, out) &&
           has_shape(call, "c0", FR_C0, 2, batch, hidden) && has_shape(call, "w_hr", FR_W_HR, 2, out, hidden) &&
           has_shape(call, "lengths", FR_LENGTHS, 1, batch, 0) && lengths_fit(call, steps);
}

/* --- The definition ---------------------------------------------------------------------------------------------- */

fr_tensor *fr_recurrent_gate(fr_tensor *z, int64_t hidden, int k)
{
    return fr_slice(z, 1, k * hidden, (k + 1) * hidden, 1);
}

static fr_tensor *initial(fr_tensor *given, const fr_tensor *x, int64_t size)
{
    fr_tensor *zeros;

    if (given)
        return given;
    zeros = fr_tensor_alloc("recurrent", &(fr_shape){ 2, { x->shape.dim[1], size } }, fr_dtype_of(x));
    if (zeros)
        memset(zeros->origin, 0, zeros->storage->bytes);
    return fr_hold("recurrent", zeros);
}

/* The state after step t: where t is past a row's length, the one before. */
static fr_tensor *choose(fr_tensor *active, fr_tensor *after, fr_tensor *before)
{
    return active ? fr_where(active, after, before) : after;
}

void fr_recurrent_definition(fr_op_call *call)
{
    const fr_recurrent_attributes *a = call->attributes;
    fr_tensor *x = call->in[FR_X], *lengths = call->in[FR_LENGTHS];
    fr_tensor *w_hr = call->inputs > FR_W_HR ? call->in[FR_W_HR] : NULL;
    int64_t steps = fr_dim(x, 0), hidden = fr_dim(call->in[FR_W_IH], 0) / a->cell->gates;
    fr_tensor *zx = fr_linear(x, call->in[FR_W_IH], call->in[FR_B_IH]);
    fr_tensor *h = initial(call->in[FR_H0], x, fr_dim(call->in[FR_W_HH], 1));
    fr_tensor *c = a->cell->cells_output ? initial(call->in[FR_C0], x, hidden) : NULL;
    fr_tensor **rows = malloc((size_t)steps * sizeof *rows);
    bool ok = rows && zx && h;

    if (!rows)
        fr_op_fail(call, "out of memory");
    for (int64_t i = 0; i < steps && ok; i++) {
        int64_t t = a->reverse ? steps - 1 - i : i;
        fr_tensor *active = lengths ? fr_unsqueeze(fr_gt_scalar(lengths, (double)t), 1) : NULL;
        fr_tensor *cell_before = c, *now = a->cell->step(call, fr_select(zx, 0, t), h, &c);

        if (w_hr)
            now = fr_linear(now, w_hr, NULL);
        rows[t] = active ? fr_where(active, now, fr_zeros_like(now)) : now;
        h = choose(active, now, h);
        c = c ? choose(active, c, cell_before) : NULL;
        ok = rows[t] && h;
    }
    if (ok) {
        call->result[FR_OUT] = fr_stack(rows, (int)steps, 0);
        call->result[FR_H] = h;
        if (c)
            call->result[FR_C] = c;
    }
    free(rows);
}

/* --- Kernels: what a run knows ----------------------------------------------------------------------------------- */

typedef struct {
    const fr_recurrent_cell *cell;
    fr_op_call *call;
    bool relu, reverse;
    fr_dtype dtype;
    int64_t size; /* bytes of a value */
    int64_t steps, batch, input, hidden, out_size;
    int64_t tile_rows;
    const int64_t *lengths;
    const char *h0, *c0; /* zeros where none were given */
    const char *w_hr;
    char *out, *gates, *c, *tanh_c;
    char *packed[2], *packed_hr, *packed_ih, *bias;
    char *state; /* (B,H): before its projection */
    char *h_patched, *c_patched;
    /* backward */
    const char *dout, *dh_last, *dc_last; /* gradients given, or NULL */
    char *dh, *dc, *dstate;               /* (B,P), (B,H), (B,H) */
    char *dh0, *dc0;                      /* gradients wanted, or NULL */
    char *dgates;
    char *states, *dh_all, *h_before; /* (T,B,*), where the projection's gradient or lengths need them */
} sequence;

static const void *origin_of(const fr_op_call *call, int input)
{
    return input < call->inputs && call->in[input] ? call->in[input]->origin : NULL;
}

static sequence describe(fr_op_call *call)
{
    const fr_recurrent_attributes *a = call->attributes;
    const fr_tensor *x = call->in[FR_X], *w_hh = call->in[FR_W_HH];
    int64_t steps = x->shape.dim[0], batch = x->shape.dim[1], hidden = w_hh->shape.dim[0] / a->cell->gates;
    double work = (double)steps * (double)batch * (double)w_hh->numel;
    int threads = work < 4e6 ? 1 : fr_num_threads();
    int64_t tile = (batch + threads - 1) / threads;

    return (sequence){
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
        .tile_rows = threads > 1 ? (tile + 7) / 8 * 8 : batch,
        .lengths = origin_of(call, FR_LENGTHS),
        .h0 = origin_of(call, FR_H0),
        .c0 = origin_of(call, FR_C0),
        .w_hr = origin_of(call, FR_W_HR),
    };
}

/* Scratch memory in one block: a first pass with base NULL adds up, a second hands out. */
typedef struct {
    char *base;
    int64_t used;
    bool overflow;
} arena;

static char *take(arena *m, int64_t bytes)
{
    int64_t at = m->used;

    m->overflow |= bytes < 0 || bytes > INT64_MAX / 2 - at - 64;
    if (m->overflow)
        return NULL;
    m->used += (bytes + 63) / 64 * 64;
    return m->base && bytes > 0 ? m->base + at : NULL;
}

static bool give_memory(fr_op_call *call, arena *m)
{
    if (m->overflow || !(m->base = fr_alloc((size_t)m->used))) {
        fr_op_fail(call, "out of memory");
        return false;
    }
    m->used = 0;
    return true;
}

static int64_t step_at(const sequence *q, int64_t s)
{
    return q->reverse ? q->steps - 1 - s : s;
}

/* array (T,B,width): row b of step t */
static char *at(const sequence *q, const char *array, int64_t width, int64_t t, int64_t b)
{
    return (char *)(uintptr_t)array + (t * q->batch + b) * width * q->size;
}

static bool is_first_step(const sequence *q, int64_t t, int64_t b)
{
    return t == (q->reverse ? q->lengths[b] - 1 : 0);
}

static bool is_last_step(const sequence *q, int64_t t, int64_t b)
{
    return t == (q->reverse ? 0 : q->lengths[b] - 1);
}

/* States (rows, width) before step s, of `states` (T,B,width): the step before's, or the initial ones. Backwards over
 * rows of different lengths, each row begins at its own end, and the two are put together in `patched`. */
static const char *before_step(const sequence *q, const char *states, const char *first, char *patched, int64_t width,
                               int64_t s, int64_t b0, int64_t rows)
{
    int64_t t = step_at(q, s), row = width * q->size;
    const char *initial_rows = first + b0 * row, *previous = s ? at(q, states, width, step_at(q, s - 1), b0) : NULL;

    if (s == 0)
        return initial_rows;
    if (!q->lengths || !q->reverse)
        return previous;
    patched += b0 * row;
    for (int64_t i = 0; i < rows; i++)
        memcpy(patched + i * row, (is_first_step(q, t, b0 + i) ? initial_rows : previous) + i * row, (size_t)row);
    return patched;
}

/* Zeroes the rows of an array at step t that are past their length. */
static void clear_inactive(const sequence *q, char *rows_at, int64_t width, int64_t t, int64_t b0, int64_t rows)
{
    for (int64_t i = 0; q->lengths && i < rows; i++)
        if (t >= q->lengths[b0 + i])
            memset(rows_at + i * width * q->size, 0, (size_t)(width * q->size));
}

static fr_recurrent_pass pass_at(const sequence *q, int64_t s, int64_t b0, int64_t rows)
{
    int64_t t = step_at(q, s), n = q->hidden;
    fr_recurrent_pass p = {
        .rows = rows, .hidden = n, .relu = q->relu, .gates = at(q, q->gates, q->cell->width * n, t, b0)
    };

    p.h_before = before_step(q, q->out, q->h0, q->h_patched, q->out_size, s, b0, rows);
    if (q->cell->cells_output) {
        p.c_before = before_step(q, q->c, q->c0, q->c_patched, n, s, b0, rows);
        p.c = at(q, q->c, n, t, b0);
        p.tanh_c = at(q, q->tanh_c, n, t, b0);
    }
    return p;
}

static int64_t tiles(const sequence *q)
{
    return q->tile_rows ? (q->batch + q->tile_rows - 1) / q->tile_rows : 0;
}

static int64_t tile_size(const sequence *q, int64_t b0)
{
    return q->batch - b0 < q->tile_rows ? q->batch - b0 : q->tile_rows;
}

static int64_t weight_rows(const fr_recurrent_part *part, int64_t hidden)
{
    return part->count * hidden;
}

/* Scratch for either way: initial states of zeros, and room to put states together. */
static void take_states(sequence *q, arena *m)
{
    int64_t h_bytes = q->batch * q->out_size * q->size, c_bytes = q->batch * q->hidden * q->size;
    bool cells = q->cell->cells_output != 0, patch = q->lengths && q->reverse;
    int64_t zero_bytes = !origin_of(q->call, FR_H0) || (cells && !origin_of(q->call, FR_C0))
                             ? (h_bytes > c_bytes ? h_bytes : c_bytes)
                             : 0;
    char *zeros = take(m, zero_bytes);

    if (m->base && zero_bytes)
        memset(zeros, 0, (size_t)zero_bytes);
    if (!origin_of(q->call, FR_H0))
        q->h0 = zeros;
    if (cells && !origin_of(q->call, FR_C0))
        q->c0 = zeros;
    q->h_patched = take(m, patch ? h_bytes : 0);
    q->c_patched = take(m, patch && cells ? c_bytes : 0);
}

/* --- Forward ----------------------------------------------------------------------------------------------------- */

static void take_forward(sequence *q, arena *m)
{
    int64_t n = q->hidden, all = q->steps * q->batch * q->size;

    take_states(q, m);
    for (int i = 0; i < 2; i++)
        q->packed[i] = take(m, fr_packed_bytes(q->dtype, q->out_size, weight_rows(&q->cell->part[i], n)));
    q->packed_ih = take(m, fr_packed_bytes(q->dtype, q->input, q->cell->gates * n));
    q->bias = take(m, q->cell->gates * n * q->size);
    q->packed_hr = take(m, q->w_hr ? fr_packed_bytes(q->dtype, n, q->out_size) : 0);
    q->state = take(m, q->w_hr ? q->batch * n * q->size : 0);
    if (!q->call->recording && q->cell->gates_output)
        q->gates = take(m, all * q->cell->width * n);
    if (!q->call->recording && q->cell->cells_output) {
        q->c = take(m, all * n);
        q->tanh_c = take(m, all * n);
    }
}

/* b_ih, and b_hh where the recurrent sum is added to the input's. */
static void fill_bias(const sequence *q)
{
    const char *b_ih = origin_of(q->call, FR_B_IH), *b_hh = origin_of(q->call, FR_B_HH);
    int64_t n = q->cell->gates * q->hidden;

    if (b_ih)
        memcpy(q->bias, b_ih, (size_t)(n * q->size));
    else
        memset(q->bias, 0, (size_t)(n * q->size));
    for (int i = 0; i < 2 && b_hh; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];
        int64_t first = part->gate * q->hidden, end = first + weight_rows(part, q->hidden);

        for (int64_t j = first; j < end && part->added; j++) {
            if (q->dtype == FR_F64)
                ((double *)q->bias)[j] += ((const double *)b_hh)[j];
            else
                ((float *)q->bias)[j] += ((const float *)b_hh)[j];
        }
    }
}

static void pack_forward(const sequence *q)
{
    const char *w_hh = origin_of(q->call, FR_W_HH), *w_ih = origin_of(q->call, FR_W_IH);

    for (int i = 0; i < 2; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];

        if (part->count)
            fr_pack(q->dtype, q->out_size, weight_rows(part, q->hidden),
                    w_hh + part->gate * q->hidden * q->out_size * q->size, 1, q->out_size, q->packed[i]);
    }
    fr_pack(q->dtype, q->input, q->cell->gates * q->hidden, w_ih, 1, q->input, q->packed_ih);
    if (q->w_hr)
        fr_pack(q->dtype, q->hidden, q->out_size, q->w_hr, 1, q->hidden, q->packed_hr);
    fill_bias(q);
}

enum { PROJECTED_ROWS = 64 };

/* The input's part of PROJECTED_ROWS rows of (T*B). */
static void project_rows(void *job, int64_t tile)
{
    const sequence *q = job;
    int64_t first = tile * PROJECTED_ROWS, all = q->steps * q->batch, wide = q->cell->width * q->hidden;
    int64_t rows = all - first < PROJECTED_ROWS ? all - first : PROJECTED_ROWS;
    const char *x = origin_of(q->call, FR_X);

    fr_multiply_packed(q->dtype, rows, q->cell->gates * q->hidden, q->input, x + first * q->input * q->size, q->input,
                       1, q->packed_ih, q->bias, false, q->gates + first * wide * q->size, wide);
}

static void forward_step(const sequence *q, int64_t s, int64_t b0, int64_t rows)
{
    int64_t n = q->hidden, t = step_at(q, s);
    const char *b_hh = origin_of(q->call, FR_B_HH);
    fr_recurrent_pass p = pass_at(q, s, b0, rows);
    bool zero = s == 0 && !origin_of(q->call, FR_H0);
    char *h = at(q, q->out, q->out_size, t, b0);

    p.h = q->w_hr ? q->state + b0 * n * q->size : h;
    for (int i = 0; i < 2; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];

        if (part->count && !(zero && part->added))
            fr_multiply_packed(q->dtype, rows, weight_rows(part, n), zero ? 0 : q->out_size, p.h_before, q->out_size, 1,
                               q->packed[i], b_hh && !part->added ? b_hh + part->gate * n * q->size : NULL, part->added,
                               (char *)p.gates + part->column * n * q->size, q->cell->width * n);
    }
    q->cell->forward(&p, q->dtype);
    if (q->w_hr)
        fr_multiply_packed(q->dtype, rows, q->out_size, n, p.h, n, 1, q->packed_hr, NULL, false, h, q->out_size);
    clear_inactive(q, h, q->out_size, t, b0, rows);
}

/* The states after the last step of each row, of `states` (T,B,width), or the initial ones. */
static void last_states(const sequence *q, const char *states, const char *first, int64_t width, char *last, int64_t b0,
                        int64_t rows)
{
    int64_t row = width * q->size;

    if (!q->lengths) {
        memcpy(last + b0 * row, at(q, states, width, step_at(q, q->steps - 1), b0), (size_t)(rows * row));
        return;
    }
    for (int64_t b = b0; b < b0 + rows; b++) {
        int64_t t = q->reverse ? 0 : q->lengths[b] - 1;

        memcpy(last + b * row, q->lengths[b] ? at(q, states, width, t, b) : first + b * row, (size_t)row);
    }
}

static void forward_tile(void *job, int64_t tile)
{
    const sequence *q = job;
    int64_t b0 = tile * q->tile_rows, rows = tile_size(q, b0);

    for (int64_t s = 0; s < q->steps; s++)
        forward_step(q, s, b0, rows);
    last_states(q, q->out, q->h0, q->out_size, q->call->result[FR_H]->origin, b0, rows);
    if (q->cell->cells_output)
        last_states(q, q->c, q->c0, q->hidden, q->call->result[FR_C]->origin, b0, rows);
}

static void find_arrays(sequence *q)
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

void fr_recurrent_forward_kernel(fr_op_call *call)
{
    sequence q = describe(call);
    arena m = { 0 };

    find_arrays(&q);
    take_forward(&q, &m);
    if (!give_memory(call, &m))
        return;
    take_forward(&q, &m);
    pack_forward(&q);
    if (tiles(&q) > 1)
        fr_run_tiles((q.steps * q.batch + PROJECTED_ROWS - 1) / PROJECTED_ROWS, project_rows, &q);
    else
        for (int64_t i = 0; i * PROJECTED_ROWS < q.steps * q.batch; i++)
            project_rows(&q, i);
    fr_run_tiles(tiles(&q), forward_tile, &q);
    fr_free(m.base, (size_t)m.used);
}

/* --- Backward ---------------------------------------------------------------------------------------------------- */

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

static void add(const sequence *q, int64_t n, void *a, const void *b)
{
    if (q->dtype == FR_F64)
        add_f64(n, a, b);
    else
        add_f32(n, a, b);
}

static void take_backward(sequence *q, arena *m)
{
    int64_t n = q->hidden, all = q->steps * q->batch * q->size, h_bytes = q->batch * q->out_size * q->size;

    take_states(q, m);
    for (int i = 0; i < 2; i++)
        q->packed[i] = take(m, fr_packed_bytes(q->dtype, weight_rows(&q->cell->part[i], n), q->out_size));
    q->dgates = take(m, all * q->cell->width * n);
    q->dh = take(m, h_bytes);
    q->dc = take(m, q->cell->cells_output ? q->batch * n * q->size : 0);
    q->packed_hr = take(m, q->w_hr ? fr_packed_bytes(q->dtype, q->out_size, n) : 0);
    q->dstate = take(m, q->w_hr ? q->batch * n * q->size : 0);
    q->dh_all = take(m, q->w_hr ? all * q->out_size : 0);
    q->states = take(m, q->w_hr ? all * n : 0);
    q->h_before = take(m, q->lengths && q->reverse ? all * q->out_size : 0);
}

/* Gradients that arrive at the states after step t: those of the last states where it is a row's last, and those of
 * out. */
static void gather_gradients(const sequence *q, int64_t s, int64_t b0, int64_t rows)
{
    int64_t t = step_at(q, s), p = q->out_size, n = q->hidden;
    char *dh = q->dh + b0 * p * q->size, *dc = q->cell->cells_output ? q->dc + b0 * n * q->size : NULL;

    if (!q->lengths) {
        if (s == q->steps - 1 && q->dh_last)
            memcpy(dh, q->dh_last + b0 * p * q->size, (size_t)(rows * p * q->size));
        if (s == q->steps - 1 && dc && q->dc_last)
            memcpy(dc, q->dc_last + b0 * n * q->size, (size_t)(rows * n * q->size));
        if (q->dout)
            add(q, rows * p, dh, at(q, q->dout, p, t, b0));
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        if (q->dh_last && is_last_step(q, t, b0 + i))
            memcpy(dh + i * p * q->size, q->dh_last + (b0 + i) * p * q->size, (size_t)(p * q->size));
        if (dc && q->dc_last && is_last_step(q, t, b0 + i))
            memcpy(dc + i * n * q->size, q->dc_last + (b0 + i) * n * q->size, (size_t)(n * q->size));
        if (q->dout && t < q->lengths[b0 + i])
            add(q, p, dh + i * p * q->size, at(q, q->dout, p, t, b0 + i));
    }
}

/* Where step t was a row's first, what is left belongs to its initial state. */
static void hand_over(const sequence *q, char *d, char *d0, int64_t width, int64_t t, int64_t b0, int64_t rows)
{
    size_t row = (size_t)(width * q->size);

    for (int64_t b = b0; b < b0 + rows; b++) {
        if (!is_first_step(q, t, b))
            continue;
        if (d0)
            memcpy(d0 + b * (int64_t)row, d + b * (int64_t)row, row);
        memset(d + b * (int64_t)row, 0, row);
    }
}

/* dh (rows,P) = what the pass left there + dgates w_hh */
static void product_back(const sequence *q, const char *dgates, char *dh, int64_t rows)
{
    int64_t n = q->hidden;

    for (int i = 0; i < 2; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];

        if (part->count)
            fr_multiply_packed(q->dtype, rows, q->out_size, weight_rows(part, n), dgates + part->column * n * q->size,
                               q->cell->width * n, 1, q->packed[i], NULL, q->cell->keeps_dh || i > 0, dh, q->out_size);
    }
}

static void backward_step(const sequence *q, int64_t s, int64_t b0, int64_t rows)
{
    int64_t t = step_at(q, s), n = q->hidden, size = q->size, width = q->cell->width * n;
    fr_recurrent_pass p = pass_at(q, s, b0, rows);
    char *dh = q->dh + b0 * q->out_size * size;

    gather_gradients(q, s, b0, rows);
    p.dgates = at(q, q->dgates, width, t, b0);
    p.dc = q->cell->cells_output ? q->dc + b0 * n * size : NULL;
    p.dh = dh;
    if (q->w_hr) {
        memcpy(at(q, q->dh_all, q->out_size, t, b0), dh, (size_t)(rows * q->out_size * size));
        p.dh = q->dstate + b0 * n * size;
        p.h = at(q, q->states, n, t, b0);
        fr_multiply_packed(q->dtype, rows, n, q->out_size, dh, q->out_size, 1, q->packed_hr, NULL, false, p.dh, n);
    }
    q->cell->backward(&p, q->dtype);
    clear_inactive(q, p.dgates, width, t, b0, rows);
    clear_inactive(q, dh, q->out_size, t, b0, rows);
    if (p.dc)
        clear_inactive(q, p.dc, n, t, b0, rows);
    if (p.h)
        clear_inactive(q, p.h, n, t, b0, rows);
    if (q->h_before)
        memcpy(at(q, q->h_before, q->out_size, t, b0), p.h_before, (size_t)(rows * q->out_size * size));
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
static void finish_initial(const sequence *q, const char *d, const char *d_last, char *d0, int64_t width, int64_t b0,
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
    const sequence *q = job;
    int64_t b0 = tile * q->tile_rows, rows = tile_size(q, b0);

    memset(q->dh + b0 * q->out_size * q->size, 0, (size_t)(rows * q->out_size * q->size));
    if (q->cell->cells_output)
        memset(q->dc + b0 * q->hidden * q->size, 0, (size_t)(rows * q->hidden * q->size));
    for (int64_t s = q->steps; s-- > 0;)
        backward_step(q, s, b0, rows);
    finish_initial(q, q->dh, q->dh_last, q->dh0, q->out_size, b0, rows);
    finish_initial(q, q->dc, q->dc_last, q->dc0, q->hidden, b0, rows);
}

/* w (rows of part, P) = dgates^T h_before, over all steps: states of the step before lie one step off in out. */
static void recurrent_weights(const sequence *q, const fr_recurrent_part *part, char *w)
{
    int64_t n = q->hidden, p = q->out_size, wide = q->cell->width * n, rows = weight_rows(part, n);
    int64_t later = (q->steps - 1) * q->batch, first = step_at(q, 0);
    const char *d = q->dgates + part->column * n * q->size;

    w += part->gate * n * p * q->size;
    if (q->h_before) {
        fr_gemm(q->dtype, true, false, rows, p, q->steps * q->batch, d, wide, q->h_before, p, 0, w, p);
        return;
    }
    fr_gemm(q->dtype, true, false, rows, p, later, q->reverse ? d : at(q, d, wide, 1, 0), wide,
            q->reverse ? at(q, q->out, p, 1, 0) : q->out, p, 0, w, p);
    if (origin_of(q->call, FR_H0))
        fr_gemm(q->dtype, true, false, rows, p, q->batch, at(q, d, wide, first, 0), wide, q->h0, p, 1, w, p);
}

#define COLUMN_SUMS(T)                                                                                                 \
    {                                                                                                                  \
        const T *row = from;                                                                                           \
        T *sum = to;                                                                                                   \
        memset(to, 0, (size_t)columns * sizeof(T));                                                                    \
        for (int64_t i = 0; i < rows; i++, row += step)                                                                \
            for (int64_t j = 0; j < columns; j++)                                                                      \
                sum[j] += row[j];                                                                                      \
    }

static void column_sums(fr_dtype dtype, int64_t rows, int64_t columns, const void *from, int64_t step, void *to)
{
    if (dtype == FR_F64)
        COLUMN_SUMS(double)
    else
        COLUMN_SUMS(float)
}

static void *wanted(const fr_op_call *call, int input)
{
    return input < call->inputs && call->needs[input] ? call->grad_in[input]->origin : NULL;
}

static void weight_gradients(const sequence *q)
{
    fr_op_call *call = q->call;
    int64_t n = q->hidden, wide = q->cell->width * n, all = q->steps * q->batch, rows = q->cell->gates * n;
    char *w_ih = wanted(call, FR_W_IH), *w_hh = wanted(call, FR_W_HH), *w_hr = wanted(call, FR_W_HR);
    char *x = wanted(call, FR_X), *b_ih = wanted(call, FR_B_IH), *b_hh = wanted(call, FR_B_HH);

    if (w_ih)
        fr_gemm(q->dtype, true, false, rows, q->input, all, q->dgates, wide, origin_of(call, FR_X), q->input, 0, w_ih,
                q->input);
    if (x)
        fr_gemm(q->dtype, false, false, all, q->input, rows, q->dgates, wide, origin_of(call, FR_W_IH), q->input, 0, x,
                q->input);
    if (b_ih)
        column_sums(q->dtype, all, rows, q->dgates, wide, b_ih);
    for (int i = 0; i < 2; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];

        if (w_hh && part->count)
            recurrent_weights(q, part, w_hh);
        if (b_hh && part->count)
            column_sums(q->dtype, all, weight_rows(part, n), q->dgates + part->column * n * q->size, wide,
                        b_hh + part->gate * n * q->size);
    }
    if (w_hr)
        fr_gemm(q->dtype, true, false, q->out_size, n, all, q->dh_all, q->out_size, q->states, n, 0, w_hr, n);
}

static void pack_backward(const sequence *q)
{
    const char *w_hh = origin_of(q->call, FR_W_HH);

    for (int i = 0; i < 2; i++) {
        const fr_recurrent_part *part = &q->cell->part[i];

        if (part->count)
            fr_pack(q->dtype, weight_rows(part, q->hidden), q->out_size,
                    w_hh + part->gate * q->hidden * q->out_size * q->size, q->out_size, 1, q->packed[i]);
    }
    if (q->w_hr)
        fr_pack(q->dtype, q->out_size, q->hidden, q->w_hr, q->hidden, 1, q->packed_hr);
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
    sequence q = describe(call);
    arena m = { 0 };

    if (q.batch == 0) { /* nothing takes part: there are no arrays either */
        clear_gradients(call);
        return;
    }
    find_arrays(&q);
    q.dout = given(call, FR_OUT);
    q.dh_last = given(call, FR_H);
    q.dc_last = q.cell->cells_output ? given(call, FR_C) : NULL;
    q.dh0 = wanted(call, FR_H0);
    q.dc0 = wanted(call, FR_C0);
    take_backward(&q, &m);
    if (!give_memory(call, &m))
        return;
    take_backward(&q, &m);
    pack_backward(&q);
    fr_run_tiles(tiles(&q), backward_tile, &q);
    weight_gradients(&q);
    fr_free(m.base, (size_t)m.used);
}

/* --- The public functions' common part --------------------------------------------------------------------------- */

fr_recurrent fr_recurrent_apply(const fr_op *op, const fr_recurrent_cell *cell, fr_tensor **in,
                                const fr_recurrence *how)
{
    static const fr_recurrence plain;
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    fr_tensor *out[FR_C + 3] = { NULL };
    fr_recurrent_attributes attributes = { .cell = cell };
    bool ok = true;

    if (!how)
        how = &plain;
    for (size_t i = 0; i < sizeof how->reserved / sizeof *how->reserved; i++)
        ok = ok && !how->reserved[i];
    in[FR_LENGTHS] = how->lengths;
    attributes.relu = how->relu;
    attributes.reverse = how->reverse;
    if (!ok)
        fr_fail(op->name, "reserved fields of fr_recurrence must be 0: was it cleared?");
    else
        fr_apply_n(op, in, op->inputs, &attributes, out);
    fr_finish(th, before);
    return (fr_recurrent){ out[FR_OUT], out[FR_H], cell->cells_output ? out[FR_C] : NULL };
}
