/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Running RNN, LSTM and GRU: layers and directions, each of which is one op, put together. */
#include "core/recorder.h"
#include "nn/recurrent.h"

#include <frond/op.h>
#include <inttypes.h>

/* One forward of a sequence. */
typedef struct {
    const fr_recurrent_module *r;
    bool training, batched;
    fr_tensor *x, *h0, *c0, *lengths; /* x (T,B,I); initial states (cells,B,*), or NULL; lengths (B) or NULL */
    fr_tensor **h, **c;               /* the final states of each cell, (B,*) */
} sequence;

static const char *op_name(const fr_recurrent_module *r)
{
    return r->kind->cell->op->name;
}

/* --- Checking a call --------------------------------------------------------------------------------------------- */

static bool check_x(const fr_recurrent_module *r, const fr_tensor *x, bool must_be_batched)
{
    char given[FR_SHAPE_TEXT];
    const char *order = r->options.batch_first ? "B, T" : "T, B";
    int n = x->shape.ndim;
    bool fits = (n == 3 || (n == 2 && !must_be_batched)) && x->shape.dim[n - 1] == r->input;

    if (fits)
        return true;
    fr_shape_text(&x->shape, given);
    if (n == 2 && must_be_batched)
        fr_fail(op_name(r), "x %s, expected (%s, %" PRId64 "): lengths are for batches", given, order, r->input);
    else if (n == 2)
        fr_fail(op_name(r), "x %s, expected (T, %" PRId64 ")", given, r->input);
    else
        fr_fail(op_name(r), "x %s, expected (%s, %" PRId64 ")", given, order, r->input);
    return false;
}

/* t may be NULL: none was given. (If making it failed, the op finds that out.) */
static bool check_state(const fr_recurrent_module *r, const char *name, const fr_tensor *t, const fr_shape *lead,
                        int64_t size)
{
    char given[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];
    fr_shape shape = *lead;

    shape.dim[shape.ndim++] = size;
    return !t || fr_shape_equal(&t->shape, &shape) ||
           fr_fail(op_name(r), "initial %s %s, expected %s", name, fr_shape_text(&t->shape, given),
                   fr_shape_text(&shape, expected));
}

bool fr_check_initial(const fr_recurrent_module *r, const fr_recurrent *initial, const fr_shape *lead)
{
    if (!check_state(r, "h", initial->h, lead, r->out))
        return false;
    if (r->kind->cell->cells_output)
        return check_state(r, "c", initial->c, lead, r->hidden);
    return !initial->c || fr_fail(op_name(r), "an initial c is given, which %s does not have", r->kind->type);
}

/* From 1 to n, for function, which is the op's name. */
static bool check_each_length(const fr_action *a)
{
    for (int64_t i = 0; i < a->from->numel; i++) {
        int64_t length = fr_length_at(a->from, i);

        if (length < 1 || length > a->n)
            return fr_fail(a->function, "lengths[%" PRId64 "] is %" PRId64 ", expected 1 to %" PRId64, i, length, a->n);
    }
    return true;
}

static bool check_lengths(const fr_recurrent_module *r, fr_tensor *lengths, int64_t batch, int64_t steps)
{
    char given[FR_SHAPE_TEXT];

    if (lengths->dtype != FR_I64 || lengths->shape.ndim != 1 || lengths->shape.dim[0] != batch)
        return fr_fail(op_name(r), "lengths %s of %s, expected (%" PRId64 ",) of int64",
                       fr_shape_text(&lengths->shape, given), fr_dtype_name((fr_dtype)lengths->dtype), batch);
    return fr_act(fr_thread_self(),
                  &(fr_action){ .run = check_each_length, .function = op_name(r), .from = lengths, .n = steps });
}

/* --- Views ------------------------------------------------------------------------------------------------------- */

/* A view is an op and takes as long as one step of a small layer. Where nothing is recorded or traced, these functions
 * change shape and strides of the tensor itself instead: it is a result of this run that nobody else has seen (own). */

static bool is_recorded(const fr_tensor *t)
{
    const fr_thread *th = fr_thread_self();

    return th->trace || (fr_tracked(t) && !th->mode.no_grad);
}

