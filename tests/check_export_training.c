/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training step written as C: compiled by $CC as strict C99, it learns what the library learns. */
#include "exported.h"

#include "char_lm.h"
#include "forecaster.h"
#include "mlp.h"
#include "sequence_classifier.h"
#include "simple_rnn.h"
#include "tcn.h"
#include "transformer.h"

enum { STEPS = 100, BATCHES = 4 };

/* --- Losses ------------------------------------------------------------------------------------------------------ */

static fr_tensor *bce(fr_tensor *y, fr_tensor *target)
{
    return fr_bce(y, target, FR_MEAN);
}

static fr_tensor *bce_with_logits(fr_tensor *y, fr_tensor *target)
{
    return fr_bce_with_logits(y, target, FR_MEAN);
}

static fr_tensor *mse(fr_tensor *y, fr_tensor *target)
{
    return fr_mse(y, target, FR_MEAN);
}

static fr_tensor *l1(fr_tensor *y, fr_tensor *target)
{
    return fr_l1(y, target, FR_SUM);
}

static fr_tensor *huber(fr_tensor *y, fr_tensor *target)
{
    return fr_huber_with(y, target, &(fr_huber_options){ .delta = 0.3 });
}

static fr_tensor *smoothed(fr_tensor *y, fr_tensor *target)
{
    return fr_cross_entropy_with(y, target, &(fr_cross_entropy_options){ .label_smoothing = 0.1 });
}

/* Of logits (...,classes). */
static fr_tensor *cross_entropy(fr_tensor *y, fr_tensor *target)
{
    return fr_cross_entropy(fr_reshape(y, FR_SHAPE(-1, fr_dim(y, -1))), fr_flatten(target, 0, -1), FR_MEAN);
}

static fr_tensor *nll(fr_tensor *y, fr_tensor *target)
{
    return fr_nll(fr_log_softmax(y, 1), target, FR_MEAN);
}

/* --- Running what was exported ------------------------------------------------------------------------------------ */

typedef struct {
    fr_module *m;
    fr_tensor *(*loss)(fr_tensor *y, fr_tensor *target);
    fr_optim *optimiser;
    int64_t accumulate;
    fr_tensor *x[BATCHES], *target[BATCHES];
} job;

/* main.c trains, and writes the losses, what it predicts then, and the weights, which go out and in again first. */
static void write_main(const job *j, int64_t y)
{
    static const char text[] =
        "#include \"net.h\"\n#include <stdio.h>\n#include <string.h>\n\n"
        "static net_training s, again;\nstatic %1$s x[%2$d][%3$lld];\nstatic %4$s target[%2$d][%5$lld];\n"
        "static float losses[%6$d], y[2][%7$lld];\nstatic unsigned char bytes[NET_FILE_BYTES + 1];\n\n"
        "int main(void)\n{\n    size_t n;\n    int i;\n\n"
        "    if (fread(x, sizeof x, 1, stdin) != 1 || fread(target, sizeof target, 1, stdin) != 1)\n        return 1;\n"
        "    memset(&s, 0xff, sizeof s);\n    net_init(&s);\n    net_init(&again);\n"
        "    for (i = 0; i < %6$d; i++)\n"
        "        losses[i] = net_train(&s, x[i %% %2$d], target[i %% %2$d]);\n"
        "    net_predict(&s, x[0], y[0]);\n"
        "    n = net_save(&s, bytes);\n"
        "    if (n != NET_FILE_BYTES || net_load(&again, bytes, n - 1) || net_load(&again, bytes, n + 1))\n"
        "        return 2;\n"
        "    bytes[20] ^= 1;\n    if (net_load(&again, bytes, n))\n        return 3;\n"
        "    bytes[20] ^= 1;\n    if (!net_load(&again, bytes, n))\n        return 4;\n"
        "    net_predict(&again, x[0], y[1]);\n    if (memcmp(y[0], y[1], sizeof y[0]) != 0)\n        return 5;\n"
        "    if (sizeof s.weights != NET_WEIGHT_BYTES || sizeof s.work != NET_WORK_BYTES)\n        return 6;\n"
        "    if (sizeof s > sizeof s.weights + NET_OPTIMISER_BYTES + sizeof s.work + 16)\n        return 7;\n"
        "    fwrite(losses, sizeof losses, 1, stdout);\n    fwrite(y[0], sizeof y[0], 1, stdout);\n"
        "    return fwrite(bytes, n, 1, stdout) != 1;\n}\n";
    char path[PATH];
    FILE *f = fopen(in_folder("main.c", path), "w");

    ck_assert_ptr_nonnull(f);
    fprintf(f, text, fr_dtype_of(j->x[0]) == FR_I64 ? "int64_t" : "float", BATCHES, (long long)fr_numel(j->x[0]),
            fr_dtype_of(j->target[0]) == FR_I64 ? "int64_t" : "float", (long long)fr_numel(j->target[0]), STEPS,
            (long long)y);
    ck_assert_int_eq(fclose(f), 0);
}

