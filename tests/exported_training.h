/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training step that was exported, compiled and run beside the library's, on the same batches. */
#ifndef FROND_TESTS_EXPORTED_TRAINING_H
#define FROND_TESTS_EXPORTED_TRAINING_H

#include "exported.h"

enum { STEPS = 100, BATCHES = 4 };

typedef struct {
    fr_module *m;
    fr_loss_function *loss;
    fr_optim *optimiser;
    int64_t accumulate;
    double later_lr; /* from step STEPS / 2 on; 0: it stays */
    /* The forward of a module whose state is carried from step to step, and where that is kept; NULL: none is. It
     * begins anew at step STEPS / 2. */
    fr_recurrent (*stream)(fr_module *m, fr_tensor *x, const fr_recurrent *state);
    fr_recurrent *state;
    fr_tensor *x[BATCHES], *target[BATCHES];
} job;

/* x (4,6), y (4,3); its optimiser is still to be made. */
static inline job mlp_job(void)
{
    job j = { .loss = fr_mse };

    fr_manual_seed(1);
    j.m = fr_nn_sequential(5, (fr_module *[]){ fr_nn_linear(6, 16, NULL), fr_nn_relu(), fr_nn_linear(16, 8, NULL),
                                               fr_nn_relu(), fr_nn_linear(8, 3, NULL) });
    for (int k = 0; k < BATCHES; k++) {
        j.x[k] = fr_randn(FR_SHAPE(4, 6));
        j.target[k] = fr_rand(FR_SHAPE(4, 3));
    }
    return j;
}

/* main.c trains, and writes the losses, what it predicts then, and the weights, which go out and in again first. */
static inline void write_main(const job *j, int64_t y)
{
    static const char text[] =
        "#include \"net.h\"\n#include <stdio.h>\n#include <string.h>\n\n"
        "#ifdef NET_STATE_BYTES\n#define STATE NET_STATE_BYTES\n#else\n#define STATE 0\n#endif\n"
        "#ifndef NET_COUNT_BYTES\n#define NET_COUNT_BYTES 0\n#endif\n\n"
        "static net_training s, again;\nstatic %1$s x[%2$d][%3$lld];\nstatic %4$s target[%2$d][%5$lld];\n"
        "static float losses[%6$d], y[2][%7$lld];\nstatic unsigned char bytes[NET_FILE_BYTES + 1];\n\n"
        "int main(void)\n{\n    size_t n;\n    int i;\n\n"
        "    if (fread(x, sizeof x, 1, stdin) != 1 || fread(target, sizeof target, 1, stdin) != 1)\n        return 1;\n"
        "    memset(&s, 0xff, sizeof s);\n    net_init(&s);\n    net_init(&again);\n"
        "    for (i = 0; i < %6$d; i++) {\n"
        "        if (i == %6$d / 2 && %8$.9g > 0)\n            net_set_lr(&s, (float)%8$.9g);\n"
        "#ifdef NET_STATE_BYTES\n        if (i == %6$d / 2)\n            net_reset_state(&s);\n#endif\n"
        "        losses[i] = net_train(&s, x[i %% %2$d], target[i %% %2$d]);\n    }\n"
        "    net_predict(&s, x[0], y[0]);\n"
        "    n = net_save(&s, bytes);\n"
        "    if (n != NET_FILE_BYTES || net_load(&again, bytes, n - 1) || net_load(&again, bytes, n + 1))\n"
        "        return 2;\n"
        "    bytes[20] ^= 1;\n    if (net_load(&again, bytes, n))\n        return 3;\n"
        "    bytes[20] ^= 1;\n    if (!net_load(&again, bytes, n))\n        return 4;\n"
        "#ifdef NET_STATE_BYTES\n    if (sizeof s.state != NET_STATE_BYTES)\n        return 8;\n"
        "    again.state = s.state;\n#endif\n"
        "    net_predict(&again, x[0], y[1]);\n    if (memcmp(y[0], y[1], sizeof y[0]) != 0)\n        return 5;\n"
        "    if (sizeof s.weights + NET_COUNT_BYTES != NET_WEIGHT_BYTES || sizeof s.work != NET_WORK_BYTES)\n"
        "        return 6;\n"
        "    if (sizeof s > NET_WEIGHT_BYTES + NET_OPTIMISER_BYTES + sizeof s.work + sizeof s.lr + STATE + 16)\n       "
        " return "
        "7;\n"
        "    fwrite(losses, sizeof losses, 1, stdout);\n    fwrite(y[0], sizeof y[0], 1, stdout);\n"
        "    return fwrite(bytes, n, 1, stdout) != 1;\n}\n";
    char path[PATH];
    FILE *f = fopen(in_folder("main.c", path), "w");

    ck_assert_ptr_nonnull(f);
    fprintf(f, text, fr_dtype_of(j->x[0]) == FR_I64 ? "int64_t" : "float", BATCHES, (long long)fr_numel(j->x[0]),
            fr_dtype_of(j->target[0]) == FR_I64 ? "int64_t" : "float", (long long)fr_numel(j->target[0]), STEPS,
            (long long)y, j->later_lr);
    ck_assert_int_eq(fclose(f), 0);
}

