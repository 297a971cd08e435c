/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* RNNCell, LSTMCell and GRUCell: one step, run as a sequence of length 1. */
#include "nn/recurrent.h"

#include <inttypes.h>

/* --- Making ------------------------------------------------------------------------------------------------------ */

static fr_module *make(const fr_recurrent_kind *kind, int64_t input, int64_t hidden, const fr_cell_options *given)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, kind->maker);
    fr_cell_options o = given ? *given : (fr_cell_options){ 0 };
    fr_recurrent_options options = { .no_bias = o.no_bias, .relu = o.relu };
    fr_module *m = fr_check_reserved(kind->maker, o.reserved) ? fr_recurrent_new(kind, input, hidden, &options) : NULL;

    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_rnn_cell(int64_t input_size, int64_t hidden_size, const fr_cell_options *options)
{
    static const fr_recurrent_kind kind = { "RNNCell", "nn_rnn_cell", &fr_rnn_cell, true };

    return make(&kind, input_size, hidden_size, options);
}

fr_module *fr_nn_lstm_cell(int64_t input_size, int64_t hidden_size, const fr_cell_options *options)
{
    static const fr_recurrent_kind kind = { "LSTMCell", "nn_lstm_cell", &fr_lstm_cell, true };

    return make(&kind, input_size, hidden_size, options);
}

fr_module *fr_nn_gru_cell(int64_t input_size, int64_t hidden_size, const fr_cell_options *options)
{
    static const fr_recurrent_kind kind = { "GRUCell", "nn_gru_cell", &fr_gru_cell, true };

    return make(&kind, input_size, hidden_size, options);
}

/* --- Running ----------------------------------------------------------------------------------------------------- */

static bool check_x(const fr_recurrent_module *r, const fr_tensor *x)
{
    char given[FR_SHAPE_TEXT];
    int n = x->shape.ndim;

    return ((n == 1 || n == 2) && x->shape.dim[n - 1] == r->input) ||
           fr_fail(r->kind->cell->op->name, "x %s, expected (B, %" PRId64 ") or (%" PRId64 ",)",
                   fr_shape_text(&x->shape, given), r->input, r->input);
}

static fr_recurrent run_step(fr_module *m, fr_tensor *x, const fr_recurrent *state, fr_tensor *lengths)
{
    const fr_recurrent_module *r = fr_self(m);
    static const fr_recurrent none;
    bool batched = x->shape.ndim == 2;
    fr_shape lead = batched ? FR_SHAPE(x->shape.dim[0]) : FR_SHAPE();
    fr_recurrent y;

    if (!state)
        state = &none;
    if (!check_x(r, x) || !fr_check_initial(r, state, &lead))
        return none;
    if (batched)
        y = fr_run_cell(r, 0, fr_unsqueeze(x, 0), state->h, state->c, lengths);
    else
        y = fr_run_cell(r, 0, fr_reshape(x, FR_SHAPE(1, 1, r->input)), state->h ? fr_unsqueeze(state->h, 0) : NULL,
                        state->c ? fr_unsqueeze(state->c, 0) : NULL, lengths);
    if (!batched && y.h)
        y = (fr_recurrent){ NULL, fr_squeeze(y.h, 0), y.c ? fr_squeeze(y.c, 0) : NULL };
    y.out = y.h;
    return y;
}

fr_recurrent fr_cell_forward(fr_module *m, fr_tensor *x, const fr_recurrent *state)
{
    return fr_recurrent_call("cell_forward", true, run_step, m, x, state, NULL);
}

fr_tensor *fr_recurrent_cell_forward(fr_module *m, fr_tensor *x)
{
    return fr_cell_forward(m, x, NULL).out;
}
