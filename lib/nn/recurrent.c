/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Making RNN, LSTM, GRU and their cells: options, parameters, printouts. */
#include "nn/recurrent.h"

#include <inttypes.h>
#include <math.h>

static bool check_options(const fr_recurrent_kind *k, int64_t input, int64_t hidden, const fr_recurrent_options *o)
{
    const char *what = k->maker, *cell = k->single_step ? "_cell" : "";

    if (!fr_check_reserved(what, o->reserved) || !fr_check_dropout(what, o->dropout))
        return false;
    if (input < 1 || hidden < 1)
        return fr_fail(what, "input_size %" PRId64 ", hidden_size %" PRId64 ", expected 1 or more", input, hidden);
    if (hidden > INT64_MAX / k->cell->kernel->gates)
        return fr_fail(what, "hidden_size %" PRId64 " is too large", hidden);
    if (o->num_layers < 1 || o->num_layers > INT32_MAX / 2)
        return fr_fail(what, "num_layers %d, expected 1 or more (0: 1) and at most %d", o->num_layers, INT32_MAX / 2);
    if (o->relu && k->cell != &fr_rnn_cell)
        return fr_fail(what, "relu is for fr_nn_rnn%s alone", cell);
    if (o->proj_size != 0 && k->cell != &fr_lstm_cell)
        return fr_fail(what, "proj_size %" PRId64 " is for fr_nn_lstm alone", o->proj_size);
    return (o->proj_size >= 0 && o->proj_size < hidden) ||
           fr_fail(what, "proj_size %" PRId64 ", expected 0 (none) to hidden_size - 1, %" PRId64, o->proj_size,
                   hidden - 1);
}

/* --- Parameters -------------------------------------------------------------------------------------------------- */

/* A parameter that a cell may have. */
typedef struct {
    const char *name;
    fr_tensor **slot;
    fr_shape shape;
    bool wanted;
    bool drawn; /* from U(-1/sqrt(hidden), 1/sqrt(hidden)); else filled with value */
    double value;
} parameter;

static bool add_parameter(fr_module *m, const fr_recurrent_module *r, int cell, const parameter *p)
{
    const char *what = r->kind->maker;
    char name[48];

    if (!p->wanted)
        return true;
    if (r->kind->single_step)
        snprintf(name, sizeof name, "%s", p->name);
    else
        snprintf(name, sizeof name, "%s_l%d%s", p->name, cell / r->directions, cell % r->directions ? "_reverse" : "");
    *p->slot = p->drawn ? fr_uniform_parameter(what, m, name, p->shape, 1 / sqrt((double)r->hidden))
                        : fr_constant_parameter(what, m, name, p->shape, p->value);
    return *p->slot != NULL;
}

/* In PyTorch's order, which is that of the random draws. Parameters that PyTorch does not have draw nothing. */
static bool fill_cell(fr_module *m, fr_recurrent_module *r, int cell)
{
    fr_cell_weights *w = &r->cells[cell];
    const fr_recurrent_options *o = &r->options;
    int64_t rows = r->kind->cell->kernel->gates * r->hidden,
            in = cell < r->directions ? r->input : r->directions * r->out;
    bool has_c = r->kind->cell->cells_output != 0;
    bool bias = !o->no_bias, norm = o->layer_norm, learn = o->learn_initial;
    const parameter plan[] = {
        { "weight_ih", &w->w_ih, FR_SHAPE(rows, in), true, true, 0 },
        { "weight_hh", &w->w_hh, FR_SHAPE(rows, r->out), true, true, 0 },
        { "bias_ih", &w->b_ih, FR_SHAPE(rows), bias, true, 0 },
        { "bias_hh", &w->b_hh, FR_SHAPE(rows), bias, true, 0 },
        { "weight_hr", &w->w_hr, FR_SHAPE(r->out, r->hidden), o->proj_size > 0, true, 0 },
        { "gain_ih", &w->norm.gain_ih, FR_SHAPE(rows), norm, false, 1 },
        { "gain_hh", &w->norm.gain_hh, FR_SHAPE(rows), norm, false, 1 },
        { "gain_c", &w->norm.gain_c, FR_SHAPE(r->hidden), norm && has_c, false, 1 },
        { "bias_c", &w->norm.bias_c, FR_SHAPE(r->hidden), norm && has_c && bias, false, 0 },
        { "h0", &w->h0, FR_SHAPE(r->out), learn, false, 0 },
        { "c0", &w->c0, FR_SHAPE(r->hidden), learn && has_c, false, 0 },
    };

    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++)
        if (!add_parameter(m, r, cell, &plan[i]))
            return false;
    return true;
}

