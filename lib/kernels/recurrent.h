/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Passes of a recurrent layer, one direction, over a whole sequence, on plain arrays. Sizes: T steps, B rows of the
 * batch, I inputs, H hidden values, P values of the state h: H, or the projection's. Arrays are row-major without gaps.
 *
 * Each step of a cell has two parts. The sums of its gates are matrix products, which are the same for all cells:
 *
 *     sums = w_ih x + b_ih + w_hh h + b_hh
 *
 * What happens to the sums is the cell's own pointwise step: rnn.c, lstm.c and gru.c have the formulas. */
#ifndef FROND_KERNELS_RECURRENT_H
#define FROND_KERNELS_RECURRENT_H

#include "core/base.h"

/* A cell's pointwise step for some rows of the batch. Arrays are (rows,H), gates and dgates (rows,width H). */
typedef struct {
    int64_t rows, hidden;
    bool relu;
    void *gates; /* forward: the sums, on exit what backward reads */
    const void *h_before, *c_before;
    void *h;          /* forward: the new state before its projection; backward: NULL, or to be computed again */
    void *c, *tanh_c; /* forward: the new c and its tanh; backward reads them */
    void *dh, *dc;    /* backward: gradients of the new h and c; on exit of those before, without what comes to h_before
                       * through w_hh */
    void *dgates;     /* backward: gradients of the sums */
} fr_cell_step;

/* Gates whose share of the state, w_hh h, is one product: `count` gates from `gate` on. They stand in the gates' array
 * from column column H on. added: the share is added to that of the input; else it stands alone, with b_hh. */
typedef struct {
    int gate, count, column;
    bool added;
} fr_gate_block;

typedef struct {
    int gates;              /* g: w_ih is (gH,I) */
    int width;              /* the gates' array is (N,width H); its first g H columns hold the input's share */
    fr_gate_block block[2]; /* count 0: there is no second one */
    bool has_c;             /* there is a cell state beside h */
    bool keeps_dh;          /* backward leaves a part of dh, to which dgates w_hh is added */
    void (*forward)(fr_dtype dtype, const fr_cell_step *s);
    void (*backward)(fr_dtype dtype, const fr_cell_step *s);
} fr_cell_kernel;

extern const fr_cell_kernel fr_rnn_kernel, fr_lstm_kernel, fr_gru_kernel;

/* NULL stands for zeros where an array is marked with ?. gates and cells are what forward leaves for backward; NULL
 * where none follows; N, their rows, is T B, or the sum of the lengths. Past its length a row's out is 0, its last
 * states are those of its last step or, if it has none, the initial ones, and nothing of x or of the gradients is read;
 * the gradient of x is 0 there. Time is in proportion to N. */
typedef struct {
    const fr_cell_kernel *cell;
    fr_dtype dtype; /* float32 or float64 */
    bool relu, reverse;
    int64_t steps, batch, input, hidden, out_size;       /* T, B, I, H, P */
    const int64_t *lengths;                              /* (B): steps of each row; NULL: all have T */
    const void *x, *w_ih, *w_hh, *b_ih, *b_hh, *h0, *c0; /* (T,B,I), (gH,I), (gH,P), (gH)?, (gH)?, (B,P)?, (B,H)? */
    const void *w_hr;                                    /* (P,H); NULL: h is not projected */
    void *out, *h, *c;                                   /* (T,B,P), (B,P), (B,H): all states, the last ones */
    void *gates;                                         /* (N,width H); of rnn: out */
    void *cells;                                         /* (2,N,H): c and tanh c after each step */
} fr_recurrent_layer;

/* Gradients, of the shapes of what they belong to. */
typedef struct {
    const void *out, *h, *c;                              /* given; NULL: zeros */
    void *x, *w_ih, *w_hh, *b_ih, *b_hh, *h0, *c0, *w_hr; /* wanted, or NULL */
} fr_recurrent_gradients;

/* Both run on several threads; false: out of memory. Backward reads what forward left in out, gates and cells. */
bool fr_recurrent_layer_forward(const fr_recurrent_layer *layer);
bool fr_recurrent_layer_backward(const fr_recurrent_layer *layer, const fr_recurrent_gradients *gradients);

#endif