static void write_batches(fr_tensor *const *batches, FILE *f)
{
    for (int i = 0; i < BATCHES; i++)
        ck_assert_uint_eq(fwrite(fr_data(batches[i]), fr_dtype_of(batches[i]) == FR_I64 ? 8 : 4,
                                 (size_t)fr_numel(batches[i]), f),
                          fr_numel(batches[i]));
}

static bool export_job(const job *j, fr_export_c_report *report)
{
    char path[PATH];
    fr_export_c_training training = {
        .loss = j->loss, .target = j->target[0], .optimiser = j->optimiser, .accumulate = j->accumulate
    };

    return fr_export_c_with(j->m, j->x[0], in_folder("net.c", path), &(fr_export_c_options){ .training = &training },
                            report);
}

/* Reads what is left of f into weights.safetensors. */
static void keep_weights(FILE *f)
{
    char path[PATH];
    FILE *to = fopen(in_folder("weights.safetensors", path), "wb");

    ck_assert_ptr_nonnull(to);
    for (int c; (c = fgetc(f)) != EOF;)
        fputc(c, to);
    ck_assert_int_eq(fclose(to), 0);
}

/* Runs the C program: losses, and what the trained module predicts, of n values; the weights are in a file. */
static void run_exported(const job *j, float losses[STEPS], float *y, int64_t n)
{
    char path[PATH];
    FILE *f = fopen(in_folder("batches", path), "wb");

    write_main(j, n);
    write_batches(j->x, f);
    write_batches(j->target, f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert(run("%s " STRICT " -o '%2$s/net' '%2$s/main.c' '%2$s/net.c' -lm", compiler("CC", "cc")));
    ck_assert(run("%2$s/net < %2$s/batches > %2$s/results", ""));
    f = fopen(in_folder("results", path), "rb");
    ck_assert(f && fread(losses, sizeof *losses, STEPS, f) == STEPS && fread(y, sizeof *y, (size_t)n, f) == (size_t)n);
    keep_weights(f);
    fclose(f);
}

/* The loss of step i, and the step. */
static double train_in_library(const job *j, int i)
{
    FR_SCOPE;
    fr_tensor *loss = j->loss(fr_forward(j->m, j->x[i % BATCHES]), j->target[i % BATCHES]);
    double value = fr_item(loss);

    ck_assert_msg(fr_backward(loss), "%s", fr_error_message());
    if (j->accumulate <= 1 || (i + 1) % j->accumulate == 0) {
        ck_assert(fr_optim_step(j->optimiser));
        fr_optim_zero_grad(j->optimiser);
    }
    return value;
}

static void assert_value(const char *what, int64_t i, double got, double expected, double bound)
{
    ck_assert_msg(fabs(got - expected) <= bound * fmax(1, fabs(expected)), "%s %lld: %.9g, expected %.9g", what,
                  (long long)i, got, expected);
}

/* Both train on the same batches: the losses agree to 1e-5, what is predicted then to 1e-4, both relative where they are
 * above 1. Sums are in another order, and training amplifies that. */
static void check_trains(const job *j)
{
    static float losses[STEPS], got[MOST];
    char path[PATH];
    fr_export_c_report report;
    int64_t n;
    double first = 0, last = 0; /* losses of the first and of the last batches */

    ck_assert_msg(export_job(j, &report), "%s", fr_error_message());
    n = fr_numel(fr_forward(j->m, j->x[0]));
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
        fr_tensor *y = fr_forward(j->m, j->x[0]);

        for (int64_t i = 0; i < n; i++)
            assert_value(k ? "loaded" : "prediction", i, got[i], fr_at(y, i), k ? 1e-6 : 1e-4);
        ck_assert_msg(fr_load_into_with(j->m, in_folder("weights.safetensors", path),
                                        &(fr_load_options){ .partial = true }),
                      "%s", fr_error_message());
    }
}

