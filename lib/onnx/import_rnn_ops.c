/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's RNN, GRU and LSTM, by frond's ops. */
#include <config.h>

#include "core/error.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <stdlib.h>

/* The weights of ONNX and of frond hold the gates in different orders: gate i of ONNX is gate order[i] of frond. */
typedef struct {
    int gates, order[4];
} gate_layout;

static const gate_layout rnn_layout = { 1, { 0 } }, gru_layout = { 3, { 1, 0, 2 } },
                         lstm_layout = { 4, { 0, 3, 1, 2 } };

/* The gates of w's rows from `first` on, in frond's order. */
static fr_tensor *reordered(const gate_layout *l, fr_tensor *w, int64_t first, int64_t hidden)
{
    fr_tensor *gates[4] = { NULL };

    for (int i = 0; i < l->gates; i++)
        gates[l->order[i]] = fr_slice(w, 0, first + i * hidden, first + (i + 1) * hidden, 1);
    return fr_cat(gates, l->gates, 0);
}

static fr_tensor *direction_of(fr_tensor *t, int d)
{
    return t ? fr_select(t, 0, d) : NULL;
}

static fr_tensor *state_of(fr_tensor *t, int d, bool batch_first)
{
    return t ? fr_select(t, batch_first ? 1 : 0, d) : NULL;
}

/* Inputs: X (T,B,I), W (directions,gates*H,I), R (directions,gates*H,H), B (directions,2*gates*H), sequence_lens,
 * initial_h, initial_c. */
static fr_recurrent run_direction(fr_import_call *c, const gate_layout *l, int d, bool reverse, bool relu)
{
    bool batch_first = fr_import_int(c, "layout", 0) != 0;
    fr_tensor *w = direction_of(c->in[1], d), *r = direction_of(c->in[2], d),
              *b = direction_of(fr_import_input(c, 3), d);
    fr_tensor *h0 = state_of(fr_import_input(c, 5), d, batch_first),
              *c0 = state_of(fr_import_input(c, 6), d, batch_first);
    int64_t hidden = fr_dim(r, 1);
    fr_tensor *w_ih = reordered(l, w, 0, hidden), *w_hh = reordered(l, r, 0, hidden);
    fr_tensor *b_ih = b ? reordered(l, b, 0, hidden) : NULL;
    fr_tensor *b_hh = b ? reordered(l, b, l->gates * hidden, hidden) : NULL;
    fr_recurrence options = { .relu = relu, .reverse = reverse, .lengths = fr_import_input(c, 4) };

    fr_tensor *x = batch_first ? fr_transpose(c->in[0], 0, 1) : c->in[0];

    if (l->gates == 4)
        return fr_lstm(x, h0, c0, w_ih, w_hh, b_ih, b_hh, NULL, &options);
    return l->gates == 3 ? fr_gru(x, h0, w_ih, w_hh, b_ih, b_hh, &options)
                         : fr_rnn(x, h0, w_ih, w_hh, b_ih, b_hh, &options);
}

/* ONNX's GRU with linear_before_reset 0: r scales h before its product, h' = tanh(W x + b + R (r h)). Gates are z, r,
 * h: w (3H,I), r (3H,H), b (6H). frond's op, as PyTorch's, has r scale the product. */
static fr_recurrent run_early_reset(fr_import_call *c, int d, bool reverse)
{
    bool batch_first = fr_import_int(c, "layout", 0) != 0;
    fr_tensor *w = fr_select(c->in[1], 0, d), *r = fr_select(c->in[2], 0, d),
              *b = direction_of(fr_import_input(c, 3), d);
    fr_tensor *x = batch_first ? fr_transpose(c->in[0], 0, 1) : c->in[0],
              *h = state_of(fr_import_input(c, 5), d, batch_first);
    int64_t steps = fr_dim(x, 0), hidden = fr_dim(r, 1);
    fr_tensor *lengths = fr_import_input(c, 4), **out = calloc((size_t)steps + 1, sizeof *out);
    fr_tensor *bias = b ? fr_add(fr_slice(b, 0, 0, 3 * hidden, 1), fr_slice(b, 0, 3 * hidden, 6 * hidden, 1)) : NULL;
    fr_tensor *inputs = fr_linear(x, w, bias), *gates = fr_slice(r, 0, 0, 2 * hidden, 1),
              *last = fr_slice(r, 0, 2 * hidden, 3 * hidden, 1);
    fr_recurrent y = { 0 };

    h = h ? h : fr_zeros_of(FR_SHAPE(fr_dim(x, 1), hidden), fr_dtype_of(x));
    for (int64_t i = 0; out && inputs && h && i < steps; i++) {
        int64_t t = reverse ? steps - 1 - i : i;
        fr_tensor *in = fr_select(inputs, 0, t);
        fr_tensor *zr = fr_sigmoid(fr_add(fr_slice(in, 1, 0, 2 * hidden, 1), fr_linear(h, gates, NULL)));
        fr_tensor *z = fr_slice(zr, 1, 0, hidden, 1), *reset = fr_slice(zr, 1, hidden, 2 * hidden, 1);
        fr_tensor *n =
            fr_tanh(fr_add(fr_slice(in, 1, 2 * hidden, 3 * hidden, 1), fr_linear(fr_mul(reset, h), last, NULL)));
        fr_tensor *there = lengths ? fr_unsqueeze(fr_gt_scalar(lengths, (double)t), 1) : NULL;

        n = fr_lerp(n, h, z);
        h = there ? fr_where(there, n, h) : n;
        out[t] = there ? fr_mul(h, there) : h;
    }
    y.h = h;
    y.out = out && steps > 0 ? fr_stack(out, (int)steps, 0) : fr_fail_memory("load_onnx");
    free(out);
    return y;
}

