/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* RNN, LSTM, GRU: layers and directions put together from fr_rnn, fr_lstm and fr_gru. A *cell* here is one layer in one
 * direction; cells count by layer, then direction. */
#include "nn/module.h"

#include <frond/op.h>
#include <inttypes.h>
#include <math.h>

typedef struct {
    const char *type, *op, *maker;
    int gates;
} cell_kind;

static const cell_kind rnn_kind = { "RNN", "rnn", "nn_rnn", 1 };
static const cell_kind gru_kind = { "GRU", "gru", "nn_gru", 3 };
static const cell_kind lstm_kind = { "LSTM", "lstm", "nn_lstm", 4 };

typedef struct {
    fr_tensor *w_ih, *w_hh, *b_ih, *b_hh, *w_hr; /* borrowed from the module */
} weights;

typedef struct {
    const cell_kind *kind;
    fr_recurrent_options options;
    int64_t input, hidden, out; /* sizes of x, c and h */
    int directions, cell_count;
    weights cells[];
} recurrent;

/* --- Making --------------------------------------------------------------------------------------------------------
 */

static bool check_options(const cell_kind *k, int64_t input, int64_t hidden, const fr_recurrent_options *o)
{
    const char *what = k->maker;

    if (!fr_check_reserved(what, o->reserved) || !fr_check_dropout(what, o->dropout))
        return false;
    if (input < 1 || hidden < 1)
        return fr_fail(what, "input_size %" PRId64 ", hidden_size %" PRId64 ", expected 1 or more", input, hidden);
    if (hidden > INT64_MAX / k->gates)
        return fr_fail(what, "hidden_size %" PRId64 " is too large", hidden);
    if (o->num_layers < 1 || o->num_layers > INT32_MAX / 2)
        return fr_fail(what, "num_layers %d, expected 1 or more (0: 1) and at most %d", o->num_layers, INT32_MAX / 2);
    if (o->relu && k != &rnn_kind)
        return fr_fail(what, "relu is for fr_nn_rnn alone");
    if (o->proj_size != 0 && k != &lstm_kind)
        return fr_fail(what, "proj_size %" PRId64 " is for fr_nn_lstm alone", o->proj_size);
    return (o->proj_size >= 0 && o->proj_size < hidden) ||
           fr_fail(what, "proj_size %" PRId64 ", expected 0 (none) to hidden_size - 1, %" PRId64, o->proj_size,
                   hidden - 1);
}

/* PyTorch's order: of creation, and so of the numbers drawn. */
static bool fill_cell(fr_module *m, recurrent *r, int cell)
{
    weights *w = &r->cells[cell];
    int64_t rows = r->kind->gates * r->hidden, in = cell < r->directions ? r->input : r->directions * r->out;
    bool bias = !r->options.no_bias, projects = r->options.proj_size > 0;
    const struct {
        const char *name;
        fr_tensor **slot;
        fr_shape shape;
        bool wanted;
    } plan[] = {
        { "weight_ih", &w->w_ih, FR_SHAPE(rows, in), true },
        { "weight_hh", &w->w_hh, FR_SHAPE(rows, r->out), true },
        { "bias_ih", &w->b_ih, FR_SHAPE(rows), bias },
        { "bias_hh", &w->b_hh, FR_SHAPE(rows), bias },
        { "weight_hr", &w->w_hr, FR_SHAPE(r->out, r->hidden), projects },
    };

    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
        char name[48];

        if (!plan[i].wanted)
            continue;
        snprintf(name, sizeof name, "%s_l%d%s", plan[i].name, cell / r->directions,
                 cell % r->directions ? "_reverse" : "");
        *plan[i].slot = fr_uniform_parameter(r->kind->maker, m, name, plan[i].shape, 1 / sqrt((double)r->hidden));
        if (!*plan[i].slot)
            return false;
    }
    return true;
}

