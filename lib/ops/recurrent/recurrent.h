/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What rnn, gru and lstm share: a whole sequence of one layer and one direction as one op. kernels/recurrent.h has the
 * passes over it. A cell's file gives one step in ops, from which recurrent.c makes the definition, and the entry.
 *
 * Sizes: T steps, B rows of the batch, N = T B or the sum of the lengths, I inputs, H hidden values, P values of the
 * state h: H, or the projection's; g gates. */
#ifndef FROND_OPS_RECURRENT_RECURRENT_H
#define FROND_OPS_RECURRENT_RECURRENT_H

#include "kernels/recurrent.h"
#include "ops/op.h"

#include <frond/c_code.h>

enum fr_recurrent_input { FR_X, FR_H0, FR_W_IH, FR_W_HH, FR_B_IH, FR_B_HH, FR_LENGTHS, FR_C0, FR_W_HR };
enum fr_recurrent_output { FR_OUT, FR_H, FR_C };

/* Layer normalisation of the sums of the input, of those of the state, and of c: fr_recurrent_options has the formula.
 */
typedef struct {
    fr_tensor *gain_ih, *gain_hh; /* (gH); the biases are the cell's */
    fr_tensor *gain_c, *bias_c;   /* (H), where there is a cell state; bias_c may be NULL */
} fr_recurrent_norm;

/* One step in ops. */
typedef struct {
    bool relu;
    const fr_recurrent_norm *norm; /* or NULL */
    fr_tensor *zx, *zh;            /* (B,gH): w_ih x + b_ih and w_hh h + b_hh, normalised */
    fr_tensor *h, *c;              /* (B,P), (B,H): the states before; step sets c, if there is any, to the new one */
} fr_recurrent_step;

typedef struct {
    const fr_op *op;
    const fr_cell_kernel *kernel;
    int gates_output;                         /* of the op: (N,width H), the gates; FR_OUT: they are the new h itself */
    int cells_output;                         /* of the op: (2,N,H), c and tanh c; 0: there is no cell state */
    fr_tensor *(*step)(fr_recurrent_step *s); /* returns the new h, before its projection */
    /* In C: c_forward.c and c_backward.c say what the texts may use. */
    const char *c_gates, *c_cell;                  /* helpers NAME_gates and NAME_cell; NULL: none */
    const char *c_comment, *c_parameters, *c_step; /* of the helper NAME */
    int c_sums;                             /* room for sums of one row of the batch in one step, in units of H */
    const char *c_gates_back, *c_step_back; /* helpers NAME_gates_back (NULL: none) and NAME_step_back */
    int onnx_order[4];                      /* ONNX's gate i is onnx_order[i] here */
} fr_recurrent_cell;

typedef struct {
    const fr_recurrent_cell *cell;
    bool relu, reverse;
} fr_recurrent_attributes;

/* What the entries of all cells have in common. */
#define FR_RECURRENT_OP                                                                                                \
    .attributes_size = sizeof(fr_recurrent_attributes), .dtypes = FR_MIXED, .null_gradients = true,                    \
    .infer = fr_recurrent_infer, .forward = fr_recurrent_forward_kernel,                                               \
    .backward_kernel = fr_recurrent_backward_kernel, .definition = fr_recurrent_definition,                            \
    .c_code = fr_recurrent_c_code, .c_backward = fr_recurrent_c_backward, .multiply_adds = fr_recurrent_multiply_adds, \
    .onnx = fr_recurrent_onnx
/* fr_op.optional of a cell without a cell state. */
enum { FR_RECURRENT_OPTIONAL = 1U << FR_H0 | 1U << FR_B_IH | 1U << FR_B_HH | 1U << FR_LENGTHS };

bool fr_recurrent_infer(fr_op_call *call);
void fr_recurrent_forward_kernel(fr_op_call *call);
void fr_recurrent_backward_kernel(fr_op_call *call);
void fr_recurrent_definition(fr_op_call *call);
bool fr_recurrent_c_code(fr_c_writer *w, const fr_op_call *call);
bool fr_recurrent_c_backward(fr_c_writer *w, const fr_op_call *call);
bool fr_recurrent_onnx(fr_onnx *g, const fr_op_call *call);
int64_t fr_recurrent_multiply_adds(const fr_op_call *call);
extern const fr_op_steps fr_recurrent_steps;   /* of a cell without a cell state */
extern const fr_op_steps fr_recurrent_steps_c; /* of one with it */

/* c_forward.c: whether an exported training step keeps the gates of the forward for the backward; asks for NAME_gates
 * and NAME_cell. */
bool fr_recurrent_c_keeps_gates(const fr_op_call *call);
void fr_recurrent_c_cell(fr_c_writer *w, const fr_recurrent_cell *cell);

extern const fr_recurrent_cell fr_rnn_cell, fr_gru_cell, fr_lstm_cell;

/* Runs the cell over a sequence. in: the op's inputs, with norm all up to FR_W_HR; in[FR_LENGTHS] is set from options,
 * which may be NULL. With norm, which may be NULL too, everything is computed in smaller ops. */
fr_recurrent fr_recurrent_apply(const fr_recurrent_cell *cell, fr_tensor **in, const fr_recurrence *options,
                                const fr_recurrent_norm *norm);

/* For step: columns k H to (k + 1) H of z. */
fr_tensor *fr_recurrent_gate(fr_tensor *z, int64_t hidden, int k);

#endif
