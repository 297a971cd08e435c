/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Training with int8 weights, fr_fake_quantize_weights: in the library, as a training step in C, and what an int8
 * export then loses. fr_fake_quantize itself is in the table of ops. */
#include "exported_training.h"

#include "mlp.h"
#include "simple_rnn.h"
#include "tcn.h"

static fr_tensor *cross_entropy(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_cross_entropy(y, target, reduction);
}

/* --- Which weights ----------------------------------------------------------------------------------------------- */

static fr_module *make_linear(void)
{
    return fr_nn_linear(5, 3, NULL);
}

static fr_module *make_embedding(void)
{
    return fr_nn_embedding(7, 4, NULL);
}

static fr_module *make_lstm(void)
{
    return fr_nn_lstm(3, 6, &(fr_recurrent_options){ .num_layers = 2, .bidirectional = true, .proj_size = 4 });
}

static fr_module *make_gru(void)
{
    return fr_nn_gru(3, 5, NULL);
}

static fr_module *make_convolutions(void)
{
    return fr_nn_sequential(4, (fr_module *[]){ fr_nn_conv1d(3, 4, 2, NULL), fr_nn_batch_norm1d(4, NULL), fr_nn_relu(),
                                                fr_nn_conv1d(4, 2, 2, NULL) });
}

static fr_module *make_norms(void)
{
    fr_shape shape = FR_SHAPE(4, 3);

    return fr_nn_sequential(4, (fr_module *[]){ fr_nn_layer_norm(shape, NULL), fr_nn_rms_norm(shape, NULL),
                                                fr_nn_prelu(1, 0.25), fr_nn_linear(3, 3, NULL) });
}

static fr_module *make_tcn(void)
{
    return tcn_new(&(tcn_options){ .variables = 3, .channels = 6, .blocks = 2, .kernel = 3, .classes = 4 });
}

static const struct {
    fr_module *(*make)(void);
    fr_shape x;
    int symbols; /* of x; 0: numbers */
    int count;   /* of weights */
    const char *original;
} modules[] = {
    { make_linear, { 2, { 4, 5 } }, 0, 1, "parametrizations.weight.original" },
    { make_embedding, { 2, { 4, 5 } }, 7, 1, "parametrizations.weight.original" },
    { make_lstm, { 3, { 4, 2, 3 } }, 0, 12, "parametrizations.weight_hr_l1_reverse.original" },
    { make_gru, { 3, { 4, 2, 3 } }, 0, 2, "parametrizations.weight_hh_l0.original" },
    { make_convolutions, { 3, { 2, 3, 6 } }, 0, 2, "3.parametrizations.weight.original" },
    { make_norms, { 3, { 2, 4, 3 } }, 0, 1, "3.parametrizations.weight.original" },
    { make_tcn, { 3, { 2, 9, 3 } }, 0, 6, "head.parametrizations.weight.original" },
};
enum { MODULES = sizeof modules / sizeof *modules };

static fr_tensor *input_of(int i)
{
    return modules[i].symbols ? fr_randint(0, modules[i].symbols, modules[i].x) : fr_randn(modules[i].x);
}

static double int8_loss(fr_module *m, fr_tensor *x)
{
    char path[PATH];
    fr_export_c_report report;

    ck_assert_msg(fr_export_c_with(m, x, in_folder("net.c", path), &(fr_export_c_options){ .int8 = true }, &report),
                  "%s", fr_error_message());
    return report.int8_loss;
}

/* All that an int8 export rounds, and nothing else: its output is then the one that the library has. */
START_TEST(what_int8_rounds_is_rounded)
{
    FR_SCOPE;
    fr_module *m = (fr_manual_seed(3), modules[_i].make());
    fr_tensor *x = input_of(_i), *original;
    double before = int8_loss(m, x);

    ck_assert_double_gt(before, 1e-5);
    ck_assert_int_eq(fr_fake_quantize_weights(m), modules[_i].count);
    original = fr_module_find(m, modules[_i].original);
    ck_assert_msg(original && fr_requires_grad(original), "%s", fr_error_message());
    ck_assert_double_lt(int8_loss(m, x), 1e-6);
    ck_assert(shell("grep -q int8_t '%2$s/net.c'", ""));
    ck_assert_int_eq(fr_fake_quantize_weights(m), -1);
    assert_failed("fake_quantize_weights", "has no weights, or none that is read as it is");
    fr_module_free(m);
}
END_TEST