/* What differs from the defaults, as PyTorch prints it. */
static bool describe(fr_module *m, const recurrent *r)
{
    const fr_recurrent_options *o = &r->options;
    char text[256], proj_size[40] = "", layers[40] = "", dropout[60] = "", number[FR_NUMBER_TEXT];

    if (o->proj_size)
        snprintf(proj_size, sizeof proj_size, ", proj_size=%" PRId64, o->proj_size);
    if (o->num_layers != 1)
        snprintf(layers, sizeof layers, ", num_layers=%d", o->num_layers);
    if (o->dropout > 0)
        snprintf(dropout, sizeof dropout, ", dropout=%s", fr_number_text(o->dropout, number));
    snprintf(text, sizeof text, "%" PRId64 ", %" PRId64 "%s%s%s%s%s%s", r->input, r->hidden, proj_size, layers,
             o->no_bias ? ", bias=False" : "", o->batch_first ? ", batch_first=True" : "", dropout,
             o->bidirectional ? ", bidirectional=True" : "");
    return fr_module_describe(m, text);
}

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    return fr_recurrent_forward(m, x, NULL).out;
}

static fr_module *make(const cell_kind *kind, int64_t input, int64_t hidden, const fr_recurrent_options *options)
{
    fr_recurrent_options o = options ? *options : (fr_recurrent_options){ 0 };
    int directions = o.bidirectional ? 2 : 1;

    if (o.num_layers == 0)
        o.num_layers = 1;
    if (!check_options(kind, input, hidden, &o))
        return NULL;

    size_t cells = (size_t)o.num_layers * (size_t)directions;
    fr_module *m = fr_module_new(kind->type, sizeof(recurrent) + cells * sizeof(weights), forward);
    recurrent *r = fr_self(m);
    bool ok = r != NULL;

    if (ok)
        *r = (recurrent){ .kind = kind,
                          .options = o,
                          .input = input,
                          .hidden = hidden,
                          .out = o.proj_size ? o.proj_size : hidden,
                          .directions = directions,
                          .cell_count = (int)cells };
    for (int i = 0; ok && i < r->cell_count; i++)
        ok = fill_cell(m, r, i);
    if (ok && describe(m, r))
        return m;
    fr_module_free(m);
    return NULL;
}

static fr_module *make_as(const cell_kind *kind, int64_t input, int64_t hidden, const fr_recurrent_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, kind->maker);
    fr_module *m = make(kind, input, hidden, options);

    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_rnn(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options)
{
    return make_as(&rnn_kind, input_size, hidden_size, options);
}

fr_module *fr_nn_gru(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options)
{
    return make_as(&gru_kind, input_size, hidden_size, options);
}

fr_module *fr_nn_lstm(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options)
{
    return make_as(&lstm_kind, input_size, hidden_size, options);
}

/* --- Checking a call -----------------------------------------------------------------------------------------------
 */

/* One forward. */
typedef struct {
    const recurrent *r;
    bool training, batched;
    fr_tensor *x, *h0, *c0, *lengths; /* x (T,B,I), states (cells,B,*) or NULL: as fr_rnn wants them */
    fr_tensor **h, **c;               /* final states of each cell, (B,*) */
} sequence;

static bool check_x(const recurrent *r, const fr_tensor *x, bool must_be_batched)
{
    char given[FR_SHAPE_TEXT];
    const char *order = r->options.batch_first ? "B, T" : "T, B";
    int n = x->shape.ndim;
    bool fits = (n == 3 || (n == 2 && !must_be_batched)) && x->shape.dim[n - 1] == r->input;

    if (fits)
        return true;
    fr_shape_text(&x->shape, given);
    if (n == 2 && must_be_batched)
        fr_fail(r->kind->op, "x %s, expected (%s, %" PRId64 "): lengths are for batches", given, order, r->input);
    else if (n == 2)
        fr_fail(r->kind->op, "x %s, expected (T, %" PRId64 ")", given, r->input);
    else
        fr_fail(r->kind->op, "x %s, expected (%s, %" PRId64 ")", given, order, r->input);
    return false;
}

/* An initial state: (cells,B,size), or (cells,size) for unbatched x; NULL for zeros, where the ops look into whether it
 * is NULL because it failed. */
static bool check_state(const sequence *s, const char *name, const fr_tensor *t, int64_t size, int64_t batch)
{
    char given[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];
    fr_shape shape = s->batched ? FR_SHAPE(s->r->cell_count, batch, size) : FR_SHAPE(s->r->cell_count, size);

    return !t || fr_shape_equal(&t->shape, &shape) ||
           fr_fail(s->r->kind->op, "initial %s %s, expected %s", name, fr_shape_text(&t->shape, given),
                   fr_shape_text(&shape, expected));
}

