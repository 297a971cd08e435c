/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* rnn, lstm, gru: one layer, one direction, the whole sequence. The input's part of all steps is one matrix product. */
#include "ops/op_file.h"

#include <stdlib.h>

typedef enum { RNN, GRU, LSTM } cell_kind;

typedef struct {
    cell_kind kind;
    const char *name;
    bool relu;
    fr_tensor *w_hh, *b_hh, *w_hr;
    int64_t hidden;
} cell;

/* The part of gate k of z (B,gH). */
static fr_tensor *gate(const cell *c, fr_tensor *z, int k)
{
    return fr_slice(z, 1, k * c->hidden, (k + 1) * c->hidden, 1);
}

/* (1 - z) n + z h as n + z (h - n) */
static fr_tensor *gru_step(const cell *c, fr_tensor *zx, fr_tensor *h)
{
    fr_tensor *zh = fr_linear(h, c->w_hh, c->b_hh);
    fr_tensor *r = fr_sigmoid(fr_add(gate(c, zx, 0), gate(c, zh, 0)));
    fr_tensor *z = fr_sigmoid(fr_add(gate(c, zx, 1), gate(c, zh, 1)));
    fr_tensor *n = fr_tanh(fr_add(gate(c, zx, 2), fr_mul(r, gate(c, zh, 2))));

    return fr_add(n, fr_mul(z, fr_sub(h, n)));
}

static fr_tensor *lstm_step(const cell *c, fr_tensor *zx, fr_tensor *h, fr_tensor **state)
{
    fr_tensor *z = fr_add(zx, fr_linear(h, c->w_hh, c->b_hh));
    fr_tensor *kept = fr_mul(fr_sigmoid(gate(c, z, 1)), *state);

    *state = fr_add(kept, fr_mul(fr_sigmoid(gate(c, z, 0)), fr_tanh(gate(c, z, 2))));
    h = fr_mul(fr_sigmoid(gate(c, z, 3)), fr_tanh(*state));
    return c->w_hr ? fr_linear(h, c->w_hr, NULL) : h;
}

static fr_tensor *step(const cell *c, fr_tensor *zx, fr_tensor *h, fr_tensor **state)
{
    if (c->kind == GRU)
        return gru_step(c, zx, h);
    if (c->kind == LSTM)
        return lstm_step(c, zx, h, state);

    fr_tensor *z = fr_add(zx, fr_linear(h, c->w_hh, c->b_hh));

    return c->relu ? fr_relu(z) : fr_tanh(z);
}

/* mask ? a : b for a mask (B,1) of 0 and 1 */
static fr_tensor *choose(fr_tensor *mask, fr_tensor *a, fr_tensor *b)
{
    return fr_add(b, fr_mul(mask, fr_sub(a, b)));
}

static bool run_steps(const cell *c, fr_tensor *x, fr_tensor *zx, const fr_recurrence *how, fr_tensor **rows,
                      fr_recurrent *r)
{
    int64_t steps = x->shape.dim[0];
    fr_tensor *lengths = how && how->lengths ? fr_cast(fr_unsqueeze(how->lengths, 1), (fr_dtype)x->dtype) : NULL;

    for (int64_t i = 0; i < steps; i++) {
        int64_t t = how && how->reverse ? steps - 1 - i : i;
        fr_tensor *state = r->c, *h = step(c, fr_select(zx, 0, t), r->h, &state);
        fr_tensor *mask = lengths ? fr_gt_scalar(lengths, (double)t) : NULL;

        rows[t] = mask ? fr_mul(mask, h) : h;
        r->h = mask ? choose(mask, h, r->h) : h;
        if (r->c)
            r->c = mask ? choose(mask, state, r->c) : state;
        if (!rows[t] || !r->h)
            return false;
    }
    r->out = fr_stack(rows, (int)steps, 0);
    return r->out != NULL;
}

static fr_tensor *initial(fr_tensor *given, const fr_tensor *x, int64_t size)
{
    fr_tensor *zeros;

    if (given)
        return given;
    zeros = fr_tensor_alloc("recurrent", &(fr_shape){ 2, { x->shape.dim[1], size } }, (fr_dtype)x->dtype);
    if (zeros)
        memset(zeros->origin, 0, zeros->storage->bytes);
    return fr_hold("recurrent", zeros);
}

static bool has_shape(const char *what, const char *name, const fr_tensor *t, fr_shape expected, bool optional)
{
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (!t)
        return optional ? !fr_failed_before(fr_thread_self()) : fr_check_not_null(what, t, name);
    return fr_shape_equal(&t->shape, &expected) ||
           fr_fail(what, "%s is %s, expected %s", name, fr_shape_text(&t->shape, a), fr_shape_text(&expected, b));
}

