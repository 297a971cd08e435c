/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the examples that classify sequences share: training on one file, and the accuracy on another. */
#ifndef FROND_EXAMPLES_CLASSIFY_H
#define FROND_EXAMPLES_CLASSIFY_H

#include <frond.h>

typedef struct {
    const char *train, *test; /* .ts files */
    int epochs, every;        /* the loss is printed every so many epochs, and after the last */
    int64_t batch_size;
    double lr;
    double clip; /* the largest norm of the gradients; 0: no clipping */
    fr_module *(*make)(const fr_sequences *train, const fr_sequences *test);
    fr_tensor *(*forward)(fr_module *model, fr_tensor *x, fr_tensor *lengths); /* (B,T,D), (B) -> logits (B,classes) */
} classify_task;

/* Runs the task with seed 0; the program's arguments may be [EPOCHS [TRAIN.ts TEST.ts]]. Gives main's exit status. */
int classify(int argc, char **argv, classify_task *task);

#endif
