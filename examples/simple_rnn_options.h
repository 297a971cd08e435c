/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The command line of simple_rnn. */
#ifndef FROND_EXAMPLES_SIMPLE_RNN_OPTIONS_H
#define FROND_EXAMPLES_SIMPLE_RNN_OPTIONS_H

#include "simple_rnn.h"

typedef struct {
    simple_rnn_options model; /* input is set once the data was read */
    bool model_given;         /* an option that shapes the model was given */
    int64_t epochs, batch_size, seed;
    double lr, clip; /* clip: 0 for none */
    int threads;     /* 0: the default */
    bool distributed;
    const char *data, *test, *save, *load, *predict, *label;
} program_options;

/* Fills o from the command line. If that is wrong, prints why and exits. */
void parse_options(int argc, char **argv, program_options *o);

#endif
