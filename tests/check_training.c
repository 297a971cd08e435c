/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Whole training runs of the shipped SimpleRNN: with the same seed the losses and the prediction are PyTorch's
 * (golden/training.txt, made by golden/make_training.py), to the 4 decimals that the example prints. This tests
 * modules, initial values, loader, loss, backward and Adam together. */
#include "simple_rnn.h"
#include "testing.h"

enum { INPUT = 1, HIDDEN = 32, OUTPUT = 1, LENGTH = 10, BATCH = 32, EPOCHS = 10, SAMPLES = 1000 };

static const double HALF_A_DIGIT = 5e-5;

/* A line of golden/training.txt. */
typedef struct {
    char cell[8], dtype[16];
    unsigned seed;
    double losses[EPOCHS], prediction;
} run;

static bool read_run(FILE *file, run *r)
{
    bool ok = fscanf(file, "%7s %u %15s", r->cell, &r->seed, r->dtype) == 3;

    for (int i = 0; i < EPOCHS && ok; i++)
        ok = fscanf(file, "%lf", &r->losses[i]) == 1;
    return ok && fscanf(file, "%lf", &r->prediction) == 1;
}

/* Trains for an epoch and returns the loss of its last batch. */
static double train(fr_module *model, fr_optim *adam, fr_loader *loader)
{
    fr_tensor *const *batch;
    double last = NAN;

    while ((batch = fr_loader_next(loader))) {
        FR_SCOPE;
        fr_tensor *loss;

        fr_optim_zero_grad(adam);
        loss = fr_bce(fr_forward(model, batch[0]), batch[1], FR_MEAN);
        fr_backward(loss);
        fr_optim_step(adam);
        last = fr_item(loss);
    }
    return last;
}

static void assert_same(const run *r, const char *what, int epoch, double got, double expected)
{
    ck_assert_msg(!fr_error_message(), "%s %u %s: %s", r->cell, r->seed, r->dtype, fr_error_message());
    ck_assert_msg(fabs(got - expected) <= HALF_A_DIGIT, "%s, seed %u, %s: %s %d is %.6f, PyTorch's %.6f", r->cell,
                  r->seed, r->dtype, what, epoch, got, expected);
}

static void compare_run(const run *r)
{
    FR_SCOPE;
    simple_rnn_options options = { .input = INPUT, .hidden = HIDDEN, .output = OUTPUT };
    fr_module *model;
    fr_optim *adam;
    fr_loader *loader;
    fr_tensor *x, *y;

    options.cell = strcmp(r->cell, "lstm") == 0 ? SIMPLE_LSTM : strcmp(r->cell, "gru") == 0 ? SIMPLE_GRU : SIMPLE_RNN;
    fr_set_default_dtype(strcmp(r->dtype, "float64") == 0 ? FR_F64 : FR_F32);
    fr_manual_seed(r->seed);
    model = simple_rnn_new(&options);
    adam = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });
    x = fr_randn(FR_SHAPE(SAMPLES, LENGTH, INPUT));
    y = fr_gt_scalar(fr_sum_dim(x, 1, false), 0);
    loader = fr_loader_new((fr_tensor *[]){ x, y }, 2, &(fr_loader_options){ .batch_size = BATCH, .shuffle = true });
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        assert_same(r, "loss of epoch", epoch + 1, train(model, adam, loader), r->losses[epoch]);
    assert_same(r, "prediction", 1, fr_item(fr_forward(model, fr_randn(FR_SHAPE(1, LENGTH, INPUT)))), r->prediction);
    fr_loader_free(loader);
    fr_optim_free(adam);
    fr_module_free(model);
    fr_set_default_dtype(FR_F32);
}

START_TEST(same_as_pytorch)
{
    FILE *file = fopen(test_file("golden/training.txt"), "r");
    int runs = 0;

    ck_assert_ptr_nonnull(file);
    for (run r; read_run(file, &r); runs++)
        compare_run(&r);
    ck_assert_int_gt(runs, 0);
    ck_assert(feof(file));
    fclose(file);
}
END_TEST

int main(void)
{
    TCase *training = tcase_create("training");

    tcase_add_test(training, same_as_pytorch);
    return run_tests("training", training);
}