/* --- The models -------------------------------------------------------------------------------------------------- */

static fr_module *simple(simple_rnn_cell cell, int layers, bool both, bool logits)
{
    return simple_rnn_new(&(simple_rnn_options){ .cell = cell,
                                                 .input = 3,
                                                 .hidden = 8,
                                                 .output = 2,
                                                 .layers = layers,
                                                 .bidirectional = both,
                                                 .logits = logits });
}

static fr_module *make_rnn(void)
{
    return simple(SIMPLE_RNN, 1, false, false);
}

static fr_module *make_rnns(void)
{
    return simple(SIMPLE_RNN, 2, true, false);
}

static fr_module *make_lstm(void)
{
    return simple(SIMPLE_LSTM, 2, true, true);
}

static fr_module *make_gru(void)
{
    return simple(SIMPLE_GRU, 2, true, true);
}

static fr_module *make_relu(void)
{
    return fr_nn_rnn(3, 8, &(fr_recurrent_options){ .relu = true, .no_bias = true });
}

static fr_module *make_mlp(void)
{
    return mlp_new(&(mlp_options){ .sizes = { 6, 16, 8, 3 } });
}

static fr_module *make_char_lm(void)
{
    return char_lm_new(&(char_lm_options){ .symbols = 11, .embedding = 5, .hidden = 8 });
}

static fr_module *make_forecaster(void)
{
    return forecaster_new(8);
}

static fr_module *make_classifier(void)
{
    return sequence_classifier_new(&(sequence_classifier_options){ .variables = 3, .hidden = 6, .classes = 4 });
}

static fr_module *make_tcn(void)
{
    return tcn_new(&(tcn_options){ .variables = 2, .channels = 6, .blocks = 3, .kernel = 3, .classes = 4 });
}

static fr_module *make_transformer(void)
{
    return transformer_new(&(transformer_options){
        .variables = 3, .width = 8, .heads = 2, .layers = 2, .steps = 10, .classes = 4, .dropout = FR_ZERO });
}

static fr_module *make_convolutions(void)
{
    fr_conv_options strided = { .stride = FR_SHAPE(2, 1), .padding = FR_SHAPE(1, 2), .groups = 2 };

    return fr_nn_sequential(
        6, (fr_module *[]){ fr_nn_conv2d(2, 4, FR_SHAPE(3, 3), &strided), fr_nn_gelu(),
                            fr_nn_max_pool2d(FR_SHAPE(2, 2), &(fr_max_pool_options){ .padding = FR_SHAPE(1, 1) }),
                            fr_nn_avg_pool2d(FR_SHAPE(2, 2), NULL), fr_nn_flatten(1, -1), fr_nn_linear(8, 3, NULL) });
}

