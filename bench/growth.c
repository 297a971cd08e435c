/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Measures how time and memory of a training step grow with the steps of the sequence, the batch and the layers, and
 * how those of a graph grow with its nodes. Each row comes from its own process.
 *
 *     growth [THREADS] */
#include "bench.h"
#include "workloads.h"

static const int64_t steps[] = { 10, 30, 100, 300, 1000, 3000, 10000 }, batches[] = { 1, 8, 32, 128, 512, 2048 },
                     layers[] = { 1, 2, 4, 8 }, nodes[] = { 1000, 10000, 100000, 1000000 };

/* --- Recurrent layers -------------------------------------------------------------------------------------------- */

static void run_workload(const void *argument)
{
    FR_SCOPE;
    const workload *w = argument;
    row out = { .work = w->name, .unit = "ns a cell", .memory = true };
    run r;

    begin_run(w, &r);
    out.time = measure(train_step, &r, 1, w->seconds);
    out.rate = out.time.best * 1e3 / (double)(w->steps * w->batch * w->layers);
    print_row(&out);
    end_run(&r);
}

static void run_size(const char *cell, const char *what, int64_t size, workload w)
{
    char name[64];

    snprintf(name, sizeof name, "%s %s %lld", cell, what, (long long)size);
    w.name = name;
    in_child(run_workload, &w);
}

static void grow(const char *name, simple_rnn_cell cell)
{
    const workload base = { NULL, cell, 1, 32, 32, 10, 0.3, 1 };

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        workload w = base;

        w.steps = steps[i];
        run_size(name, "steps", steps[i], w);
    }
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        workload w = base;

        w.batch = batches[i];
        run_size(name, "batch", batches[i], w);
    }
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        workload w = base;

        w.layers = (int)layers[i];
        run_size(name, "layers", layers[i], w);
    }
}

/* --- Graphs ------------------------------------------------------------------------------------------------------ */

typedef struct {
    fr_tensor *a, *b;
    int64_t nodes;
} graph;

static void chain(void *argument)
{
    FR_SCOPE;
    const graph *g = argument;
    fr_tensor *x = g->a;

    for (int64_t i = 0; i < g->nodes; i += 2)
        x = fr_add(fr_mul(x, g->a), g->b);
    fr_zero_grad(g->a);
    fr_zero_grad(g->b);
    fr_backward(x);
}

static void run_chain(const void *argument)
{
    FR_SCOPE;
    graph g = { fr_requires_grad(fr_full(FR_SHAPE(1), 0.999)), fr_requires_grad(fr_full(FR_SHAPE(1), 0.001)),
                *(const int64_t *)argument };
    char name[64];
    row out = { .work = name, .unit = "ns a node", .memory = true };

    snprintf(name, sizeof name, "chain nodes %lld", (long long)g.nodes);
    out.time = measure(chain, &g, 1, 0.5);
    out.rate = out.time.best * 1e3 / (double)g.nodes;
    print_row(&out);
}

int main(int argc, char **argv)
{
    begin_bench(argc, argv, 1);
    grow("rnn", SIMPLE_RNN);
    grow("lstm", SIMPLE_LSTM);
    grow("gru", SIMPLE_GRU);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        in_child(run_chain, &nodes[i]);
    return 0;
}