static bool check_initial(const sequence *s, const fr_recurrent *initial, int64_t batch)
{
    if (s->r->kind == &lstm_kind)
        return check_state(s, "h", initial->h, s->r->out, batch) &&
               check_state(s, "c", initial->c, s->r->hidden, batch);
    return check_state(s, "h", initial->h, s->r->out, batch) &&
           (!initial->c || fr_fail(s->r->kind->op, "an initial c is given, which %s does not have", s->r->kind->type));
}

static bool check_lengths(const recurrent *r, const fr_tensor *lengths, int64_t batch, int64_t steps)
{
    char given[FR_SHAPE_TEXT];

    if (lengths->dtype != FR_I64 || lengths->shape.ndim != 1 || lengths->shape.dim[0] != batch)
        return fr_fail(r->kind->op, "lengths %s of %s, expected (%" PRId64 ",) of int64",
                       fr_shape_text(&lengths->shape, given), fr_dtype_name((fr_dtype)lengths->dtype), batch);
    for (int64_t i = 0; i < batch; i++) {
        int64_t length = ((const int64_t *)lengths->origin)[fr_offset_of(lengths, i)];

        if (length < 1 || length > steps)
            return fr_fail(r->kind->op, "lengths[%" PRId64 "] is %" PRId64 ", expected 1 to %" PRId64, i, length,
                           steps);
    }
    return true;
}

/* Checks what is given and brings it into the order of fr_rnn. */
static bool prepare(sequence *s, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths)
{
    if (!check_x(s->r, x, lengths != NULL))
        return false;
    s->batched = x->shape.ndim == 3;
    s->x = !s->batched ? fr_unsqueeze(x, 1) : s->r->options.batch_first ? fr_transpose(x, 0, 1) : x;
    s->lengths = lengths;
    if (!s->x)
        return false;

    int64_t steps = s->x->shape.dim[0], batch = s->x->shape.dim[1];

    if (steps < 1)
        return fr_fail(s->r->kind->op, "x has 0 steps, expected 1 or more");
    if ((initial && !check_initial(s, initial, batch)) || (lengths && !check_lengths(s->r, lengths, batch, steps)))
        return false;
    if (initial) {
        s->h0 = s->batched || !initial->h ? initial->h : fr_unsqueeze(initial->h, 1);
        s->c0 = s->batched || !initial->c ? initial->c : fr_unsqueeze(initial->c, 1);
    }
    return true;
}

/* --- Running -------------------------------------------------------------------------------------------------------
 */

static fr_recurrent run_cell(const sequence *s, fr_tensor *x, int cell)
{
    const recurrent *r = s->r;
    const weights *w = &r->cells[cell];
    fr_recurrence how = { .relu = r->options.relu, .reverse = cell % r->directions == 1, .lengths = s->lengths };
    fr_tensor *h0 = s->h0 ? fr_select(s->h0, 0, cell) : NULL, *c0 = s->c0 ? fr_select(s->c0, 0, cell) : NULL;

    if ((s->h0 && !h0) || (s->c0 && !c0))
        return (fr_recurrent){ 0 };
    if (r->kind == &lstm_kind)
        return fr_lstm(x, h0, c0, w->w_ih, w->w_hh, w->b_ih, w->b_hh, w->w_hr, &how);
    if (r->kind == &gru_kind)
        return fr_gru(x, h0, w->w_ih, w->w_hh, w->b_ih, w->b_hh, &how);
    return fr_rnn(x, h0, w->w_ih, w->w_hh, w->b_ih, w->b_hh, &how);
}

/* x (T,B,*) -> (T,B,D*out); final states escape to the scope around. */
static fr_tensor *run_layer(const sequence *s, fr_tensor *x, int layer)
{
    const recurrent *r = s->r;
    fr_tensor *outs[2] = { NULL, NULL };

    for (int d = 0; d < r->directions; d++) {
        int cell = layer * r->directions + d;
        fr_recurrent y = run_cell(s, x, cell);

        outs[d] = y.out;
        s->h[cell] = fr_escape(y.h);
        s->c[cell] = fr_escape(y.c);
        if (!y.out || !s->h[cell] || (y.c && !s->c[cell]))
            return NULL;
    }

    fr_tensor *y = r->directions == 2 ? fr_cat(outs, 2, 2) : outs[0];
    bool drops = s->training && r->options.dropout > 0 && layer + 1 < r->options.num_layers;

    return drops ? fr_dropout(y, r->options.dropout) : y;
}

