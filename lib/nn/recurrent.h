/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Recurrent modules: RNN, LSTM and GRU, and the cells RNNCell, LSTMCell and GRUCell, which run a single step. In these
 * files a *cell* is one layer in one direction: cell 0 is layer 0 forward, cell 1 layer 0 reverse if bidirectional, and
 * so on. */
#ifndef FROND_NN_RECURRENT_H
#define FROND_NN_RECURRENT_H

#include "nn/module.h"
#include "ops/recurrent/recurrent.h"

typedef struct {
    const char *type, *maker; /* the names of the module's type and of the function that makes it */
    const fr_recurrent_cell *cell;
    bool single_step; /* RNNCell, ... */
} fr_recurrent_kind;

typedef struct {
    /* Borrowed from the module; NULL for those that it does not have. */
    fr_tensor *w_ih, *w_hh, *b_ih, *b_hh, *w_hr, *h0, *c0;
    fr_recurrent_norm norm;
} fr_cell_weights;

typedef struct {
    const fr_recurrent_kind *kind;
    fr_recurrent_options options;
    int64_t input, hidden, out; /* sizes of x, of c and of h: out is proj_size, if there is one, else hidden */
    int directions, cell_count;
    fr_cell_weights cells[];
} fr_recurrent_module;

/* recurrent.c: a new module, or NULL with an error of kind->maker. */
fr_module *fr_recurrent_new(const fr_recurrent_kind *kind, int64_t input, int64_t hidden,
                            const fr_recurrent_options *options);

/* --- recurrent_forward.c ----------------------------------------------------------------------------------------- */

/* The forward functions of layers and of single-step cells; is_kind tells the two apart by them. */
fr_forward_function fr_recurrent_layers_forward, fr_recurrent_cell_forward;

/* What the public functions do: checks m and runs it in a scope from which the results escape. */
typedef fr_recurrent fr_recurrent_run(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths);
fr_recurrent fr_recurrent_call(const char *what, bool single_step, fr_recurrent_run *run, fr_module *m, fr_tensor *x,
                               const fr_recurrent *initial, fr_tensor *lengths);

/* True if the initial states are of shape (lead..., size of h or c). Each may be NULL. Fails otherwise. */
bool fr_check_initial(const fr_recurrent_module *r, const fr_recurrent *initial, const fr_shape *lead);
/* Runs one cell: x (T,B,*), states (B,*). NULL for a state stands for the learned one if there is one, else zeros. */
fr_recurrent fr_run_cell(const fr_recurrent_module *r, int cell, fr_tensor *x, fr_tensor *h0, fr_tensor *c0,
                         fr_tensor *lengths);

/* --- recurrent_dropout.c ----------------------------------------------------------------------------------------- */

/* Dropout of y (T,B,*), whose rows are 0 past their lengths. The mask is drawn for the steps within the lengths. */
fr_tensor *fr_dropout_packed(const char *what, fr_tensor *y, const fr_tensor *lengths, double p);

/* The length of a row: lengths is (B) int64. */
static inline int64_t fr_length_at(const fr_tensor *lengths, int64_t row)
{
    return ((const int64_t *)lengths->origin)[fr_offset_of(lengths, row)];
}

#endif
