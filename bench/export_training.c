/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes a training step of a shipped model with Adam as C, for exported_training.sh: W1 to W3 (rnn, lstm, gru: a
 * SimpleRNN with input 1 and hidden 32) and the other models, of about that size. Prints bytes, the library's time of
 * the same step on one thread, and the types and sizes of x and the target as options of the compiler:
 *
 *     export_training MODEL BATCH FILE.c */
#include "bench.h"
#include "char_lm.h"
#include "forecaster.h"
#include "mlp.h"
#include "sequence_classifier.h"
#include "simple_rnn.h"
#include "tcn.h"
#include "transformer.h"

#include <string.h>

enum { STEPS = 10, CLASSES = 4, SYMBOLS = 64, HIDDEN = 32 };

/* --- The models -------------------------------------------------------------------------------------------------- */

static fr_module *simple(simple_rnn_cell cell)
{
    return simple_rnn_new(&(simple_rnn_options){ .cell = cell, .input = 1, .hidden = HIDDEN, .output = 1 });
}

static fr_module *make_rnn(void)
{
    return simple(SIMPLE_RNN);
}

static fr_module *make_lstm(void)
{
    return simple(SIMPLE_LSTM);
}

static fr_module *make_gru(void)
{
    return simple(SIMPLE_GRU);
}

static fr_module *make_mlp(void)
{
    return mlp_new(&(mlp_options){ .sizes = { STEPS, 64, HIDDEN, CLASSES } });
}

static fr_module *make_char_lm(void)
{
    return char_lm_new(&(char_lm_options){ .symbols = SYMBOLS, .embedding = 16, .hidden = HIDDEN });
}

static fr_module *make_forecaster(void)
{
    return forecaster_new(HIDDEN);
}

static fr_module *make_classifier(void)
{
    return sequence_classifier_new(
        &(sequence_classifier_options){ .variables = 3, .hidden = HIDDEN, .classes = CLASSES });
}

static fr_module *make_tcn(void)
{
    return tcn_new(&(tcn_options){ .variables = 3, .channels = 16, .blocks = 3, .kernel = 3, .classes = CLASSES });
}

static fr_module *make_transformer(void)
{
    return transformer_new(&(transformer_options){
        .variables = 3, .width = 16, .heads = 2, .layers = 2, .steps = STEPS, .classes = CLASSES, .dropout = FR_ZERO });
}

/* Of logits (...,classes). */
static fr_tensor *cross_entropy(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_cross_entropy(fr_reshape(y, FR_SHAPE(-1, fr_dim(y, -1))), fr_flatten(target, 0, -1), reduction);
}

/* Sizes of 0 stand for the batch. */
static const struct {
    const char *name;
    fr_module *(*make)(void);
    fr_loss_function *loss;
    fr_shape x, target;
    int64_t symbols, classes; /* of x and of the target; 0: they are numbers */
} models[] = {
    { "rnn", make_rnn, fr_bce, { 3, { 0, STEPS, 1 } }, { 2, { 0, 1 } }, 0, 0 },
    { "lstm", make_lstm, fr_bce, { 3, { 0, STEPS, 1 } }, { 2, { 0, 1 } }, 0, 0 },
    { "gru", make_gru, fr_bce, { 3, { 0, STEPS, 1 } }, { 2, { 0, 1 } }, 0, 0 },
    { "mlp", make_mlp, fr_cross_entropy, { 2, { 0, STEPS } }, { 1, { 0 } }, 0, CLASSES },
    { "char_lm", make_char_lm, cross_entropy, { 2, { STEPS, 0 } }, { 2, { STEPS, 0 } }, SYMBOLS, SYMBOLS },
    { "forecaster", make_forecaster, fr_mse, { 3, { STEPS, 0, 1 } }, { 3, { STEPS, 0, 1 } }, 0, 0 },
    { "sequence_classifier", make_classifier, fr_cross_entropy, { 3, { 0, STEPS, 3 } }, { 1, { 0 } }, 0, CLASSES },
    { "tcn", make_tcn, fr_cross_entropy, { 3, { 0, STEPS, 3 } }, { 1, { 0 } }, 0, CLASSES },
    { "transformer", make_transformer, fr_cross_entropy, { 3, { 0, STEPS, 3 } }, { 1, { 0 } }, 0, CLASSES },
};
enum { MODELS = sizeof models / sizeof *models };

/* --- The step ---------------------------------------------------------------------------------------------------- */

typedef struct {
    fr_module *model;
    fr_loss_function *loss;
    fr_tensor *x, *target;
    fr_optim *optimiser;
} run;

static void train(void *argument)
{
    FR_SCOPE;
    run *r = argument;

    fr_optim_zero_grad(r->optimiser);
    fr_backward(r->loss(fr_forward(r->model, r->x), r->target, FR_MEAN));
    fr_optim_step(r->optimiser);
}

static fr_tensor *example(fr_shape shape, int64_t batch, int64_t classes)
{
    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = shape.dim[i] ? shape.dim[i] : batch;
    return classes ? fr_randint(0, classes, shape) : fr_rand(shape);
}

static const char *type_of(const fr_tensor *t)
{
    return fr_dtype_of(t) == FR_I64 ? "int64_t" : "float";
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    fr_export_c_report report;
    int i = 0;

    while (argc == 4 && i < MODELS && strcmp(models[i].name, argv[1]) != 0)
        i++;
    if (argc != 4 || i == MODELS) {
        fprintf(stderr, "usage: export_training MODEL BATCH FILE.c\n");
        return EXIT_FAILURE;
    }
    fr_set_num_threads(1);
    fr_manual_seed(0);

    run r = { .model = models[i].make(), .loss = models[i].loss };
    fr_export_c_training training = { .loss = r.loss };

    r.x = example(models[i].x, atoi(argv[2]), models[i].symbols);
    r.target = training.target = example(models[i].target, atoi(argv[2]), models[i].classes);
    r.optimiser = training.optimiser = fr_adam(r.model, NULL);
    fr_export_c_with(r.model, r.x, argv[3], &(fr_export_c_options){ .name = "net", .training = &training }, &report);
    printf("%lld,%lld,%lld,%lld,%.1f,-DX_TYPE=%s -DX_SIZE=%lld -DTARGET_TYPE=%s -DTARGET_SIZE=%lld\n",
           (long long)report.weight_bytes, (long long)report.trained_bytes, (long long)report.optimiser_bytes,
           (long long)report.workspace_bytes, measure(train, &r, 100, 0.5).best, type_of(r.x), (long long)fr_numel(r.x),
           type_of(r.target), (long long)fr_numel(r.target));
    fr_optim_free(r.optimiser);
    fr_module_free(r.model);
    return 0;
}
