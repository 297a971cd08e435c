/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Watching a run: a progress bar, numbers as CSV, weights and gradients for TensorBoard, plots.
 *
 *     21_watch [DIR]         then: tensorboard --logdir DIR
 *
 * Without DIR it prints only the lines of metrics.csv. */
#include <frond.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EPOCHS = 20 };

static void train(fr_module *model, fr_logger *log, fr_progress *bar)
{
    FR_SCOPE;
    fr_tensor *x = fr_add_scalar(fr_mul_scalar(fr_rand(FR_SHAPE(200, 1)), 6), -3), *y = fr_sin(x);
    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.02 });

    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        FR_SCOPE;
        fr_tensor *loss = fr_mse(fr_forward(model, x), y, FR_MEAN);

        fr_optim_zero_grad(adam);
        fr_backward(loss);
        if (epoch == 1)
            fr_log_graph(log, loss, model);
        fr_log_scalar(log, "loss/train", epoch, fr_item(loss));
        fr_log_module(log, epoch, model);
        fr_optim_step(adam);
        fr_progress_value(bar, "loss", fr_item(loss));
        fr_progress_step(bar, 1);
    }
}

/* Its columns are step,name,value,wall_time. */
static void show(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[200], name[100];
    double value;
    int step;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%d,%99[^,],%lf", &step, name, &value) == 3 && step % 10 == 0)
            printf("%d %s %.3f\n", step, name, value);
    if (file)
        fclose(file);
}

int main(int argc, char **argv)
{
    char temporary[] = "/tmp/21_watch.XXXXXX", path[100];
    const char *dir = argc > 1 ? argv[1] : mkdtemp(temporary);

    fr_manual_seed(1);
    FR_AUTO(fr_module) model = FR_SEQUENTIAL(fr_nn_linear(1, 16, NULL), fr_nn_tanh(), fr_nn_linear(16, 1, NULL));
    fr_logger *log = fr_log_open(dir, &(fr_log_options){ .csv_only = argc < 2 });
    fr_progress *bar = fr_progress_new("epochs", EPOCHS, &(fr_progress_options){ .quiet = argc < 2 });

    train(model, log, bar);
    fr_progress_end(bar);
    if (argc > 1)
        fr_log_plot(log);
    fr_log_close(log);
    if (argc < 2) {
        snprintf(path, sizeof path, "%s/metrics.csv", dir);
        show(path);
        unlink(path);
        rmdir(dir);
    }
    return 0;
}