/* (a,b,*) -> (b,a,*). own: t itself may be changed. */
static fr_tensor *swap_dims(fr_tensor *t, bool own)
{
    fr_shape shape = t->shape;
    int64_t stride[] = { t->stride[1], t->stride[0], t->stride[2] };

    if (is_recorded(t))
        return fr_transpose(t, 0, 1);
    shape.dim[0] = t->shape.dim[1];
    shape.dim[1] = t->shape.dim[0];
    if (!own)
        return fr_hold("transpose", fr_tensor_share("transpose", t, &shape, stride, 0));
    fr_tensor_lay_out(t, &shape, stride);
    return t;
}

/* (B,size) -> (1,B,size) */
static fr_tensor *add_dim(fr_tensor *own)
{
    if (is_recorded(own))
        return fr_unsqueeze(own, 0);

    fr_shape shape = FR_SHAPE(1, own->shape.dim[0], own->shape.dim[1]);

    fr_tensor_lay_out(own, &shape, (int64_t[]){ own->numel, own->stride[0], own->stride[1] });
    return own;
}

/* --- Running ----------------------------------------------------------------------------------------------------- */

/* Checks the arguments and stores them in s, x as (T,B,I), states as (cells,B,*). */
static bool prepare(sequence *s, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths)
{
    const fr_recurrent_module *r = s->r;

    if (!check_x(r, x, lengths != NULL))
        return false;
    s->batched = x->shape.ndim == 3;
    s->x = !s->batched ? fr_unsqueeze(x, 1) : r->options.batch_first ? swap_dims(x, false) : x;
    s->lengths = lengths;
    if (!s->x)
        return false;

    int64_t steps = s->x->shape.dim[0], batch = s->x->shape.dim[1];
    fr_shape lead = { s->batched ? 2 : 1, { r->cell_count, batch } };

    if (steps < 1)
        return fr_fail(op_name(r), "x has 0 steps, expected 1 or more");
    if ((initial && !fr_check_initial(r, initial, &lead)) || (lengths && !check_lengths(r, lengths, batch, steps)))
        return false;
    if (initial) {
        s->h0 = s->batched || !initial->h ? initial->h : fr_unsqueeze(initial->h, 1);
        s->c0 = s->batched || !initial->c ? initial->c : fr_unsqueeze(initial->c, 1);
    }
    return true;
}

/* A learned initial state (size) as (B,size). NULL if there is none, or if a call failed before: it may have been meant
 * to give the state. */
static fr_tensor *expand_learned(fr_tensor *state, int64_t batch)
{
    return state && !fr_failed_before(fr_thread_self()) ? fr_expand(state, FR_SHAPE(batch, state->numel)) : NULL;
}

fr_recurrent fr_run_cell(const fr_recurrent_module *r, int cell, fr_tensor *x, fr_tensor *h0, fr_tensor *c0,
                         fr_tensor *lengths)
{
    const fr_cell_weights *w = &r->cells[cell];
    fr_recurrence options = { .relu = r->options.relu, .reverse = cell % r->directions == 1, .lengths = lengths };
    fr_tensor *in[] = { [FR_X] = x,
                        [FR_H0] = h0 ? h0 : expand_learned(w->h0, fr_dim(x, 1)),
                        [FR_W_IH] = w->w_ih,
                        [FR_W_HH] = w->w_hh,
                        [FR_B_IH] = w->b_ih,
                        [FR_B_HH] = w->b_hh,
                        [FR_C0] = c0 ? c0 : expand_learned(w->c0, fr_dim(x, 1)),
                        [FR_W_HR] = w->w_hr };

    return fr_recurrent_apply(r->kind->cell, in, &options, r->options.layer_norm ? &w->norm : NULL);
}

/* x (T,B,*) -> (T,B,D*out). The final states escape to the scope outside. */
static fr_tensor *run_layer(const sequence *s, fr_tensor *x, int layer)
{
    const fr_recurrent_module *r = s->r;
    fr_tensor *outs[2] = { NULL, NULL };

    for (int d = 0; d < r->directions; d++) {
        int cell = layer * r->directions + d;
        fr_tensor *h0 = s->h0 ? fr_select(s->h0, 0, cell) : NULL, *c0 = s->c0 ? fr_select(s->c0, 0, cell) : NULL;

        if ((s->h0 && !h0) || (s->c0 && !c0))
            return NULL;

        fr_recurrent y = fr_run_cell(r, cell, x, h0, c0, s->lengths);

        outs[d] = y.out;
        s->h[cell] = fr_escape(y.h);
        s->c[cell] = fr_escape(y.c);
        if (!y.out || !s->h[cell] || (y.c && !s->c[cell]))
            return NULL;
    }

    fr_tensor *y = r->directions == 2 ? fr_cat(outs, 2, 2) : outs[0];
    bool drops = s->training && r->options.dropout > 0 && layer + 1 < r->options.num_layers;

    if (!drops || !y)
        return y;
    return s->lengths ? fr_dropout_packed(op_name(r), y, s->lengths, r->options.dropout)
                      : fr_dropout(y, r->options.dropout);
}

