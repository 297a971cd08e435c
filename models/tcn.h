/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* TCN, a temporal convolutional network: residual blocks of dilated causal convolutions, and a linear layer on the last
 * step. Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence
 * Modeling", 2018. */
#ifndef FROND_MODELS_TCN_H
#define FROND_MODELS_TCN_H

#include <frond.h>

enum { TCN_BLOCKS = 16 };

typedef struct {
    int64_t variables, channels, kernel, classes;
    int blocks;     /* 1..TCN_BLOCKS. The dilation doubles from one to the next, so that the last step sees
                     * 1 + 2 (kernel - 1) (2^blocks - 1) steps, itself among them */
    double dropout; /* after each convolution, in training */
} tcn_options;

/* x (B,T,variables) -> logits (B,classes). NULL with an error. To be freed with fr_module_free. */
fr_module *tcn_new(const tcn_options *options);

/* The same for rows of different lengths (B) int64, each 1..T: the last step is the row's own. NULL: all T. */
fr_tensor *tcn_forward_lengths(fr_module *model, fr_tensor *x, fr_tensor *lengths);

#endif
