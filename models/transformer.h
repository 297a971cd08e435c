/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Transformer classifies sequences of different lengths: a linear layer, learned positions, encoder layers in which
 * steps past a row's end are masked, the mean over the row's steps, a linear layer. */
#ifndef FROND_MODELS_TRANSFORMER_H
#define FROND_MODELS_TRANSFORMER_H

#include <frond.h>

typedef struct {
    int64_t variables, steps; /* the largest T */
    int64_t width, heads;
    int layers;
    int64_t classes;
    double dropout; /* of the encoder layers, in training; 0: PyTorch's 0.1; FR_ZERO: none */
} transformer_options;

/* NULL with an error. To be freed with fr_module_free. */
fr_module *transformer_new(const transformer_options *options);

/* x (B,T,variables) -> logits (B,classes). lengths (B) int64, each 1..T; NULL: all T. */
fr_tensor *transformer_forward(fr_module *model, fr_tensor *x, fr_tensor *lengths);

#endif