static const struct {
    fr_module *(*make)(void);
    fr_tensor *(*loss)(fr_tensor *y, fr_tensor *target);
    fr_shape x, target;
    int64_t symbols, classes; /* of x and of the target; 0: they are numbers */
} models[] = {
    { make_rnn, bce, { 3, { 4, 7, 3 } }, { 2, { 4, 2 } }, 0, 0 },
    { make_rnns, bce, { 3, { 2, 5, 3 } }, { 2, { 2, 2 } }, 0, 0 },
    { make_lstm, bce_with_logits, { 3, { 3, 5, 3 } }, { 2, { 3, 2 } }, 0, 0 },
    { make_gru, smoothed, { 3, { 3, 5, 3 } }, { 1, { 3 } }, 0, 2 },
    { make_relu, l1, { 3, { 5, 2, 3 } }, { 3, { 5, 2, 8 } }, 0, 0 },
    { make_mlp, huber, { 2, { 4, 6 } }, { 2, { 4, 3 } }, 0, 0 },
    { make_mlp, nll, { 2, { 1, 6 } }, { 1, { 1 } }, 0, 3 },
    { make_char_lm, cross_entropy, { 2, { 9, 2 } }, { 2, { 9, 2 } }, 11, 11 },
    { make_forecaster, mse, { 3, { 6, 2, 1 } }, { 3, { 6, 2, 1 } }, 0, 0 },
    { make_classifier, cross_entropy, { 3, { 2, 5, 3 } }, { 1, { 2 } }, 0, 4 },
    { make_tcn, cross_entropy, { 3, { 2, 9, 2 } }, { 1, { 2 } }, 0, 4 },
    { make_transformer, cross_entropy, { 3, { 2, 7, 3 } }, { 1, { 2 } }, 0, 4 },
    { make_convolutions, cross_entropy, { 4, { 2, 2, 7, 5 } }, { 1, { 2 } }, 0, 3 },
};
enum { MODELS = sizeof models / sizeof *models };

static job make_job(int i)
{
    job j = { .loss = models[i].loss };

    fr_manual_seed(1);
    j.m = models[i].make();
    for (int k = 0; k < BATCHES; k++) {
        j.x[k] = models[i].symbols ? fr_randint(0, models[i].symbols, models[i].x) : fr_randn(models[i].x);
        j.target[k] = models[i].classes ? fr_randint(0, models[i].classes, models[i].target) : fr_rand(models[i].target);
    }
    return j;
}

static void free_job(job *j)
{
    fr_optim_free(j->optimiser);
    fr_module_free(j->m);
}

START_TEST(a_model_learns_the_same)
{
    FR_SCOPE;
    job j = make_job(_i);

    j.optimiser = fr_sgd(j.m, &(fr_sgd_options){ .lr = 0.01, .momentum = 0.5 });
    check_trains(&j);
    free_job(&j);
}
END_TEST

/* --- Optimisers -------------------------------------------------------------------------------------------------- */

static fr_optim *sgd_plain(fr_module *m)
{
    return fr_sgd(m, &(fr_sgd_options){ .lr = 0.03, .weight_decay = 0.1 });
}

static fr_optim *sgd_dampened(fr_module *m)
{
    return fr_sgd(m, &(fr_sgd_options){ .lr = 0.03, .momentum = 0.9, .dampening = 0.5, .weight_decay = 0.1 });
}

static fr_optim *sgd_nesterov(fr_module *m)
{
    return fr_sgd(m, &(fr_sgd_options){ .lr = 0.01, .momentum = 0.9, .nesterov = true });
}

static fr_optim *adam(fr_module *m)
{
    return fr_adam(m, &(fr_adam_options){ .lr = 3e-3, .weight_decay = 0.1, .beta1 = 0.8 });
}

static fr_optim *adam_amsgrad(fr_module *m)
{
    return fr_adam(m, &(fr_adam_options){ .lr = 3e-3, .amsgrad = true, .eps = 1e-4 });
}

static fr_optim *adamw(fr_module *m)
{
    return fr_adamw(m, &(fr_adamw_options){ .lr = 3e-3, .weight_decay = 0.3 });
}