/* What attention reads of another module stays as it is; a module that looks its weight up by name, too. */
static fr_tensor *forward_by_name(fr_module *self, fr_tensor *x)
{
    return fr_linear(x, fr_module_find(self, "weight"), NULL);
}

START_TEST(what_others_read_stays)
{
    FR_SCOPE;
    fr_module *attention = fr_nn_multihead_attention(4, 2, NULL), *own = fr_module_new("Own", 0, forward_by_name);

    fr_module_param(own, "weight", fr_randn(FR_SHAPE(2, 3)));
    ck_assert_int_eq(fr_fake_quantize_weights(attention), 1);
    ck_assert_ptr_nonnull(fr_module_find(attention, "parametrizations.in_proj_weight.original"));
    ck_assert_ptr_nonnull(fr_module_find(attention, "out_proj.weight"));
    ck_assert_int_eq(fr_fake_quantize_weights(own), -1);
    assert_failed("fake_quantize_weights", "the Own has no weights");
    fr_module_free(attention);
    fr_module_free(own);
}
END_TEST

/* --- Training ---------------------------------------------------------------------------------------------------- */

static void set(fr_module *m, fr_tensor *weight)
{
    FR_NO_GRAD;

    ck_assert_msg(fr_copy(fr_module_find(m, "weight"), fr_detach(weight)), "%s", fr_error_message());
}

/* The gradient is that of a layer whose weight is the rounded one. */
START_TEST(the_gradient_goes_straight_through)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(5, 3, NULL), *rounded = fr_module_clone(m);
    fr_tensor *weight = fr_module_find(m, "weight"), *x = fr_randn(FR_SHAPE(4, 5)), *before = fr_clone(weight);

    set(rounded, fr_fake_quantize(weight));
    ck_assert_int_eq(fr_fake_quantize_weights(m), 1);
    assert_near("y", fr_forward(m, x), fr_forward(rounded, x));
    ck_assert(fr_backward(fr_sum(fr_square(fr_forward(m, x)))));
    ck_assert(fr_backward(fr_sum(fr_square(fr_forward(rounded, x)))));
    assert_near("gradient", fr_grad(weight), fr_grad(fr_module_find(rounded, "weight")));
    ck_assert(fr_equal(weight, before));
    ck_assert(fr_remove_parametrizations(m, "weight"));
    assert_near("removed", fr_module_find(m, "weight"), fr_module_find(rounded, "weight"));
    fr_module_free(m);
    fr_module_free(rounded);
}
END_TEST

static fr_module *make_mlp(void)
{
    return mlp_new(&(mlp_options){ .sizes = { 6, 8, 3 } });
}

static fr_module *make_classifier(void)
{
    return simple_rnn_new(
        &(simple_rnn_options){ .cell = SIMPLE_GRU, .input = 3, .hidden = 5, .output = 3, .layers = 1, .logits = true });
}

static const struct {
    fr_module *(*make)(void);
    fr_loss_function *loss;
    fr_shape x, target;
    int64_t classes;
} models[] = {
    { make_mlp, fr_mse, { 2, { 4, 6 } }, { 2, { 4, 3 } }, 0 },
    { make_classifier, cross_entropy, { 3, { 3, 5, 3 } }, { 1, { 3 } }, 3 },
};
enum { MODELS = sizeof models / sizeof *models };

static job make_job(int i)
{
    job j = { .loss = models[i].loss };

    fr_manual_seed(1);
    j.m = models[i].make();
    for (int k = 0; k < BATCHES; k++) {
        j.x[k] = fr_randn(models[i].x);
        j.target[k] =
            models[i].classes ? fr_randint(0, models[i].classes, models[i].target) : fr_rand(models[i].target);
    }
    return j;
}

static fr_optim *sgd(fr_module *m)
{
    return fr_sgd(m, &(fr_sgd_options){ .lr = 0.02, .momentum = 0.5 });
}

/* The weights that are saved, and trained, are not rounded ones. Where one comes to lie between two integers, C and the
 * library may round it to different ones, after which losses differ by some 1e-5; from this seed it does not happen. */
