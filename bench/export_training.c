/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes a training step of a SimpleRNN with input 1, hidden 32 and Adam (W1 to W3) as C, for exported_training.sh.
 * Prints bytes and the library's time of the same step, on one thread:
 *
 *     export_training rnn|lstm|gru BATCH FILE.c */
#include "bench.h"
#include "simple_rnn.h"

#include <string.h>

enum { STEPS = 10 };

typedef struct {
    fr_module *model;
    fr_tensor *x, *target;
    fr_optim *optimiser;
} run;

static void train(void *argument)
{
    FR_SCOPE;
    run *r = argument;

    fr_optim_zero_grad(r->optimiser);
    fr_backward(fr_bce(fr_forward(r->model, r->x), r->target, FR_MEAN));
    fr_optim_step(r->optimiser);
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    simple_rnn_options o = { .input = 1, .hidden = 32, .output = 1 };
    fr_export_c_training training = { .loss = fr_bce };
    fr_export_c_report report;
    run r;

    if (argc != 4) {
        fprintf(stderr, "usage: export_training rnn|lstm|gru BATCH FILE.c\n");
        return EXIT_FAILURE;
    }
    o.cell = strcmp(argv[1], "lstm") == 0 ? SIMPLE_LSTM : strcmp(argv[1], "gru") == 0 ? SIMPLE_GRU : SIMPLE_RNN;
    fr_set_num_threads(1);
    fr_manual_seed(0);
    r.model = simple_rnn_new(&o);
    r.x = fr_rand(FR_SHAPE(atoi(argv[2]), STEPS, 1));
    r.target = training.target = fr_ones(FR_SHAPE(atoi(argv[2]), 1));
    r.optimiser = training.optimiser = fr_adam(r.model, NULL);
    fr_export_c_with(r.model, r.x, argv[3], &(fr_export_c_options){ .name = "net", .training = &training }, &report);
    printf("%lld,%lld,%lld,%lld,%.1f\n", (long long)report.weight_bytes, (long long)report.trained_bytes,
           (long long)report.optimiser_bytes, (long long)report.workspace_bytes, measure(train, &r, 100, 0.5).best);
    fr_optim_free(r.optimiser);
    fr_module_free(r.model);
    return 0;
}