/* The first layer has a group with a rate of its own, the second one no momentum. */
static fr_optim *groups(fr_module *m)
{
    fr_optim *o = sgd_dampened(m);
    int n = 0;
    fr_tensor *const *p = fr_module_parameters(m, &n);

    ck_assert(fr_optim_split(o, p, 2) == 1 && fr_optim_split(o, p + 2, 2) == 2);
    ck_assert(fr_optim_set(o, 1, "lr", 1e-3) && fr_optim_set(o, 2, "momentum", 0));
    return o;
}

static fr_optim *adam_groups(fr_module *m)
{
    fr_optim *o = adam(m);

    ck_assert(fr_optim_split(o, fr_module_parameters(m, &(int){ 0 }), 2) == 1 && fr_optim_set(o, 1, "lr", 1e-4));
    return o;
}

static fr_optim *(*const optimisers[])(fr_module *m) = {
    sgd_plain, sgd_dampened, sgd_nesterov, adam, adam_amsgrad, adamw, groups, adam_groups,
};
enum { OPTIMISERS = sizeof optimisers / sizeof *optimisers, MLP = 5 };

START_TEST(an_optimiser_steps_the_same)
{
    FR_SCOPE;
    job j = make_job(MLP);

    j.optimiser = optimisers[_i](j.m);
    check_trains(&j);
    free_job(&j);
}
END_TEST

static fr_tensor *minus_mse(fr_tensor *y, fr_tensor *target)
{
    return fr_neg(mse(y, target));
}

/* The loss that falls is that of the negated gradients. */
START_TEST(maximising_goes_up)
{
    FR_SCOPE;
    job j = make_job(MLP);
    fr_export_c_report report;
    static float up[STEPS], down[STEPS], y[MOST];

    for (int k = 0; k < 2; k++) {
        j.loss = k ? minus_mse : mse;
        j.optimiser = _i ? fr_sgd(j.m, &(fr_sgd_options){ .lr = 0.01, .maximize = k })
                         : fr_adam(j.m, &(fr_adam_options){ .maximize = k });
        ck_assert(export_job(&j, &report));
        run_exported(&j, k ? up : down, y, 12);
        fr_optim_free(j.optimiser);
    }
    for (int i = 0; i < STEPS; i++)
        ck_assert(up[i] == -down[i]);
    fr_module_free(j.m);
}
END_TEST

START_TEST(gradients_of_several_calls_add_up)
{
    FR_SCOPE;
    job j = make_job(MLP);

    j.accumulate = 3;
    j.optimiser = optimisers[_i](j.m);
    check_trains(&j);
    free_job(&j);
}
END_TEST

/* --- What is not trained ----------------------------------------------------------------------------------------- */

static int count(const char *text)
{
    char path[PATH], line[256];
    FILE *f = fopen(in_folder("net.c", path), "r");
    int n = 0;

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        n += strstr(line, text) != NULL;
    fclose(f);
    return n;
}

/* The first layers are frozen: they have neither gradients nor state, and no backward goes there. */
START_TEST(frozen_layers_cost_nothing)
{
    FR_SCOPE;
    job j = make_job(MLP);
    fr_export_c_report report;

    for (int i = 0; i < 2; i++)
        ck_assert(fr_module_freeze(fr_module_at(fr_module_at(j.m, 0), i), true));
    j.optimiser = adam(j.m);
    check_trains(&j);
    ck_assert(export_job(&j, &report));
    ck_assert_int_eq(report.trained_bytes, (8 * 3 + 3) * 4);
    ck_assert_int_eq(report.optimiser_bytes, 2 * report.trained_bytes);
    ck_assert_int_eq(count("backward of"), 1);
    ck_assert_int_eq(count("linear_backward(4, 8, 3"), 1);
    free_job(&j);
}
END_TEST

typedef struct {
    fr_module *used, *unused;
    fr_tensor *scale;
} partly;

static fr_tensor *use_a_part(fr_module *self, fr_tensor *x)
{
    partly *net = fr_self(self);

    fr_forward(net->unused, x);
    return fr_add(fr_forward(net->used, x), fr_mul(fr_detach(net->scale), x));
}

