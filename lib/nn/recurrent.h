/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Recurrent modules: layers (fr_nn_rnn, ...), of one or more cells, and single cells (fr_nn_rnn_cell, ...). A *cell*
 * here is one layer in one direction; cells count by layer, then direction. */
#ifndef FROND_NN_RECURRENT_H
#define FROND_NN_RECURRENT_H

#include "nn/module.h"
#include "ops/recurrent/recurrent.h"

typedef struct {
    const char *type, *maker; /* the module's, and the function's that makes it */
    const fr_recurrent_cell *cell;
    bool single; /* a cell that runs one step, no layer */
} fr_recurrent_kind;

typedef struct {
    /* borrowed from the module; NULL: has none */
    fr_tensor *w_ih, *w_hh, *b_ih, *b_hh, *w_hr, *h0, *c0;
    fr_recurrent_norm norm;
} fr_cell_weights;

typedef struct {
    const fr_recurrent_kind *kind;
    fr_recurrent_options options;
    int64_t input, hidden, out; /* sizes of x, c and h */
    int directions, cell_count;
    fr_cell_weights cells[];
} fr_recurrent_module;

/* recurrent.c: a new module, as kind->maker. */
fr_module *fr_recurrent_new(const fr_recurrent_kind *kind, int64_t input, int64_t hidden,
                            const fr_recurrent_options *options);

/* --- recurrent_run.c --------------------------------------------------------------------------------------------- */

/* The modules' forward functions, by which layers and cells are known. */
fr_forward_function fr_recurrent_layers_forward, fr_recurrent_cell_forward;

/* A public function: runs m, layers or a single cell, in a scope out of which the results come. */
typedef fr_recurrent fr_recurrent_run(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths);
fr_recurrent fr_recurrent_call(const char *what, bool single, fr_recurrent_run *run, fr_module *m, fr_tensor *x,
                               const fr_recurrent *initial, fr_tensor *lengths);

/* Whether initial states, each NULL for none, have the shape (lead..., size of h or c). */
bool fr_check_initial(const fr_recurrent_module *r, const fr_recurrent *initial, const fr_shape *lead);
/* Runs a cell: x (T,B,*); states (B,*), or NULL for those that it has learned, or zeros. */
fr_recurrent fr_run_cell(const fr_recurrent_module *r, int cell, fr_tensor *x, fr_tensor *h0, fr_tensor *c0,
                         fr_tensor *lengths);

/* --- recurrent_dropout.c ----------------------------------------------------------------------------------------- */

/* Dropout of y (T,B,*), which is 0 past each row's length, with a mask drawn for what is within. */
fr_tensor *fr_dropout_packed(const char *what, fr_tensor *y, const fr_tensor *lengths, double p);

/* lengths (B) int64 */
static inline int64_t fr_length_at(const fr_tensor *lengths, int64_t row)
{
    return ((const int64_t *)lengths->origin)[fr_offset_of(lengths, row)];
}

#endif
