/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The forward of rnn, gru and lstm in C. All cells have one helper, a loop over the steps, with a text of the cell's
 * for a step of all rows of the batch: it reads x + t * input (t is the step's first row) and h, the states before, and
 * leaves the new states in out + t * size.
 *
 * A training step needs the gates again in the backward. They are kept where the batch has several rows, since
 * computing them again takes time; and where they are less than the copies of the weights by columns from which they
 * would be computed. So a device that learns from one long sequence at a time needs no memory for them. */
#include "ops/recurrent/recurrent.h"

bool fr_recurrent_c_keeps_gates(const fr_op_call *call)
{
    const fr_cell_kernel *kernel = ((const fr_recurrent_attributes *)call->attributes)->cell->kernel;
    const fr_shape *x = &call->in[FR_X]->shape;
    int64_t hidden = call->in[FR_W_IH]->shape.dim[0] / kernel->gates;

    return kernel->gates > 1 && (x->dim[1] > 1 || x->dim[0] * kernel->width <= kernel->gates * (x->dim[2] + hidden));
}

void fr_recurrent_c_cell(fr_c_writer *w, const fr_recurrent_cell *cell)
{
    fr_c_tanh(w);
    if (!cell->c_gates)
        return;
    fr_c_sigmoid(w);
    fr_c_helper(w, fr_c_format(w, "%s_gates", cell->op->name), cell->c_gates, false);
    fr_c_helper(w, fr_c_format(w, "%s_cell", cell->op->name), cell->c_cell, false);
}

/* The helper's parameters are steps, batch, input, hidden, size (of h), reverse, x, the weights w_ih and w_hh by
 * columns, b_ih, b_hh, out, h, which is the states before and after, and the cell's own. */
static const char helper_format[] =
    "/* %s, step after step. */\n"
    "static void %s$q(int steps, int batch, int input, int hidden, int size, int reverse, const float *x, const $t "
    "*w_ih{{, const float *ih_scale}}, const $t *w_hh{{, const float *hh_scale}}, const float *b_ih, const float "
    "*b_hh, float *out, float *h%s)\n"
    "{\n"
    "    for (int s = 0; s < steps; s++) {\n"
    "        const int t = (reverse ? steps - 1 - s : s) * batch;\n"
    "%s"
    "        memcpy(h, out + t * size, (size_t)(batch * size) * sizeof *h);\n"
    "    }\n"
    "}\n";

/* The arguments of the cell's own: ", w_hr, c, ...", as its c_parameters has them. */
static const char *own_arguments(fr_c_writer *w, const fr_op_call *call, bool int8, int64_t hidden)
{
    const fr_recurrent_attributes *a = call->attributes;
    int gates = a->cell->gates_output, cells = a->cell->cells_output;
    int64_t batch = call->in[FR_X]->shape.dim[1];
    bool recorded = gates && call->outputs > gates && fr_c_is_read(w, call, gates);
    bool kept = recorded && fr_recurrent_c_keeps_gates(call);
    const char *c, *hr, *z, *room;

    if (!gates)
        return a->relu ? ", 1" : ", 0";
    if (!cells) { /* the sums of the input may be kept as gates, those of the state are for one step */
        z = kept ? fr_c_out(w, call, gates) : fr_c_scratch(w, batch * 3 * hidden);
        return fr_c_format(w, ", %s, %d, %s", z, kept, fr_c_scratch(w, batch * 3 * hidden));
    }
    hr = call->in[FR_W_HR] ? fr_c_columns(w, call, FR_W_HR) : int8 ? "NULL, NULL" : "NULL";
    c = fr_c_state(w, call, 1);
    z = kept ? fr_c_out(w, call, gates) : fr_c_scratch(w, batch * 4 * hidden);
    room = fr_c_scratch(w, 2 * hidden);
    return fr_c_format(w, ", %s, %s, %s, %d, %s, %s", hr, c, z, kept, room,
                       recorded ? fr_c_out(w, call, cells) : "NULL");
}

bool fr_recurrent_c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_recurrent_attributes *a = call->attributes;
    const fr_shape *x = &call->in[FR_X]->shape;
    int64_t hidden = call->in[FR_W_IH]->shape.dim[0] / a->cell->kernel->gates;
    const char *name = call->op->name, *in, *ih, *hh, *b_ih, *b_hh, *h, *own;
    bool int8;

    if (call->in[FR_LENGTHS])
        return fr_c_fail(w, "lengths are given, which it cannot take in C");
    int8 = fr_c_int8(w, call, 1U << FR_W_IH | 1U << FR_W_HH | (a->cell->cells_output ? 1U << FR_W_HR : 0));
    in = fr_c_in(w, call, FR_X);
    ih = fr_c_columns(w, call, FR_W_IH);
    hh = fr_c_columns(w, call, FR_W_HH);
    b_ih = fr_c_in(w, call, FR_B_IH);
    b_hh = fr_c_in(w, call, FR_B_HH);
    h = fr_c_state(w, call, 0);
    own = own_arguments(w, call, int8, hidden);
    fr_c_affine(w, true, int8);
    fr_recurrent_c_cell(w, a->cell);
    fr_c_helper(w, name,
                fr_c_format(w, helper_format, a->cell->c_comment, name, a->cell->c_parameters, a->cell->c_step), int8);
    return fr_c_line(w, "%s%s(%lld, %lld, %lld, %lld, %lld, %d, %s, %s, %s, %s, %s, %s, %s%s);", name,
                     int8 ? "_int8" : "", (long long)x->dim[0], (long long)x->dim[1], (long long)x->dim[2],
                     (long long)hidden, (long long)call->result[FR_OUT]->shape.dim[2], a->reverse, in, ih, hh, b_ih,
                     b_hh, fr_c_out(w, call, FR_OUT), h, own);
}