/* A parameter that the loss does not reach is a constant, as the optimiser passes over it. */
START_TEST(what_no_gradient_reaches_stays)
{
    FR_SCOPE;
    job j = make_job(MLP);
    fr_export_c_report report;
    partly *net;

    fr_module_free(j.m);
    j.m = fr_module_new("Partly", sizeof *net, use_a_part);
    net = fr_self(j.m);
    net->used = fr_module_add(j.m, "used", fr_nn_linear(6, 6, NULL));
    net->unused = fr_module_add(j.m, "unused", fr_nn_linear(6, 6, NULL));
    net->scale = fr_module_param(j.m, "scale", fr_ones(FR_SHAPE(6)));
    for (int k = 0; k < BATCHES; k++)
        j.target[k] = fr_rand(FR_SHAPE(4, 6));
    j.optimiser = adamw(j.m);
    check_trains(&j);
    ck_assert(export_job(&j, &report));
    ck_assert_int_eq(report.trained_bytes, (6 * 6 + 6) * 4);
    free_job(&j);
}
END_TEST

/* Statistics that do not move: a module in evaluation is trained as it is. */
START_TEST(batch_norm_in_evaluation_is_trained)
{
    FR_SCOPE;
    job j = make_job(MLP);

    fr_module_free(j.m);
    j.m = fr_nn_sequential(3, (fr_module *[]){ fr_nn_linear(6, 5, NULL), fr_nn_batch_norm1d(5, NULL),
                                               fr_nn_linear(5, 3, NULL) });
    fr_forward(j.m, fr_randn(FR_SHAPE(20, 6)));
    fr_train(j.m, false);
    j.optimiser = adam(j.m);
    check_trains(&j);
    free_job(&j);
}
END_TEST

/* --- The same text, and nothing changed --------------------------------------------------------------------------- */

START_TEST(the_text_is_the_same_each_time)
{
    FR_SCOPE;
    job j = make_job(_i);
    fr_export_c_report report, again;

    j.optimiser = adam(j.m);
    ck_assert(export_job(&j, &report));
    ck_assert(run("cd '%2$s' && mv net.c first.c && mv net.h first.h", ""));
    ck_assert(export_job(&j, &again));
    ck_assert(run("cd '%2$s' && cmp net.c first.c && cmp net.h first.h", ""));
    ck_assert(memcmp(&report, &again, sizeof report) == 0);
    free_job(&j);
}
END_TEST

/* --- Failures ---------------------------------------------------------------------------------------------------- */

static fr_tensor *not_scalar(fr_tensor *y, fr_tensor *target)
{
    return fr_mse(y, target, FR_NONE);
}

static fr_tensor *constant(fr_tensor *y, fr_tensor *target)
{
    (void)y;
    return fr_mean(target);
}

static fr_tensor *weighted(fr_tensor *y, fr_tensor *target)
{
    return fr_cross_entropy_with(y, fr_cast(fr_select(target, 1, 0), FR_I64),
                                 &(fr_cross_entropy_options){ .weight = fr_ones(FR_SHAPE(3)) });
}

