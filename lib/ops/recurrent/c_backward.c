/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The backward of rnn, gru and lstm in C: back-propagation through all steps of the sequence, as
 * kernels/recurrent_backward.c has it, one time step at a time, so that it needs memory for one step's gradients alone.
 * The gates of gru and lstm were kept, or are computed again (c_forward.c says when). What a cell does by itself is its
 * helper NAME_step_back: one step back for all rows. t is the step, h the states before it, or NULL; it sets p->d to
 * the gradients of the sums, and p->dh and p->dc to those of the states before, without what passes through w_hh. */
#include "ops/recurrent/recurrent.h"

static const char pass_text[] =
    "/* A recurrent layer backward, one direction. NULL: not given, or not wanted. */\n"
    "typedef struct {\n"
    "    int steps, batch, input, hidden, width, reverse, relu; /* width: gates */\n"
    "    const float *x, *h0, *c0, *out, *gates, *cells; /* cells (2,steps,batch,hidden): c, and tanh(c) */\n"
    "    const float *w_ih, *w_hh, *w_ih_columns, *w_hh_columns, *b_ih, *b_hh;\n"
    "    const float *dout, *dh_last, *dc_last;\n"
    "    int dout_step, dout_row; /* distances of steps and of rows in dout */\n"
    "    float *dx, *dw_ih, *dw_hh, *db_ih, *db_hh, *dh0, *dc0;\n"
    "    float *dh, *dc, *d, *d_state, *z; /* of one step: (batch,hidden); (batch,gates hidden), the gradients of the\n"
    "                                       * sums, of the input and of the state; room for sums, unless there are "
    "gates */\n"
    "} recurrent_pass;\n"
    "\n"
    "static void start(float *to, const float *from, int n)\n"
    "{\n"
    "    if (to && from)\n"
    "        memcpy(to, from, (size_t)n * sizeof *to);\n"
    "    else if (to)\n"
    "        memset(to, 0, (size_t)n * sizeof *to);\n"
    "}\n";

static const char backward_text[] =
    "/* From the last step to the first: d, the gradients of the step's sums, from dh; then those of the weights "
    "grow,\n"
    " * and dh becomes that of the state before. */\n"
    "static void recurrent_backward(const recurrent_pass *p, void step_back(const recurrent_pass *, int, const float "
    "*), int keeps_dh)\n"
    "{\n"
    "    const int n = p->hidden, rows = p->width * n, all = p->batch * n;\n"
    "\n"
    "    start(p->dh, p->dh_last, all);\n"
    "    start(p->dc, p->dc_last, all);\n"
    "    start(p->dw_ih, NULL, rows * p->input);\n"
    "    start(p->dw_hh, NULL, rows * n);\n"
    "    start(p->db_ih, NULL, rows);\n"
    "    start(p->db_hh, NULL, rows);\n"
    "    for (int s = p->steps - 1; s >= 0; s--) {\n"
    "        const int t = p->reverse ? p->steps - 1 - s : s;\n"
    "        const float *const h = s > 0 ? p->out + (p->reverse ? t + 1 : t - 1) * all : p->h0;\n"
    "        const float *const x = p->x + t * p->batch * p->input;\n"
    "\n"
    "        for (int b = 0; p->dout && b < p->batch; b++)\n"
    "            add_rows(1, n, p->dout + t * p->dout_step + b * p->dout_row, p->dh + b * n);\n"
    "        step_back(p, t, h);\n"
    "        if (p->dw_ih)\n"
    "            add_outer(p->batch, rows, p->input, p->d, x, p->dw_ih);\n"
    "        if (p->dw_hh && h)\n"
    "            add_outer(p->batch, rows, n, p->d_state, h, p->dw_hh);\n"
    "        if (p->db_ih)\n"
    "            add_rows(p->batch, rows, p->d, p->db_ih);\n"
    "        if (p->db_hh)\n"
    "            add_rows(p->batch, rows, p->d_state, p->db_hh);\n"
    "        if (p->dx) /* the weights are those of W^T by columns */\n"
    "            affine(p->batch, p->input, rows, p->w_ih, NULL, p->d, 0, p->dx + t * p->batch * p->input);\n"
    "        if (s > 0 || p->dh0)\n"
    "            affine(p->batch, n, rows, p->w_hh, NULL, p->d_state, keeps_dh, p->dh);\n"
    "    }\n"
    "    start(p->dh0, p->dh, all);\n"
    "    start(p->dc0, p->dc, all);\n"
    "}\n";

/* The helpers that the cell's helper calls, and it. */
static void ask_for_helpers(fr_c_writer *w, const fr_recurrent_cell *cell, int64_t batch, const char *step_back)
{
    fr_c_affine(w, true, false);
    fr_c_outer(w, batch);
    fr_recurrent_c_cell(w, cell);
    fr_c_helper(w, "recurrent_pass", pass_text, false);
    fr_c_helper(w, "recurrent_backward", backward_text, false);
    if (cell->c_gates_back)
        fr_c_helper(w, fr_c_format(w, "%s_gates_back", cell->op->name), cell->c_gates_back, false);
    fr_c_helper(w, step_back, cell->c_step_back, false);
}

/* The members of the pass that are not NULL, ", .x = x, .out = v3". They are put together before the call is written,
 * since asking for an operand may write lines. */
