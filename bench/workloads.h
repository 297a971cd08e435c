/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The workloads: recurrent classifiers of several sizes. A training step clears gradients and runs forward, binary
 * cross-entropy, backward and Adam. */
#ifndef FROND_BENCH_WORKLOADS_H
#define FROND_BENCH_WORKLOADS_H

#include "limits.h"
#include "simple_rnn.h"

typedef struct {
    const char *name;
    simple_rnn_cell cell;
    int64_t input, hidden, batch, steps;
    double seconds; /* the time to measure it */
    int layers;     /* 0 means 1 */
} workload;

enum { WORKLOADS = 9, MOST_PRODUCTS = 8 };

extern const workload workloads[WORKLOADS];

/* True if the name begins with one of the words, or if there are no words. */
bool is_wanted(const char *name, int words, char *const *word);

typedef struct {
    fr_module *model;
    fr_optim *adam;
    fr_tensor *x, *y; /* held by the caller's scope */
} run;

void begin_run(const workload *w, run *r);
void end_run(run *r);
void train_step(void *r);
void infer(void *r);

/* Writes the matrix products that a training step, or inference, of one layer needs, and returns their number. */
int train_products(const workload *w, gemm *products);
int infer_products(const workload *w, gemm *products);

#endif