/* The activations must be ONNX's defaults, or Relu in an RNN. */
static bool read_activations(const fr_import_call *c, const gate_layout *l, int directions, bool *relu)
{
    static const char *const defaults[5][3] = {
        [1] = { "Tanh" }, [3] = { "Sigmoid", "Tanh" }, [4] = { "Sigmoid", "Tanh", "Tanh" }
    };
    const fr_attribute_proto *a = fr_import_attribute(c, "activations");
    size_t each = l->gates == 1 ? 1 : (size_t)l->gates - 1;

    *relu = false;
    if (!a)
        return true;
    if (a->n_strings != each * (size_t)directions)
        return fr_import_fail(c, "the number of its activations is wrong");
    for (size_t i = 0; i < a->n_strings; i++) {
        const ProtobufCBinaryData *s = &a->strings[i];
        const char *expected = defaults[l->gates][i % each];

        if (l->gates == 1 && s->len == 4 && memcmp(s->data, "Relu", 4) == 0 && (i == 0 || *relu))
            *relu = true;
        else if (*relu || s->len != strlen(expected) || memcmp(s->data, expected, s->len) != 0)
            return fr_import_fail(c, "its activations are not supported");
    }
    return true;
}

/* What frond's recurrent ops do not compute. */
static bool check_attributes(const fr_import_call *c, const gate_layout *l)
{
    bool relu;

    if (fr_import_int(c, "input_forget", 0) != 0)
        return fr_import_fail(c, "input_forget is not supported");
    return read_activations(c, l, fr_import_string_is(c, "direction", "bidirectional") ? 2 : 1, &relu);
}

static bool check_recurrent(const fr_import_call *c, int directions)
{
    if (fr_import_input(c, 7))
        return fr_import_fail(c, "peepholes are not supported");
    for (int i = 1; i < 3; i++)
        if (c->in[i]->shape.ndim != 3 || c->in[i]->shape.dim[0] != directions)
            return fr_import_fail(c, "its weights do not fit");
    return c->in[0]->shape.ndim == 3 || fr_import_fail(c, "its input is not (T, B, I)");
}

static bool run_recurrent(fr_import_call *c, const gate_layout *l)
{
    enum { RESULTS = 3 }; /* Y (T,directions,B,H), Y_h, Y_c (directions,B,H) */
    bool both = fr_import_string_is(c, "direction", "bidirectional"), relu;
    int directions = both ? 2 : 1;
    bool batch_first =
        fr_import_int(c, "layout", 0) != 0; /* X (B,T,I), Y (B,T,directions,H), states (B,directions,H) */
    fr_tensor *parts[RESULTS][2];

    if (!fr_import_require(c, 3) || !check_recurrent(c, directions) || !read_activations(c, l, directions, &relu))
        return false;
    for (int d = 0; d < directions; d++) {
        bool reverse = d == 1 || fr_import_string_is(c, "direction", "reverse");
        bool early = l->gates == 3 && !fr_import_int(c, "linear_before_reset", 0);
        fr_recurrent y = early ? run_early_reset(c, d, reverse) : run_direction(c, l, d, reverse, relu);

        if (!y.out)
            return false;
        parts[0][d] = fr_unsqueeze(y.out, 1);
        parts[1][d] = fr_unsqueeze(y.h, 0);
        parts[2][d] = y.c ? fr_unsqueeze(y.c, 0) : NULL;
    }
    for (int i = 0; i < RESULTS; i++)
        if (parts[i][0])
            c->out[i] = both ? fr_cat(parts[i], 2, i == 0) : parts[i][0];
    for (int i = 0; i < RESULTS && batch_first; i++)
        if (c->out[i])
            c->out[i] = i == 0 ? fr_movedim(c->out[i], 2, 0) : fr_transpose(c->out[i], 0, 1);
    return c->out[0] && c->out[1];
}

static bool check_rnn(const fr_import_call *c)
{
    return check_attributes(c, &rnn_layout);
}

static bool check_gru(const fr_import_call *c)
{
    return check_attributes(c, &gru_layout);
}

static bool check_lstm(const fr_import_call *c)
{
    return check_attributes(c, &lstm_layout);
}

static bool run_rnn(fr_import_call *c)
{
    return run_recurrent(c, &rnn_layout);
}

static bool run_gru(fr_import_call *c)
{
    return run_recurrent(c, &gru_layout);
}

static bool run_lstm(fr_import_call *c)
{
    return run_recurrent(c, &lstm_layout);
}

/* --- The table --------------------------------------------------------------------------------------------------- */

#define RECURRENT "activations activation_alpha activation_beta direction hidden_size layout"

static const fr_import_op ops[] = {
    { "GRU", RECURRENT " linear_before_reset", .run = run_gru, .check = check_gru },
    { "LSTM", RECURRENT " input_forget", .run = run_lstm, .check = check_lstm },
    { "RNN", RECURRENT, .run = run_rnn, .check = check_rnn },
};

const fr_import_op_table fr_import_rnn_ops = { ops, sizeof ops / sizeof *ops };
