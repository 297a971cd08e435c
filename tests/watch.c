/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes the log that check_tensorboard.py reads to the given directory. Exit status 77 if frond has no event files. */
#include <frond.h>

#include <math.h>

/* A run that was stopped at step 30 and resumed at step 20. */
static void log_numbers(const char *dir)
{
    fr_logger *log = fr_log_open(dir, NULL);

    for (int step = 0; step < 30; step++)
        fr_log_scalar(log, "loss/train", step, 1.0 / (step + 1));
    fr_log_close(log);
    log = fr_log_open(dir, &(fr_log_options){ .purge_step = 20 });
    for (int step = 20; step < 40; step++)
        fr_log_scalar(log, "loss/train", step, 100 + step);
    fr_log_scalar(log, "loss/it's `touch pwned`", 3, 0.25);
    fr_log_scalar(log, "loss/it's `touch pwned`", 4, NAN);
    fr_log_scalar(log, "accuracy", 1, 0.5);
    fr_log_scalar(log, "never", 1, INFINITY);
    fr_log_close(log);
}

static void log_histograms(fr_logger *log)
{
    FR_SCOPE;
    fr_tensor *x = fr_sub(fr_arange(0, 1000, 1, FR_F64), fr_full_like(fr_arange(0, 1000, 1, FR_F64), 300));
    double odd[] = { NAN, 1, INFINITY, 2 };

    fr_log_histogram(log, "h/values", 7, fr_mul_scalar(x, 0.01));
    fr_log_histogram(log, "h/strided", 7, fr_transpose(fr_reshape(x, FR_SHAPE(10, 100)), 0, 1));
    fr_log_histogram(log, "h/odd", 7, fr_tensor_from(FR_SHAPE(4), odd, FR_F64));
    fr_log_histogram(log, "h/none", 7, fr_zeros(FR_SHAPE(0)));
}

static void log_model(fr_logger *log)
{
    FR_SCOPE;
    fr_module *model =
        fr_nn_sequential(3, (fr_module *[]){ fr_nn_linear(2, 3, NULL), fr_nn_tanh(), fr_nn_linear(3, 1, NULL) });
    fr_tensor *loss = fr_mse(fr_forward(model, fr_ones(FR_SHAPE(4, 2))), fr_ones(FR_SHAPE(4, 1)), FR_MEAN);

    fr_log_graph(log, loss, model);
    fr_backward(loss);
    fr_log_module(log, 8, model);
    fr_module_free(model);
}

int main(int argc, char **argv)
{
    if (argc < 2 || !fr_log_has_events())
        return 77;
    fr_manual_seed(0);
    log_numbers(argv[1]);

    fr_logger *log = fr_log_open(argv[1], NULL);

    log_histograms(log);
    log_model(log);
    fr_log_plot(log);
    fr_log_close(log);
    return 0;
}
