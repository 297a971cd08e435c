/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* For exported.sh: writes a SimpleRNN with input 1 and hidden 32 (W1 to W3) as C, and prints the library's time for a
 * step, in a whole sequence and step by step.
 *
 *     export rnn|lstm|gru int8|float FILE.c */
#include "bench.h"
#include "simple_rnn.h"

#include <string.h>

enum { STEPS = 50 };

typedef struct {
    fr_module *model;
    fr_tensor *x;
} run;

static void infer(void *argument)
{
    FR_SCOPE;
    FR_NO_GRAD;
    run *r = argument;

    fr_forward(r->model, r->x);
}

/* Returns the nanoseconds for one step. */
static double step_ns(fr_module *model, int64_t steps)
{
    FR_SCOPE;
    run r = { model, fr_randn(FR_SHAPE(1, steps, 1)) };

    return measure(infer, &r, 100, 0.3).best * 1e3 / (double)steps;
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    fr_export_c_report report;
    fr_module *model;
    simple_rnn_options o = { .input = 1, .hidden = 32, .output = 1 };

    if (argc != 4) {
        fprintf(stderr, "usage: export rnn|lstm|gru int8|float FILE.c\n");
        return EXIT_FAILURE;
    }
    o.cell = strcmp(argv[1], "lstm") == 0 ? SIMPLE_LSTM : strcmp(argv[1], "gru") == 0 ? SIMPLE_GRU : SIMPLE_RNN;
    fr_set_num_threads(1);
    fr_manual_seed(0);
    model = simple_rnn_new(&o);
    fr_train(model, false);
    fr_export_c_with(model, fr_randn(FR_SHAPE(1, STEPS, 1)), argv[3],
                     &(fr_export_c_options){ .name = "net", .int8 = strcmp(argv[2], "int8") == 0 }, &report);
    printf("%lld,%lld,%.3g,%.0f,%.0f\n", (long long)report.weight_bytes,
           (long long)(report.state_bytes + report.step_bytes), report.int8_loss, step_ns(model, STEPS),
           step_ns(model, 1));
    fr_module_free(model);
    return 0;
}