/* All layers, each in a scope of its own: the output of a layer dies once the next layer has read it. */
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
    return fr_hold(op_name(s->r), y);
}

/* The states (B,size) of all cells -> (cells,B,size); unbatched (cells,size). */
static fr_tensor *join_states(const sequence *s, fr_tensor **states)
{
    int cells = s->r->cell_count;
    fr_tensor *joined = cells > 1 ? fr_stack(states, cells, 0) : add_dim(states[0]);

    return s->batched ? joined : fr_squeeze(joined, 1);
}

static fr_recurrent run_sequence(sequence *s)
{
    fr_tensor *y = run_layers(s);
    fr_recurrent all = { 0 };

    if (!y)
        return all;
    all.out = !s->batched ? fr_squeeze(y, 1) : s->r->options.batch_first ? swap_dims(y, true) : y;
    all.h = join_states(s, s->h);
    if (s->r->kind->cell->cells_output)
        all.c = join_states(s, s->c);
    return all;
}

static fr_recurrent prepare_and_run(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths)
{
    const fr_recurrent_module *r = fr_self(m);
    sequence s = { .r = r, .training = m->training };
    fr_recurrent y = { 0 };
    size_t bytes = 2 * (size_t)r->cell_count * sizeof(fr_tensor *);

    if (!prepare(&s, x, initial, lengths))
        return y;
    s.h = fr_alloc(bytes);
    if (!s.h) {
        fr_fail_memory(op_name(r));
        return y;
    }
    s.c = s.h + r->cell_count;
    y = run_sequence(&s);
    fr_free(s.h, bytes);
    return y;
}

/* --- The public functions ---------------------------------------------------------------------------------------- */

static bool is_kind(const char *what, const fr_module *m, bool single_step)
{
    return m->forward == (single_step ? fr_recurrent_cell_forward : fr_recurrent_layers_forward) ||
           fr_fail(what, "%s given, expected %s", m->type,
                   single_step ? "RNNCell, LSTMCell or GRUCell" : "RNN, LSTM or GRU");
}

static fr_recurrent run_in_scope(const char *what, fr_recurrent_run *run, fr_module *m, fr_tensor *x,
                                 const fr_recurrent *initial, fr_tensor *lengths)
{
    int scope = fr_scope_begin();
    fr_thread *th = fr_thread_self();
    unsigned failures = th->errors.failures;
    fr_recurrent y = { 0 };

    if (scope >= 0 && fr_module_enter(th, m))
        y = run(m, x, initial, lengths);
    fr_ref(fr_module_leave(th, m, y.out));
    fr_ref(y.h);
    fr_ref(y.c);
    fr_scope_end(scope);
    y = (fr_recurrent){ fr_hold(what, y.out), fr_hold(what, y.h), fr_hold(what, y.c) };
    return scope >= 0 && th->errors.failures == failures ? y : (fr_recurrent){ 0 };
}

fr_recurrent fr_recurrent_call(const char *what, bool single_step, fr_recurrent_run *run, fr_module *m, fr_tensor *x,
                               const fr_recurrent *initial, fr_tensor *lengths)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_recurrent y = { 0 };

    if (fr_check_argument(what, m, "module") && fr_check_argument(what, x, "x") && is_kind(what, m, single_step))
        y = run_in_scope(what, run, m, x, initial, lengths);
    fr_finish(th, before);
    return y;
}

fr_recurrent fr_recurrent_forward(fr_module *m, fr_tensor *x, const fr_recurrent *initial)
{
    return fr_recurrent_call("recurrent_forward", false, prepare_and_run, m, x, initial, NULL);
}

fr_tensor *fr_recurrent_layers_forward(fr_module *m, fr_tensor *x)
{
    return fr_recurrent_forward(m, x, NULL).out;
}

fr_recurrent fr_recurrent_forward_lengths(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths)
{
    const char *what = "recurrent_forward_lengths";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_recurrent y = { 0 };

    if (fr_check_argument(what, lengths, "lengths"))
        y = fr_recurrent_call(what, false, prepare_and_run, m, x, initial, lengths);
    fr_finish(th, before);
    return y;
}
