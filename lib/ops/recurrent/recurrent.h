/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What rnn, gru and lstm share: a whole sequence of one layer and one direction as one op. The input's part of all
 * steps is one matrix product, then each step is a product of a few rows with the packed recurrent weights and one
 * pointwise pass; backward likewise, and the weights' gradients are one product over all T*B rows. Rows of the batch do
 * not depend on each other: they are what threads share.
 *
 * A cell gives the pointwise passes and a formula of one step; recurrent.c has all the rest. H is the hidden size, P
 * that of h: H, or the projection's. */
#ifndef FROND_OPS_RECURRENT_RECURRENT_H
#define FROND_OPS_RECURRENT_RECURRENT_H

#include "kernels/recurrent.h"
#include "ops/op.h"

#include <frond/c_code.h>

enum fr_recurrent_input { FR_X, FR_H0, FR_W_IH, FR_W_HH, FR_B_IH, FR_B_HH, FR_LENGTHS, FR_C0, FR_W_HR };
enum fr_recurrent_output { FR_OUT, FR_H, FR_C };

/* Gates of which the recurrent product computes the sums: `count` gates, from `gate` on in w_hh, and from `column` on
 * (in units of H) in the gates' array. added: to the input's part; else they stand alone, with their own bias. */
typedef struct {
    int gate, count, column;
    bool added;
} fr_recurrent_part;

/* Layer normalisation, of the sums of the input and of the state and of c: fr_recurrent_options has the formula. */
typedef struct {
    fr_tensor *gain_ih, *gain_hh; /* (gH); the biases are the cell's */
    fr_tensor *gain_c, *bias_c;   /* (H), where there is a cell state; bias_c may be NULL */
} fr_recurrent_norm;

/* One step in ops. */
typedef struct {
    bool relu;
    const fr_recurrent_norm *norm; /* or NULL */
    fr_tensor *zx, *zh;            /* (B,gH): sums of the input and of the state, normalised */
    fr_tensor *h, *c;              /* (B,P), (B,H): states before; step sets c to the one after, if there is any */
} fr_recurrent_step;

typedef struct {
    const fr_op *op;
    int gates; /* g: w_ih is (gH,I) */
    int width; /* columns of the gates' array, in units of H; its first g are the input's part */
    fr_recurrent_part part[2];
    int gates_output; /* of the op: the gates' array; FR_OUT: they are the new h itself */
    int cells_output; /* (2,T,B,H): c and tanh c; 0: the cell has none */
    bool keeps_dh;    /* the pass leaves a part of dh that the product is to be added to */
    void (*forward)(fr_dtype dtype, const fr_recurrent_pass *p);
    void (*backward)(fr_dtype dtype, const fr_recurrent_pass *p);
    const char *c_text; /* its helper in C, the op's name; of rnn with tanh. fr_recurrent_c_code has the arguments */
    const char *c_text_relu;                  /* with relu, NAME_relu */
    int c_room;                               /* of the helper's z, in units of H */
    fr_tensor *(*step)(fr_recurrent_step *s); /* returns the new h, before its projection */
    int onnx_order[4];                        /* which gate stands where in ONNX */
} fr_recurrent_cell;

typedef struct {
    const fr_recurrent_cell *cell;
    bool relu, reverse;
} fr_recurrent_attributes;

/* The members of a cell's fr_op. */
bool fr_recurrent_infer(fr_op_call *call);
void fr_recurrent_forward_kernel(fr_op_call *call);
void fr_recurrent_backward_kernel(fr_op_call *call);
void fr_recurrent_definition(fr_op_call *call);
bool fr_recurrent_c_code(fr_c_writer *w, const fr_op_call *call);
bool fr_recurrent_onnx(fr_onnx *g, const fr_op_call *call);
int64_t fr_recurrent_multiply_adds(const fr_op_call *call);
extern const fr_op_steps fr_recurrent_steps;   /* of a cell without a state c; */
extern const fr_op_steps fr_recurrent_steps_c; /* of one with it */

extern const fr_recurrent_cell fr_rnn_cell, fr_gru_cell, fr_lstm_cell;

/* in: the op's inputs, with norm those that any cell has; lengths are taken from how. norm: NULL for none; otherwise it
 * is computed in smaller ops. */
fr_recurrent fr_recurrent_apply(const fr_recurrent_cell *cell, fr_tensor **in, const fr_recurrence *how,
                                const fr_recurrent_norm *norm);

/* For step: columns k H to (k + 1) H of z. */
fr_tensor *fr_recurrent_gate(fr_tensor *z, int64_t hidden, int k);

#endif