/* --- Printouts --------------------------------------------------------------------------------------------------- */

/* The options that differ from the defaults, as PyTorch prints them: nonlinearity only for a single-step cell. */
static bool describe(fr_module *m, const fr_recurrent_module *r)
{
    const fr_recurrent_options *o = &r->options;
    char text[320], proj_size[40] = "", layers[40] = "", dropout[60] = "", number[FR_NUMBER_TEXT];

    if (o->proj_size)
        snprintf(proj_size, sizeof proj_size, ", proj_size=%" PRId64, o->proj_size);
    if (o->num_layers != 1)
        snprintf(layers, sizeof layers, ", num_layers=%d", o->num_layers);
    if (o->dropout > 0)
        snprintf(dropout, sizeof dropout, ", dropout=%s", fr_number_text(o->dropout, number));
    snprintf(text, sizeof text, "%" PRId64 ", %" PRId64 "%s%s%s%s%s%s%s%s%s", r->input, r->hidden, proj_size, layers,
             o->no_bias ? ", bias=False" : "", o->batch_first ? ", batch_first=True" : "", dropout,
             o->bidirectional ? ", bidirectional=True" : "",
             o->relu && r->kind->single_step ? ", nonlinearity=relu" : "",
             o->learn_initial ? ", learn_initial=True" : "", o->layer_norm ? ", layer_norm=True" : "");
    return fr_module_describe(m, text);
}

/* --- Making ------------------------------------------------------------------------------------------------------ */

static fr_module *make(const fr_recurrent_kind *kind, int64_t input, int64_t hidden,
                       const fr_recurrent_options *options)
{
    fr_recurrent_options o = options ? *options : (fr_recurrent_options){ 0 };
    int directions = o.bidirectional ? 2 : 1;

    if (o.num_layers == 0)
        o.num_layers = 1;
    if (!check_options(kind, input, hidden, &o))
        return NULL;
    if (o.dropout > 0 && o.num_layers == 1 && !kind->single_step)
        fr_warn(kind->maker, "dropout %g has no effect: it acts between layers, and there is one", o.dropout);

    size_t cells = (size_t)o.num_layers * (size_t)directions;
    fr_module *m = fr_module_new(kind->type, sizeof(fr_recurrent_module) + cells * sizeof(fr_cell_weights),
                                 kind->single_step ? fr_recurrent_cell_forward : fr_recurrent_layers_forward);
    fr_recurrent_module *r = fr_self(m);
    bool ok = r != NULL;

    if (ok)
        *r = (fr_recurrent_module){ .kind = kind,
                                    .options = o,
                                    .input = input,
                                    .hidden = hidden,
                                    .out = o.proj_size ? o.proj_size : hidden,
                                    .directions = directions,
                                    .cell_count = (int)cells };
    for (int i = 0; ok && i < r->cell_count; i++)
        ok = fill_cell(m, r, i);
    return fr_module_finish(m, ok && describe(m, r));
}

fr_module *fr_recurrent_new(const fr_recurrent_kind *kind, int64_t input, int64_t hidden,
                            const fr_recurrent_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, kind->maker);
    fr_module *m = make(kind, input, hidden, options);

    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_rnn(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options)
{
    static const fr_recurrent_kind kind = { "RNN", "nn_rnn", &fr_rnn_cell, false };

    return fr_recurrent_new(&kind, input_size, hidden_size, options);
}

fr_module *fr_nn_gru(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options)
{
    static const fr_recurrent_kind kind = { "GRU", "nn_gru", &fr_gru_cell, false };

    return fr_recurrent_new(&kind, input_size, hidden_size, options);
}

fr_module *fr_nn_lstm(int64_t input_size, int64_t hidden_size, const fr_recurrent_options *options)
{
    static const fr_recurrent_kind kind = { "LSTM", "nn_lstm", &fr_lstm_cell, false };

    return fr_recurrent_new(&kind, input_size, hidden_size, options);
}
