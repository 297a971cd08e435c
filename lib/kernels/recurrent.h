/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The pointwise passes of recurrent cells: what happens in one step of a batch between the matrix products. rnn.c,
 * lstm.c and gru.c have the formulas. */
#ifndef FROND_KERNELS_RECURRENT_H
#define FROND_KERNELS_RECURRENT_H

#include "core/base.h"

/* A pointwise pass over rows of one step. Arrays are row-major without gaps, (rows,H) but for the gates' two, which are
 * (rows, width H). */
typedef struct {
    int64_t rows, hidden;
    bool relu;
    void *gates; /* the sums on entry to forward; on its exit what backward reads */
    const void *h_before;
    void *h; /* the new state, before its projection; backward: to be computed again, or NULL */
    const void *c_before;
    void *c, *tanh_c;
    void *dh, *dc; /* backward: gradients of the new h and c; on exit of those before, but for what goes
                    * through the recurrent product */
    void *dgates;  /* backward: gradients of the sums */
} fr_recurrent_pass;

/* dtype: float32 or float64. */
void fr_rnn_forward(fr_dtype dtype, const fr_recurrent_pass *p);
void fr_rnn_backward(fr_dtype dtype, const fr_recurrent_pass *p);
void fr_lstm_forward(fr_dtype dtype, const fr_recurrent_pass *p);
void fr_lstm_backward(fr_dtype dtype, const fr_recurrent_pass *p);
void fr_gru_forward(fr_dtype dtype, const fr_recurrent_pass *p);
void fr_gru_backward(fr_dtype dtype, const fr_recurrent_pass *p);

#endif