START_TEST(a_step_in_c_learns_the_same)
{
    FR_SCOPE;
    job j = make_job(_i);
    char path[PATH];

    ck_assert_int_gt(fr_fake_quantize_weights(j.m), 1);
    j.optimiser = sgd(j.m);
    check_trains(&j);
    ck_assert(fr_save(j.m, in_folder("saved.safetensors", path)));
    ck_assert(shell("cd '%2$s' && cmp saved.safetensors weights.safetensors", ""));
    ck_assert(shell("grep -q fake_quantize '%2$s/net.c'", ""));
    free_job(&j);
}
END_TEST

/* After training an int8 export loses nothing; a model that was trained without rounding loses more. */
START_TEST(int8_loses_nothing_after_training)
{
    FR_SCOPE;
    double loss[2];
    char path[PATH];

    for (int rounded = 0; rounded < 2; rounded++) {
        job j = make_job(_i);
        fr_module *again;

        ck_assert(!rounded || fr_fake_quantize_weights(j.m) > 1);
        j.optimiser = sgd(j.m);
        for (int i = 0; i < STEPS; i++)
            train_in_library(&j, i);
        loss[rounded] = int8_loss(j.m, j.x[0]);
        again = models[_i].make();
        ck_assert(!rounded || fr_fake_quantize_weights(again) > 1);
        ck_assert(fr_save(j.m, in_folder("saved.safetensors", path)) && fr_load_into(again, path));
        fr_train(j.m, false);
        fr_train(again, false);
        assert_near("loaded", fr_forward(again, j.x[0]), fr_forward(j.m, j.x[0]));
        fr_module_free(again);
        free_job(&j);
    }
    ck_assert_double_gt(loss[0], 1e-4);
    ck_assert_double_lt(loss[1], 1e-6);
}
END_TEST

START_TEST(int8_in_training_names_the_way)
{
    FR_SCOPE;
    job j = make_job(0);
    char path[PATH];
    fr_export_c_training training = { .loss = j.loss, .target = j.target[0] };

    training.optimiser = j.optimiser = sgd(j.m);
    ck_assert(!fr_export_c_with(j.m, j.x[0], in_folder("net.c", path),
                                &(fr_export_c_options){ .int8 = true, .training = &training }, NULL));
    assert_failed("export_c_with", "int8 is for inference", "fr_fake_quantize_weights trains weights for int8");
    free_job(&j);
}
END_TEST

/* A row with a NaN or an infinity is NaN in C, too; the others are what they were. */
START_TEST(rows_that_are_not_finite)
{
    FR_SCOPE;
    static const char main_c[] = "#include \"net.h\"\n#include <stdio.h>\n"
                                 "int main(void)\n{\n    float x[2] = { 1, 1 }, y[4];\n\n    net_run(x, y);\n"
                                 "    return !(y[0] != y[0] && y[1] != y[1] && y[2] == 254 && y[3] == 0);\n}\n";
    fr_module *m = fr_nn_linear(2, 4, &(fr_linear_options){ .no_bias = true });
    const float values[] = { 1, NAN, -INFINITY, 2, 127, 127, 0, 0 };
    char path[PATH];
    FILE *f = fopen(in_folder("main.c", path), "w");

    ck_assert(f && fputs(main_c, f) >= 0 && fclose(f) == 0);
    set(m, fr_tensor_from(FR_SHAPE(4, 2), values, FR_F32));
    int8_loss(m, fr_ones(FR_SHAPE(2)));
    ck_assert(shell("%s " STRICT " -o '%2$s/net' '%2$s/main.c' '%2$s/net.c' -lm", compiler("CC", "cc")));
    ck_assert(shell("%2$s/net", ""));
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *rounded = tcase_create("rounded");

    tcase_set_timeout(rounded, 60);
    tcase_add_checked_fixture(rounded, make_folder, remove_folder);
    tcase_add_loop_test(rounded, what_int8_rounds_is_rounded, 0, MODULES);
    tcase_add_test(rounded, what_others_read_stays);
    tcase_add_test(rounded, the_gradient_goes_straight_through);
    tcase_add_loop_test(rounded, a_step_in_c_learns_the_same, 0, MODELS);
    tcase_add_loop_test(rounded, int8_loses_nothing_after_training, 0, MODELS);
    tcase_add_test(rounded, int8_in_training_names_the_way);
    tcase_add_test(rounded, rows_that_are_not_finite);
    return run_tests("fake_quantize", rounded);
}
