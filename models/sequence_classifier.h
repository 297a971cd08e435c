/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* SequenceClassifier: an LSTM reads sequences of different lengths in both directions; a linear layer takes the final
 * state of each direction. */
#ifndef FROND_MODELS_SEQUENCE_CLASSIFIER_H
#define FROND_MODELS_SEQUENCE_CLASSIFIER_H

#include <frond.h>

typedef struct {
    int64_t variables, hidden, classes;
    double dropout; /* before the linear layer, in training */
} sequence_classifier_options;

/* NULL with an error. To be freed with fr_module_free. */
fr_module *sequence_classifier_new(const sequence_classifier_options *options);

/* x (B,T,variables), lengths (B) int64, each 1..T -> logits (B,classes) */
fr_tensor *sequence_classifier_forward(fr_module *model, fr_tensor *x, fr_tensor *lengths);

#endif