/* All layers, each in a scope of its own: the output of one lives until the next has read it. */
static fr_tensor *run_layers(const sequence *s)
{
    fr_tensor *y = fr_ref(s->x);

    for (int layer = 0; y && layer < s->r->options.num_layers; layer++) {
        int scope = fr_scope_begin();

        fr_tensor *next = scope < 0 ? NULL : fr_ref(run_layer(s, y, layer));

        fr_unref(y);
        y = next;
        fr_scope_end(scope);
    }
    return fr_hold(s->r->kind->op, y);
}

/* (B,size) of each cell -> (cells,B,size), unbatched (cells,size) */
static fr_tensor *join_states(const sequence *s, fr_tensor **states)
{
    int cells = s->r->cell_count;
    fr_tensor *joined = cells > 1 ? fr_stack(states, cells, 0) : fr_unsqueeze(states[0], 0);

    return s->batched ? joined : fr_squeeze(joined, 1);
}

static fr_recurrent run(sequence *s)
{
    fr_tensor *y = run_layers(s);
    fr_recurrent all = { 0 };

    if (!y)
        return all;
    all.out = !s->batched ? fr_squeeze(y, 1) : s->r->options.batch_first ? fr_transpose(y, 0, 1) : y;
    all.h = join_states(s, s->h);
    if (s->r->kind == &lstm_kind)
        all.c = join_states(s, s->c);
    return all;
}

/* In the scope of recurrent_forward. */
static fr_recurrent prepare_and_run(const char *what, fr_module *m, fr_tensor *x, const fr_recurrent *initial,
                                    fr_tensor *lengths)
{
    const recurrent *r = fr_self(m);
    sequence s = { .r = r, .training = m->training };
    fr_recurrent y = { 0 };
    size_t bytes = 2 * (size_t)r->cell_count * sizeof(fr_tensor *);

    if (!prepare(&s, x, initial, lengths))
        return y;
    s.h = fr_alloc(bytes);
    if (!s.h) {
        fr_fail_memory(what);
        return y;
    }
    s.c = s.h + r->cell_count;
    y = run(&s);
    fr_free(s.h, bytes);
    return y;
}

static bool is_recurrent(const char *what, const fr_module *m)
{
    return m->forward == forward || fr_fail(what, "%s given, expected RNN, LSTM or GRU", m->type);
}

static fr_recurrent recurrent_forward(const char *what, fr_module *m, fr_tensor *x, const fr_recurrent *initial,
                                      fr_tensor *lengths)
{
    int scope = fr_scope_begin();
    fr_thread *th = fr_thread_self();
    unsigned failures = th->failures;
    fr_recurrent y = { 0 };
    fr_running here;

    if (scope >= 0)
        fr_module_enter(th, m, &here);
    if (scope >= 0)
        y = prepare_and_run(what, m, x, initial, lengths);
    fr_ref(y.out);
    fr_ref(y.h);
    fr_ref(y.c);
    fr_scope_end(scope);
    y = (fr_recurrent){ fr_hold(what, y.out), fr_hold(what, y.h), fr_hold(what, y.c) };
    return scope >= 0 && th->failures == failures ? y : (fr_recurrent){ 0 };
}

fr_recurrent fr_recurrent_forward(fr_module *m, fr_tensor *x, const fr_recurrent *initial)
{
    const char *what = "recurrent_forward";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_recurrent y = { 0 };

    if (fr_check_not_null(what, m, "module") && fr_check_not_null(what, x, "x") && is_recurrent(what, m))
        y = recurrent_forward(what, m, x, initial, NULL);
    fr_finish(th, before);
    return y;
}

fr_recurrent fr_recurrent_forward_lengths(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths)
{
    const char *what = "recurrent_forward_lengths";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_recurrent y = { 0 };

    if (fr_check_not_null(what, m, "module") && fr_check_not_null(what, x, "x") &&
        fr_check_not_null(what, lengths, "lengths") && is_recurrent(what, m))
        y = recurrent_forward(what, m, x, initial, lengths);
    fr_finish(th, before);
    return y;
}
