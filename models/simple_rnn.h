/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* SimpleRNN classifies sequences into two classes: a recurrent layer, a linear layer on its last output, a sigmoid. */
#ifndef FROND_MODELS_SIMPLE_RNN_H
#define FROND_MODELS_SIMPLE_RNN_H

#include <frond.h>

typedef enum { SIMPLE_RNN, SIMPLE_LSTM, SIMPLE_GRU } simple_rnn_cell;

typedef struct {
    int64_t input, hidden, output;
    simple_rnn_cell cell; /* default: rnn */
    int layers;           /* default: 1 */
    bool bidirectional;
    bool logits; /* leave out the sigmoid: for bce_with_logits */
} simple_rnn_options;

/* x (B,T,input) -> (B,output) of probabilities. NULL with an error. To be freed with fr_module_free. */
fr_module *simple_rnn_new(const simple_rnn_options *options);

/* The same for rows of different lengths (B) int64, each 1..T: the last output is that of the row's own last step. */
fr_tensor *simple_rnn_forward_lengths(fr_module *model, fr_tensor *x, fr_tensor *lengths);

#endif
