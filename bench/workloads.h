/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Recurrent classifiers of several sizes. A training step is: zero the gradients, forward, binary cross-entropy,
 * backward, Adam. */
#ifndef FROND_BENCH_WORKLOADS_H
#define FROND_BENCH_WORKLOADS_H

#include "limits.h"
#include "simple_rnn.h"

typedef struct {
    const char *name;
    simple_rnn_cell cell;
    int64_t input, hidden, batch, steps;
    double seconds; /* how long to measure it */
    int layers;     /* 0: one */
} workload;

enum { WORKLOADS = 9, PRODUCTS_MAX = 8 };

extern const workload workloads[WORKLOADS];

/* True if name begins with one of the words, or if there are none. */
bool is_wanted(const char *name, int words, char *const *word);

typedef struct {
    fr_module *model;
    fr_optim *adam;
    fr_tensor *x, *y; /* belong to the scope that begin_run was called in */
} run;

void begin_run(const workload *w, run *r);
void end_run(run *r);
void train_step(void *r);
void infer(void *r);

/* Lists the matrix products that a training step, or inference, of one layer must compute. Returns their number. */
int train_products(const workload *w, gemm *products);
int infer_products(const workload *w, gemm *products);

#endif