START_TEST(bad_options_are_named)
{
    FR_SCOPE;
    job j = make_job(MLP);
    fr_module *other = fr_nn_linear(2, 2, NULL);
    fr_optim *good = adam(j.m), *foreign = adam(other), *rmsprop = fr_rmsprop(j.m, NULL);
    fr_tensor *doubles = fr_cast(j.target[0], FR_F64), *target = j.target[0], *none = fr_zeros(FR_SHAPE(0));
    const struct {
        fr_export_c_training training;
        const char *error;
    } bad[] = {
        { { .target = target, .optimiser = good }, "training.loss is NULL" },
        { { .loss = mse, .optimiser = good }, "training.target" },
        { { .loss = mse, .target = target }, "training.optimiser" },
        { { .loss = mse, .target = doubles, .optimiser = good }, "training.target is float64" },
        { { .loss = mse, .target = none, .optimiser = good }, "training.target has no values" },
        { { .loss = mse, .target = target, .optimiser = good, .accumulate = -1 }, "training.accumulate is -1" },
        { { .loss = mse, .target = target, .optimiser = good, .reserved = { target } }, "reserved[0]" },
        { { .loss = mse, .target = target, .optimiser = rmsprop }, "optimiser rmsprop has no C form" },
        { { .loss = mse, .target = target, .optimiser = foreign }, "\"weight\" is not in the module" },
        { { .loss = not_scalar, .target = target, .optimiser = good }, "the loss is of shape (4, 3), float32" },
        { { .loss = constant, .target = target, .optimiser = good }, "the loss depends on no parameter" },
        { { .loss = weighted, .target = target, .optimiser = good }, "op cross_entropy in no module: class weights" },
    };
    char path[PATH];

    in_folder("net.c", path);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert(!fr_export_c_with(j.m, j.x[0], path, &(fr_export_c_options){ .training = &bad[i].training }, NULL));
        assert_failed("export_c_with", bad[i].error);
    }
    ck_assert(!fr_export_c_with(j.m, j.x[0], path,
                                &(fr_export_c_options){ .int8 = true, .training = &(fr_export_c_training){
                                                            .loss = mse, .target = target, .optimiser = good } },
                                NULL));
    assert_failed("export_c_with", "int8 is for inference");
    ck_assert(fr_module_freeze(j.m, true));
    j.optimiser = good;
    ck_assert(!export_job(&j, NULL));
    assert_failed("export_c_with", "no parameter of the optimiser wants a gradient");
    ck_assert(!is_there("net.c") && !is_there("net.h"));
    fr_optim_free(foreign);
    fr_optim_free(rmsprop);
    fr_module_free(other);
    free_job(&j);
}
END_TEST

/* All at once; and the module, its buffers and the generator are as they were. */
START_TEST(ops_of_training_alone_are_refused_by_name)
{
    FR_SCOPE;
    job j = make_job(MLP);
    fr_module *norm = fr_nn_batch_norm1d(5, NULL);
    fr_tensor *mean, *before, *drawn;

    fr_module_free(j.m);
    j.m = fr_nn_sequential(4, (fr_module *[]){ fr_nn_linear(6, 5, NULL), norm, fr_nn_dropout(0.5),
                                               fr_nn_linear(5, 3, NULL) });
    j.optimiser = adam(j.m);
    mean = fr_module_find(j.m, "1.running_mean");
    before = fr_clone(mean);
    fr_manual_seed(7);
    drawn = fr_rand(FR_SHAPE(3));
    fr_manual_seed(7);
    ck_assert(!export_job(&j, NULL));
    assert_failed("export_c_with", "op batch_norm in module 1: it takes mean and variance from the batch; "
                                   "op dropout in module 2: it is for training");
    assert_near("generator", fr_rand(FR_SHAPE(3)), drawn);
    assert_near("mean", mean, before);
    ck_assert(fr_module_training(j.m) && !is_there("net.c"));
    free_job(&j);
}
END_TEST

int main(void)
{
    TCase *exported = tcase_create("exported");

    tcase_set_timeout(exported, 60);
    tcase_add_checked_fixture(exported, make_folder, remove_folder);
    tcase_add_loop_test(exported, a_model_learns_the_same, 0, MODELS);
    tcase_add_loop_test(exported, an_optimiser_steps_the_same, 0, OPTIMISERS);
    tcase_add_loop_test(exported, maximising_goes_up, 0, 2);
    tcase_add_loop_test(exported, gradients_of_several_calls_add_up, 0, OPTIMISERS);
    tcase_add_test(exported, frozen_layers_cost_nothing);
    tcase_add_test(exported, what_no_gradient_reaches_stays);
    tcase_add_test(exported, batch_norm_in_evaluation_is_trained);
    tcase_add_loop_test(exported, the_text_is_the_same_each_time, 0, MODELS);
    tcase_add_test(exported, bad_options_are_named);
    tcase_add_test(exported, ops_of_training_alone_are_refused_by_name);
    return run_tests("export_training", exported);
}
