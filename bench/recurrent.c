/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Training steps (zero gradients, forward, BCE, backward, Adam) and inference of recurrent classifiers of several
 * sizes.
 *
 *     recurrent [THREADS [WORK...]] */
#include "bench.h"
#include "simple_rnn.h"

#include <string.h>

typedef struct {
    const char *name;
    simple_rnn_cell cell;
    int64_t input, hidden, batch, steps;
    double seconds;
} workload;

static const workload workloads[] = {
    { "W1", SIMPLE_RNN, 1, 32, 32, 10, 1 },         { "W2", SIMPLE_LSTM, 1, 32, 32, 10, 1 },
    { "W3", SIMPLE_GRU, 1, 32, 32, 10, 1 },         { "W4-rnn", SIMPLE_RNN, 64, 128, 64, 50, 2 },
    { "W4-lstm", SIMPLE_LSTM, 64, 128, 64, 50, 2 }, { "W4-gru", SIMPLE_GRU, 64, 128, 64, 50, 2 },
    { "W5-rnn", SIMPLE_RNN, 512, 512, 64, 100, 3 }, { "W5-lstm", SIMPLE_LSTM, 512, 512, 64, 100, 3 },
    { "W5-gru", SIMPLE_GRU, 512, 512, 64, 100, 3 },
};

typedef struct {
    fr_module *model;
    fr_optim *adam;
    fr_tensor *x, *y;
} run;

static void train_step(void *argument)
{
    FR_SCOPE;
    run *r = argument;

    fr_optim_zero_grad(r->adam);
    fr_backward(fr_bce(fr_forward(r->model, r->x), r->y, FR_MEAN));
    fr_optim_step(r->adam);
}

static void infer(void *argument)
{
    FR_SCOPE;
    FR_NO_GRAD;
    run *r = argument;

    fr_forward(r->model, r->x);
}

/* Multiply-adds are two; backward takes twice what forward does, less the input's gradient, which nobody wants. */
static double train_flops(const workload *w)
{
    static const double gates[] = { [SIMPLE_RNN] = 1, [SIMPLE_LSTM] = 4, [SIMPLE_GRU] = 3 };
    double rows = (double)w->steps * (double)w->batch * gates[w->cell] * (double)w->hidden;

    return 2 * rows * (2 * (double)w->input + 3 * (double)w->hidden);
}

static void run_workload(const workload *w)
{
    FR_SCOPE;
    char name[64];
    timing t;

    fr_manual_seed(0);

    run r = { .model = simple_rnn_new(&(simple_rnn_options){ w->input, w->hidden, 1, w->cell, 1, false }) };

    r.adam = fr_adam(r.model, &(fr_adam_options){ .lr = 0.01 });
    r.x = fr_randn(FR_SHAPE(w->batch, w->steps, w->input));
    r.y = fr_gt_scalar(fr_sum_dim(fr_sum_dim(r.x, 2, false), 1, true), 0);
    t = measure(train_step, &r, 1, w->seconds);
    snprintf(name, sizeof name, "%s train", w->name);
    print_row(name, t, train_flops(w) / t.best * 1e-3, "GFLOP/s");
    snprintf(name, sizeof name, "%s infer", w->name);
    print_row(name, measure(infer, &r, 1, w->seconds / 3), 0, "");
    if (w->input == 1 && w->cell != SIMPLE_GRU) {
        r.x = fr_slice(r.x, 0, 0, 1, 1);
        snprintf(name, sizeof name, "%s one sequence", w->name);
        print_row(name, measure(infer, &r, 100, w->seconds / 3), 0, "");
    }
    fr_optim_free(r.adam);
    fr_module_free(r.model);
}

int main(int argc, char **argv)
{
    fr_set_num_threads(argc > 1 ? atoi(argv[1]) : 1);
    print_header();
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        bool wanted = argc < 3;

        for (int k = 2; k < argc; k++)
            wanted |= strncmp(workloads[i].name, argv[k], strlen(argv[k])) == 0;
        if (wanted)
            run_workload(&workloads[i]);
    }
    return 0;
}
