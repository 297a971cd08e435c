/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training step written as C: compiled by $CC as strict C99, it learns what the library learns. */
#include "exported_training.h"

#include "char_lm.h"
#include "forecaster.h"
#include "mlp.h"
#include "sequence_classifier.h"
#include "simple_rnn.h"
#include "tcn.h"
#include "transformer.h"

/* --- Losses ------------------------------------------------------------------------------------------------------ */

static fr_tensor *huber(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_huber_with(y, target, &(fr_huber_options){ .delta = 0.3, .reduction = reduction });
}

static fr_tensor *smoothed(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_cross_entropy_with(y, target,
                                 &(fr_cross_entropy_options){ .label_smoothing = 0.1, .reduction = reduction });
}

/* Its steps are large. */
static fr_tensor *summed(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    (void)reduction;
    return fr_smooth_l1(y, target, FR_SUM);
}

/* Of logits (...,classes). */
static fr_tensor *cross_entropy(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_cross_entropy(fr_reshape(y, FR_SHAPE(-1, fr_dim(y, -1))), fr_flatten(target, 0, -1), reduction);
}

static fr_tensor *nll(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_nll(fr_log_softmax(y, 1), target, reduction);
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

/* The linear layer runs twice, and backward reads scale after its gradient is there. */
static fr_tensor *scale_twice(fr_module *self, fr_tensor *x)
{
    fr_module *linear = fr_module_at(self, 0);
    fr_tensor *scale = fr_module_find(self, "scale");

    return fr_forward(linear, fr_mul(scale, fr_tanh(fr_forward(linear, x))));
}

static fr_module *make_scaled(void)
{
    fr_module *m = fr_module_new("Scaled", 0, scale_twice);

    fr_module_add(m, "linear", fr_nn_linear(6, 6, NULL));
    fr_module_param(m, "scale", fr_full(FR_SHAPE(6), 1.5));
    return m;
}

static const struct {
    fr_module *(*make)(void);
    fr_loss_function *loss;
    fr_shape x, target;
    int64_t symbols, classes; /* of x and of the target; 0: they are numbers */
} models[] = {
    { make_rnn, fr_bce, { 3, { 4, 7, 3 } }, { 2, { 4, 2 } }, 0, 0 },
    { make_rnns, fr_bce, { 3, { 2, 5, 3 } }, { 2, { 2, 2 } }, 0, 0 },
    { make_lstm, fr_bce_with_logits, { 3, { 3, 5, 3 } }, { 2, { 3, 2 } }, 0, 0 },
    { make_gru, smoothed, { 3, { 3, 5, 3 } }, { 1, { 3 } }, 0, 2 },
    { make_relu, fr_l1, { 3, { 5, 2, 3 } }, { 3, { 5, 2, 8 } }, 0, 0 },
    { make_mlp, huber, { 2, { 4, 6 } }, { 2, { 4, 3 } }, 0, 0 },
    { make_mlp, nll, { 2, { 1, 6 } }, { 1, { 1 } }, 0, 3 },
    { make_char_lm, cross_entropy, { 2, { 9, 2 } }, { 2, { 9, 2 } }, 11, 11 },
    { make_forecaster, fr_mse, { 3, { 6, 2, 1 } }, { 3, { 6, 2, 1 } }, 0, 0 },
    { make_classifier, cross_entropy, { 3, { 2, 5, 3 } }, { 1, { 2 } }, 0, 4 },
    { make_tcn, cross_entropy, { 3, { 2, 9, 2 } }, { 1, { 2 } }, 0, 4 },
    { make_transformer, cross_entropy, { 3, { 2, 7, 3 } }, { 1, { 2 } }, 0, 4 },
    { make_convolutions, cross_entropy, { 4, { 2, 2, 7, 5 } }, { 1, { 2 } }, 0, 3 },
    { make_scaled, summed, { 2, { 3, 6 } }, { 2, { 3, 6 } }, 0, 0 },
};
enum { MODELS = sizeof models / sizeof *models };

static job make_job(int i)
{
    job j = { .loss = models[i].loss };

    fr_manual_seed(1);
    j.m = models[i].make();
    for (int k = 0; k < BATCHES; k++) {
        j.x[k] = models[i].symbols ? fr_randint(0, models[i].symbols, models[i].x) : fr_randn(models[i].x);
        j.target[k] =
            models[i].classes ? fr_randint(0, models[i].classes, models[i].target) : fr_rand(models[i].target);
    }
    return j;
}

START_TEST(a_model_learns_the_same)
{
    FR_SCOPE;
    char path[PATH];
    job j = make_job(_i);

    j.optimiser = fr_sgd(j.m, &(fr_sgd_options){ .lr = 0.01, .momentum = 0.5 });
    check_trains(&j);
    /* The weights of the C program, which are in m now. */
    ck_assert(fr_save(j.m, in_folder("saved.safetensors", path)));
    ck_assert(shell("cd '%2$s' && cmp saved.safetensors weights.safetensors", ""));
    free_job(&j);
}
END_TEST

START_TEST(the_text_is_the_same_each_time)
{
    FR_SCOPE;
    job j = make_job(_i);
    fr_export_c_report report, again;

    j.optimiser = fr_adam(j.m, NULL);
    ck_assert(export_job(&j, &report));
    ck_assert(shell("cd '%2$s' && mv net.c first.c && mv net.h first.h", ""));
    ck_assert(export_job(&j, &again));
    ck_assert(shell("cd '%2$s' && cmp net.c first.c && cmp net.h first.h", ""));
    ck_assert(memcmp(&report, &again, sizeof report) == 0);
    free_job(&j);
}
END_TEST

int main(void)
{
    TCase *exported = tcase_create("exported");

    tcase_set_timeout(exported, 60);
    tcase_add_checked_fixture(exported, make_folder, remove_folder);
    tcase_add_loop_test(exported, a_model_learns_the_same, 0, MODELS);
    tcase_add_loop_test(exported, the_text_is_the_same_each_time, 0, MODELS);
    return run_tests("export_training", exported);
}