static inline void write_batches(fr_tensor *const *batches, FILE *f)
{
    for (int i = 0; i < BATCHES; i++)
        ck_assert_uint_eq(
            fwrite(fr_data(batches[i]), fr_dtype_of(batches[i]) == FR_I64 ? 8 : 4, (size_t)fr_numel(batches[i]), f),
            fr_numel(batches[i]));
}

static inline bool export_job(const job *j, fr_export_c_report *report)
{
    char path[PATH];
    fr_export_c_training training = { .loss = j->loss,
                                      .target = j->target[0],
                                      .optimiser = j->optimiser,
                                      .accumulate = j->accumulate,
                                      .carry_state = j->stream != NULL };

    return fr_export_c_with(j->m, j->x[0], in_folder("net.c", path), &(fr_export_c_options){ .training = &training },
                            report);
}

/* Reads what is left of f into weights.safetensors. */
static inline void keep_weights(FILE *f)
{
    char path[PATH];
    FILE *to = fopen(in_folder("weights.safetensors", path), "wb");

    ck_assert_ptr_nonnull(to);
    for (int c; (c = fgetc(f)) != EOF;)
        fputc(c, to);
    ck_assert_int_eq(fclose(to), 0);
}

/* Runs the C program: losses, and what the trained module predicts, of n values; the weights are in a file. */
static inline void run_exported(const job *j, float losses[STEPS], float *y, int64_t n)
{
    char path[PATH];
    FILE *f = fopen(in_folder("batches", path), "wb");

    write_main(j, n);
    write_batches(j->x, f);
    write_batches(j->target, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert(shell("%s " STRICT " -o '%2$s/net' '%2$s/main.c' '%2$s/net.c' -lm", compiler("CC", "cc")));
    ck_assert(shell("%2$s/net < %2$s/batches > %2$s/results", ""));
    f = fopen(in_folder("results", path), "rb");
    ck_assert(f && fread(losses, sizeof *losses, STEPS, f) == STEPS && fread(y, sizeof *y, (size_t)n, f) == (size_t)n);
    keep_weights(f);
    fclose(f);
}

static inline fr_tensor *forward_in_library(const job *j, fr_tensor *x, bool keeps)
{
    fr_recurrent y;

    if (!j->stream)
        return fr_forward(j->m, x);
    y = j->stream(j->m, x, j->state);
    ck_assert(!keeps || fr_recurrent_keep(j->state, &y));
    return y.out;
}

/* The loss of step i, and the step. */
static inline double train_in_library(const job *j, int i)
{
    FR_SCOPE;
    bool begins = j->stream && i == STEPS / 2 && fr_recurrent_keep(j->state, NULL);
    fr_tensor *loss = j->loss(forward_in_library(j, j->x[i % BATCHES], true), j->target[i % BATCHES], FR_MEAN);
    double value = fr_item(loss);

    ck_assert(begins || !j->stream || i != STEPS / 2);

    for (int group = 0; i == STEPS / 2 && j->later_lr > 0 && group < fr_optim_groups(j->optimiser); group++)
        ck_assert(fr_optim_set(j->optimiser, group, "lr", j->later_lr));
    ck_assert_msg(fr_backward(loss), "%s", fr_error_message());
    if (j->accumulate <= 1 || (i + 1) % j->accumulate == 0) {
        ck_assert(fr_optim_step(j->optimiser));
        fr_optim_zero_grad(j->optimiser);
    }
    return value;
}

static inline void assert_value(const char *what, int64_t i, double got, double expected, double bound)
{
    ck_assert_msg(fabs(got - expected) <= bound * fmax(1, fabs(expected)), "%s %lld: %.9g, expected %.9g", what,
                  (long long)i, got, expected);
}

/* Both train on the same batches: the losses agree to 1e-5, what is predicted then to 1e-4, both relative where they
 * are above 1. Sums are in another order, and training amplifies that. */
static inline void check_trains(const job *j)
{
    static float losses[STEPS], got[MOST];
    char path[PATH];
    fr_export_c_report report;
    int64_t n;
    double first = 0, last = 0; /* losses of the first and of the last batches */

    n = fr_numel(fr_forward(j->m, j->x[0])); /* before the export: it moves running statistics */
    ck_assert_msg(export_job(j, &report), "%s", fr_error_message());
    run_exported(j, losses, got, n);
    for (int i = 0; i < STEPS; i++) {
        double loss = train_in_library(j, i);

        assert_value("loss", i, losses[i], loss, 1e-5);
        first += i < BATCHES ? loss : 0;
        last += i >= STEPS - BATCHES ? loss : 0;
    }
    ck_assert_msg(last < first, "the loss does not fall: %g to %g", first, last);
    fr_train(j->m, false);
    for (int k = 0; k < 2; k++) { /* as the library has trained it, then with the weights of the C program */
        fr_tensor *y = forward_in_library(j, j->x[0], false);

        for (int64_t i = 0; i < n; i++)
            assert_value(k ? "loaded" : "prediction", i, got[i], fr_at(y, i), k ? 1e-6 : 1e-4);
        ck_assert_msg(
            fr_load_into_with(j->m, in_folder("weights.safetensors", path), &(fr_load_options){ .partial = true }),
            "%s", fr_error_message());
    }
}

static inline void free_job(job *j)
{
    fr_optim_free(j->optimiser);
    fr_module_free(j->m);
}

#endif