typedef struct {
    fr_c_writer *w;
    const fr_op_call *call;
    char text[4096];
    size_t n;
} members;

static void set(members *m, const char *name, const char *value)
{
    size_t room = sizeof m->text - m->n;
    int n = strcmp(value, "NULL") == 0 ? 0 : snprintf(m->text + m->n, room, ", .%s = %s", name, value);

    if (n < 0 || (size_t)n >= room)
        fr_c_fail(m->w, "names that are too long");
    else
        m->n += (size_t)n;
}

static void set_int(members *m, const char *name, int64_t value)
{
    set(m, name, fr_c_format(m->w, "%lld", (long long)value));
}

/* The gradient of out, which often is a transposed view: only its values of one row need to be neighbours. */
static void set_dout(members *m)
{
    fr_tensor *dout = m->call->grad_out[FR_OUT];
    bool as_it_is = dout && fr_stride(dout, 2) == 1;
    int64_t row = m->call->result[FR_OUT]->shape.dim[2];

    if (!dout)
        return;
    set(m, "dout", (as_it_is ? fr_c_strided_grad_out : fr_c_grad_out)(m->w, m->call, FR_OUT));
    set_int(m, "dout_step", as_it_is ? fr_stride(dout, 0) : row * dout->shape.dim[1]);
    set_int(m, "dout_row", as_it_is ? fr_stride(dout, 1) : row);
}

static void set_inputs(members *m, const fr_recurrent_cell *cell)
{
    fr_c_writer *w = m->w;
    const fr_op_call *call = m->call;

    set(m, "x", fr_c_in(w, call, FR_X));
    set(m, "h0", fr_c_in(w, call, FR_H0));
    set(m, "out", fr_c_result(w, call, FR_OUT));
    set(m, "w_ih", fr_c_in(w, call, FR_W_IH));
    set(m, "w_hh", fr_c_in(w, call, FR_W_HH));
    set_dout(m);
    set(m, "dh_last", fr_c_grad_out(w, call, FR_H));
    if (cell->gates_output && fr_recurrent_c_keeps_gates(call)) {
        set(m, "gates", fr_c_result(w, call, cell->gates_output));
    } else if (cell->gates_output) {
        set(m, "w_ih_columns", fr_c_columns(w, call, FR_W_IH));
        set(m, "w_hh_columns", fr_c_columns(w, call, FR_W_HH));
        set(m, "b_ih", fr_c_in(w, call, FR_B_IH));
        set(m, "b_hh", fr_c_in(w, call, FR_B_HH));
    }
    if (cell->cells_output) {
        set(m, "c0", fr_c_in(w, call, FR_C0));
        set(m, "cells", fr_c_result(w, call, cell->cells_output));
        set(m, "dc_last", fr_c_grad_out(w, call, FR_C));
    }
}

static void set_gradients(members *m, const fr_recurrent_cell *cell, int64_t batch, int64_t hidden)
{
    static const struct {
        const char *name;
        int input;
    } wanted[] = { { "dx", FR_X },       { "dw_ih", FR_W_IH }, { "dw_hh", FR_W_HH }, { "db_ih", FR_B_IH },
                   { "db_hh", FR_B_HH }, { "dh0", FR_H0 },     { "dc0", FR_C0 } };
    int64_t sums = batch * cell->kernel->gates * hidden;
    const char *d;

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        set(m, wanted[i].name, fr_c_grad_in(m->w, m->call, wanted[i].input));
    set(m, "dh", fr_c_scratch(m->w, batch * hidden));
    if (cell->cells_output)
        set(m, "dc", fr_c_scratch(m->w, batch * hidden));
    set(m, "d", d = fr_c_scratch(m->w, sums));
    set(m, "d_state", cell->kernel->keeps_dh ? fr_c_scratch(m->w, sums) : d);
    if (cell->gates_output && !fr_recurrent_c_keeps_gates(m->call))
        set(m, "z", fr_c_scratch(m->w, batch * cell->c_sums * hidden));
}

bool fr_recurrent_c_backward(fr_c_writer *w, const fr_op_call *call)
{
    const fr_recurrent_attributes *a = call->attributes;
    const fr_recurrent_cell *cell = a->cell;
    const fr_shape *x = &call->in[FR_X]->shape;
    int64_t hidden = call->in[FR_W_IH]->shape.dim[0] / cell->kernel->gates;
    members m = { .w = w, .call = call };
    const char *step_back;

    if (call->in[FR_LENGTHS])
        return fr_c_fail(w, "lengths are given, which it cannot take in C");
    if (call->inputs > FR_W_HR && call->in[FR_W_HR])
        return fr_c_fail(w, "a projection, whose backward has no C form");
    step_back = fr_c_format(w, "%s_step_back", cell->op->name);
    ask_for_helpers(w, cell, x->dim[1], step_back);
    set_inputs(&m, cell);
    set_gradients(&m, cell, x->dim[1], hidden);
    return fr_c_line(w,
                     "recurrent_backward(&(recurrent_pass){ .steps = %lld, .batch = %lld, .input = %lld, .hidden = "
                     "%lld, .width = %d, .reverse = %d, .relu = %d%s }, %s, %d);",
                     (long long)x->dim[0], (long long)x->dim[1], (long long)x->dim[2], (long long)hidden,
                     cell->kernel->gates, a->reverse, a->relu, m.text, step_back, cell->kernel->keeps_dh);
}
