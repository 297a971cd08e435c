/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A model that goes on learning where it is used. It was trained here to tell winter days from summer days by their
 * power demand. The meter that it is put into reads half of what ours reads, and 0.5 too much: of its days the model
 * knows few. So it is written as C together with its training step, and learns from 64 days on the meter itself.
 *
 *     23_on_device [FOLDER]
 *     sh examples/on_device/emulate.sh mps2-an386 FOLDER FOLDER/meter.c examples/on_device/main.c
 *
 * writes meter.c, meter.h and days.h to FOLDER, and runs them on an emulated microcontroller. What this program prints
 * from "other meter" on is the same done by the library. */
#include "simple_rnn.h"

#include <stdio.h>
#include <stdlib.h>

enum { LEARNED = 64, JUDGED = 128, EPOCHS = 2 };

/* Days from..to of x (days,hours,1) and their seasons. */
typedef struct {
    fr_tensor *x, *season;
} days;

static days some(days all, int64_t from, int64_t to)
{
    return (days){ fr_slice(all.x, 0, from, to, 1), fr_slice(all.season, 0, from, to, 1) };
}

static void print_right(fr_module *model, days d)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_tensor *right = fr_eq(fr_argmax(fr_forward(model, d.x), 1, false), d.season);

    printf("%.0f of %lld days right\n", fr_item(fr_sum(right)), (long long)fr_numel(right));
}

/* On ours: many days at once, shuffled. */
static bool train(fr_module *model, const fr_sequences *data)
{
    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.02 });
    FR_AUTO(fr_loader) loader = fr_loader_new(FR_TENSORS(fr_sequences_x(data), fr_sequences_labels(data)),
                                              &(fr_loader_options){ .batch_size = 16, .shuffle = true });

    return fr_fit(model, fr_cross_entropy, adam, loader,
                  &(fr_fit_options){ .epochs = 20, .clip_grad_norm = 1, .every = 10, .stream = stdout });
}

/* On the meter: one day after the other. */
static double learn(fr_module *model, fr_optim *adam, days d)
{
    double sum = 0;

    FR_FOR_STEPS (i, LEARNED) {
        days one = some(d, i, i + 1);
        fr_tensor *loss = fr_cross_entropy(fr_forward(model, one.x), one.season, FR_MEAN);

        fr_optim_zero_grad(adam);
        fr_backward(loss);
        fr_optim_step(adam);
        sum += fr_item(loss);
    }
    return sum / LEARNED;
}

/* meter.c and meter.h: what the model computes, and a training step of one day. */
static bool write_model(fr_module *model, fr_optim *adam, days one, const char *folder)
{
    fr_export_c_training training = { .loss = fr_cross_entropy, .target = one.season, .optimiser = adam };
    char path[512];

    snprintf(path, sizeof path, "%s/meter.c", folder);
    return fr_export_c_with(model, one.x, path, &(fr_export_c_options){ .training = &training }, NULL);
}

/* days.h: what the other meter has measured. */
static bool write_days(days d, const char *folder)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/days.h", folder);
    file = fopen(path, "w");
    if (!file) {
        perror(path);
        return false;
    }
    fprintf(file, "#include <stdint.h>\n\nenum { LEARNED = %d, JUDGED = %d };\n\nstatic const float days[][%d] = {\n",
            LEARNED, JUDGED, (int)fr_dim(d.x, 1));
    for (int64_t i = 0; i < fr_dim(d.x, 0); i++) {
        for (int64_t hour = 0; hour < fr_dim(d.x, 1); hour++)
            fprintf(file, "%s%.8eF", hour ? ", " : "    { ", fr_at(d.x, i * fr_dim(d.x, 1) + hour));
        fprintf(file, " },\n");
    }
    fprintf(file, "};\nstatic const int64_t season[] = {");
    for (int64_t i = 0; i < fr_numel(d.season); i++)
        fprintf(file, "%s %d", i ? "," : "", (int)fr_at(d.season, i));
    fprintf(file, " };\n");
    return fclose(file) == 0;
}

/* Learns on the meter, and tells after each epoch what it has come to. */
static void tune(fr_module *model, fr_optim *adam, days learned, days judged)
{
    printf("other meter: ");
    print_right(model, judged);
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        printf("epoch %d: loss %.6f, ", epoch, learn(model, adam, learned));
        print_right(model, judged);
    }
}

int main(int argc, char **argv)
{
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: 23_on_device [FOLDER]\n");
        return EXIT_FAILURE;
    }

    FR_SCOPE;
    FR_AUTO(fr_sequences) ours = fr_read_ts("examples/data/ItalyPowerDemand_TRAIN.ts");
    FR_AUTO(fr_sequences) test = fr_read_ts("examples/data/ItalyPowerDemand_TEST.ts");
    days all = some((days){ fr_sequences_x(test), fr_sequences_labels(test) }, 0, LEARNED + JUDGED);

    fr_manual_seed(0);
    FR_AUTO(fr_module) model = simple_rnn_new(
        &(simple_rnn_options){ .cell = SIMPLE_GRU, .input = 1, .hidden = 8, .output = 2, .logits = true });

    if (!train(model, ours))
        return EXIT_FAILURE;
    printf("our meter: ");
    print_right(model, some(all, LEARNED, LEARNED + JUDGED));

    all.x = fr_add_scalar(fr_mul_scalar(all.x, 0.5), 0.5);
    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.003 });

    if (argc > 1 && !(write_model(model, adam, some(all, 0, 1), argv[1]) && write_days(all, argv[1])))
        return EXIT_FAILURE;
    tune(model, adam, some(all, 0, LEARNED), some(all, LEARNED, LEARNED + JUDGED));
    return 0;
}