static bool check(const cell *c, const fr_tensor *x, const fr_tensor *h0, const fr_tensor *c0, const fr_tensor *w_ih,
                  const fr_tensor *b_ih, const fr_recurrence *how)
{
    static const int gates[] = { 1, 3, 4 };
    const char *what = c->name;
    char text[FR_SHAPE_TEXT];

    if (!fr_check_not_null(what, x, "x") || !fr_check_not_null(what, w_ih, "w_ih") ||
        !fr_check_not_null(what, c->w_hh, "w_hh"))
        return false;
    if (x->shape.ndim != 3 || x->shape.dim[0] < 1 || x->shape.dim[0] > INT32_MAX)
        return fr_fail(what, "x is %s, expected (T, B, I) with T of 1 or more", fr_shape_text(&x->shape, text));
    if (w_ih->shape.ndim != 2 || w_ih->shape.dim[0] % gates[c->kind] != 0)
        return fr_fail(what, "w_ih is %s, expected (%d H, I)", fr_shape_text(&w_ih->shape, text), gates[c->kind]);

    int64_t rows = w_ih->shape.dim[0], batch = x->shape.dim[1], hidden = rows / gates[c->kind];
    int64_t out = c->w_hr && c->w_hr->shape.ndim == 2 ? c->w_hr->shape.dim[0] : hidden;

    return has_shape(what, "w_ih", w_ih, (fr_shape){ 2, { rows, x->shape.dim[2] } }, false) &&
           has_shape(what, "w_hh", c->w_hh, (fr_shape){ 2, { rows, out } }, false) &&
           has_shape(what, "b_ih", b_ih, (fr_shape){ 1, { rows } }, true) &&
           has_shape(what, "b_hh", c->b_hh, (fr_shape){ 1, { rows } }, true) &&
           has_shape(what, "w_hr", c->w_hr, (fr_shape){ 2, { out, hidden } }, true) &&
           has_shape(what, "h0", h0, (fr_shape){ 2, { batch, out } }, true) &&
           has_shape(what, "c0", c0, (fr_shape){ 2, { batch, hidden } }, true) &&
           has_shape(what, "lengths", how ? how->lengths : NULL, (fr_shape){ 1, { batch } }, true);
}

static fr_recurrent recurrent(cell *c, fr_tensor *x, fr_tensor *h0, fr_tensor *c0, fr_tensor *w_ih, fr_tensor *b_ih,
                              const fr_recurrence *how)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, c->name);
    int scope = fr_scope_begin();
    fr_recurrent r = { 0 };
    fr_tensor **rows = NULL, *zx;
    bool ok = check(c, x, h0, c0, w_ih, b_ih, how);

    if (ok) {
        static const int gates[] = { 1, 3, 4 };

        c->hidden = w_ih->shape.dim[0] / gates[c->kind];
        c->relu = how && how->relu;
        zx = fr_linear(x, w_ih, b_ih);
        r.h = initial(h0, x, c->w_hh->shape.dim[1]);
        r.c = c->kind == LSTM ? initial(c0, x, c->hidden) : NULL;
        rows = malloc((size_t)x->shape.dim[0] * sizeof *rows);
        if (!rows)
            fr_fail_memory(c->name);
        ok = rows && zx && r.h && run_steps(c, x, zx, how, rows, &r);
    }
    free(rows);
    if (ok)
        r = (fr_recurrent){ fr_escape(r.out), fr_escape(r.h), fr_escape(r.c) };
    else
        r = (fr_recurrent){ 0 };
    fr_scope_end(scope);
    fr_finish(th, before);
    return r;
}

fr_recurrent fr_rnn(fr_tensor *x, fr_tensor *h0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih, fr_tensor *b_hh,
                    const fr_recurrence *how)
{
    return recurrent(&(cell){ .kind = RNN, .name = "rnn", .w_hh = w_hh, .b_hh = b_hh }, x, h0, NULL, w_ih, b_ih, how);
}

fr_recurrent fr_gru(fr_tensor *x, fr_tensor *h0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih, fr_tensor *b_hh,
                    const fr_recurrence *how)
{
    return recurrent(&(cell){ .kind = GRU, .name = "gru", .w_hh = w_hh, .b_hh = b_hh }, x, h0, NULL, w_ih, b_ih, how);
}

fr_recurrent fr_lstm(fr_tensor *x, fr_tensor *h0, fr_tensor *c0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih,
                     fr_tensor *b_hh, fr_tensor *w_hr, const fr_recurrence *how)
{
    return recurrent(&(cell){ .kind = LSTM, .name = "lstm", .w_hh = w_hh, .b_hh = b_hh, .w_hr = w_hr }, x, h0, c0, w_ih,
                     b_ih, how);
}
