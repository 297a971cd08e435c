/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Batch normalisation in a training step that is written as C: by the statistics of each batch, while the running ones
 * move in the caller's memory. */
#include "exported_training.h"

#include <frond/op.h>

/* --- The models -------------------------------------------------------------------------------------------------- */

static fr_tensor *cross_entropy(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_cross_entropy(y, target, reduction);
}

static fr_module *norm1d(int64_t channels, const fr_nn_batch_norm_options *o)
{
    return fr_nn_batch_norm1d(channels, o);
}

/* With each option in some layer. */
static fr_module *make_mlp(void)
{
    return fr_nn_sequential(
        7, (fr_module *[]){ fr_nn_linear(6, 8, NULL), norm1d(8, NULL), fr_nn_relu(), fr_nn_linear(8, 7, NULL),
                            norm1d(7, &(fr_nn_batch_norm_options){ .momentum = 0.3, .eps = 0.01, .no_bias = true }),
                            fr_nn_tanh(), fr_nn_linear(7, 3, NULL) });
}

/* Inputs far from zero; the last layer has no running statistics, so that evaluation takes the batch's, too. */
static fr_module *make_plain(void)
{
    fr_nn_batch_norm_options first = { .no_affine = true, .momentum = 1 }, last = { .no_track_running_stats = true };

    return fr_nn_sequential(
        4, (fr_module *[]){ norm1d(6, &first), fr_nn_linear(6, 5, NULL), norm1d(5, &last), fr_nn_linear(5, 3, NULL) });
}

static fr_module *make_convnet(void)
{
    return fr_nn_sequential(8, (fr_module *[]){ fr_nn_conv2d(2, 4, FR_SHAPE(3, 3), NULL), fr_nn_batch_norm2d(4, NULL),
                                                fr_nn_relu(), fr_nn_conv2d(4, 3, FR_SHAPE(2, 2), NULL),
                                                fr_nn_batch_norm2d(3, &(fr_nn_batch_norm_options){ .momentum = 0.4 }),
                                                fr_nn_relu(), fr_nn_flatten(1, -1), fr_nn_linear(3 * 2 * 2, 4, NULL) });
}

/* x (N,C,L), given to batch_norm as a transposed view; the layer runs twice, so that its statistics move twice. */
static fr_tensor *forward_twice(fr_module *self, fr_tensor *x)
{
    fr_module *norm = fr_module_at(self, 0);

    x = fr_forward(norm, fr_transpose(x, 1, 2));
    x = fr_forward(norm, fr_square(x));
    return fr_forward(fr_module_at(self, 1), fr_transpose(x, 1, 2));
}

static fr_module *make_twice(void)
{
    fr_module *m = fr_module_new("Twice", 0, forward_twice);

    fr_module_add(m, "norm", fr_nn_batch_norm1d(3, NULL));
    fr_module_add(m, "head", fr_nn_linear(3, 2, NULL));
    return m;
}

/* The output of the second layer is not used, but its statistics move. */
static fr_tensor *forward_aside(fr_module *self, fr_tensor *x)
{
    x = fr_forward(fr_module_at(self, 0), x);
    fr_forward(fr_module_at(self, 1), x);
    return x;
}

static fr_module *make_aside(void)
{
    fr_module *m = fr_module_new("Aside", 0, forward_aside);

    fr_module_add(m, "norm", fr_nn_batch_norm1d(6, NULL));
    fr_module_add(m, "aside", norm1d(6, &(fr_nn_batch_norm_options){ .no_affine = true }));
    return m;
}

static const struct {
    fr_module *(*make)(void);
    fr_loss_function *loss;
    fr_shape x, target;
    int64_t classes; /* 0: numbers */
    double mean;     /* of x */
    int counts;      /* layers that count their batches */
    int64_t accumulate;
} models[] = {
    { make_mlp, fr_mse, { 2, { 5, 6 } }, { 2, { 5, 3 } }, 0, 0, 2, 0 },
    { make_mlp, fr_mse, { 2, { 5, 6 } }, { 2, { 5, 3 } }, 0, 0, 2, 3 },
    { make_plain, cross_entropy, { 2, { 7, 6 } }, { 1, { 7 } }, 3, 10, 1, 0 },
    { make_convnet, cross_entropy, { 4, { 3, 2, 5, 5 } }, { 1, { 3 } }, 4, 0, 2, 0 },
    { make_twice, fr_mse, { 3, { 2, 4, 3 } }, { 3, { 2, 4, 2 } }, 0, 1, 1, 0 },
    { make_aside, fr_mse, { 2, { 4, 6 } }, { 2, { 4, 6 } }, 0, 1, 2, 0 },
};
enum { MODELS = sizeof models / sizeof *models };

static job make_job(int i)
{
    job j = { .loss = models[i].loss, .accumulate = models[i].accumulate };

    fr_manual_seed(1);
    j.m = models[i].make();
    for (int k = 0; k < BATCHES; k++) {
        j.x[k] = fr_add_scalar(fr_randn(models[i].x), models[i].mean);
        j.target[k] =
            models[i].classes ? fr_randint(0, models[i].classes, models[i].target) : fr_rand(models[i].target);
    }
    j.optimiser = fr_sgd(j.m, &(fr_sgd_options){ .lr = 0.02, .momentum = 0.5 });
    return j;
}

/* --- Learning ---------------------------------------------------------------------------------------------------- */

/* After four batches in the library, whose statistics are the ones to begin with. Afterwards the library's module has
 * what the C program has saved: all of it, and each count of batches. */
START_TEST(statistics_move_the_same)
{
    FR_SCOPE;
    char path[PATH];
    job j = make_job(_i);
    fr_export_c_report report;
    const fr_named_tensor *state;
    int n, counts = 0;

    for (int i = 0; i < 3; i++)
        fr_forward(j.m, j.x[i]);
    check_trains(&j);
    state = fr_module_state(j.m, &n);
    for (int i = 0; i < n; i++)
        if (fr_dtype_of(state[i].tensor) == FR_I64) {
            ck_assert_int_eq((int64_t)fr_item(state[i].tensor), (4 + STEPS) * (models[_i].make == make_twice ? 2 : 1));
            counts++;
        }
    ck_assert_int_eq(counts, models[_i].counts);
    ck_assert(fr_save(j.m, in_folder("saved.safetensors", path)));
    ck_assert(shell("cd '%2$s' && cmp saved.safetensors weights.safetensors", ""));
    fr_train(j.m, true);
    ck_assert(export_job(&j, &report));
    ck_assert_int_eq(report.file_bytes % 8, report.trained_bytes % 8);
    free_job(&j);
}
END_TEST

/* The module's buffers and the generator are as they were, and so is the text at the next export. */
START_TEST(the_module_stays_as_it_was)
{
    FR_SCOPE;
    job j = make_job(0);
    fr_tensor *mean = fr_module_find(j.m, "1.running_mean"), *count = fr_module_find(j.m, "1.num_batches_tracked");
    fr_tensor *before;

    fr_forward(j.m, j.x[0]);
    before = fr_clone(mean);
    ck_assert(export_job(&j, NULL));
    ck_assert(shell("cd '%2$s' && mv net.c first.c && mv net.h first.h", ""));
    ck_assert(export_job(&j, NULL));
    ck_assert(shell("cd '%2$s' && cmp net.c first.c && cmp net.h first.h", ""));
    assert_near("mean", mean, before);
    ck_assert(fr_item(count) == 1 && fr_module_training(j.m));
    free_job(&j);
}
END_TEST

/* Fine-tuning: a layer in evaluation keeps its statistics, and its weights are trained or frozen; the others move. */
START_TEST(a_layer_in_evaluation_stays)
{
    FR_SCOPE;
    job j = make_job(_i < 2 ? 0 : 3);
    char path[PATH];
    fr_export_c_report report;
    fr_tensor *mean = fr_module_find(j.m, "1.running_mean"), *before;

    for (int i = 0; i < 3; i++)
        fr_forward(j.m, j.x[i]);
    before = fr_clone(mean);
    fr_train(fr_module_at(j.m, 1), false);
    ck_assert(fr_module_freeze(fr_module_at(j.m, 1), _i % 2));
    ck_assert(export_job(&j, &report));
    ck_assert(shell("grep -q 'net_4_running_mean\\[' '%2$s/net.h' && ! grep -q net_1_running '%2$s/net.h'", ""));
    ck_assert_int_ne(shell("grep -q net_1_weight '%2$s/net.h'", ""), _i % 2);
    check_trains(&j);
    assert_near("mean", mean, before);
    ck_assert_ptr_nonnull(in_folder("net.c", path));
    free_job(&j);
}
END_TEST

/* A batch normalisation that no gradient reaches: x is its input, and its weights are frozen. */
START_TEST(the_first_layer_can_be_frozen)
{
    FR_SCOPE;
    job j = make_job(2);

    ck_assert(fr_module_freeze(fr_module_at(j.m, 1), true));
    check_trains(&j);
    free_job(&j);
}
END_TEST

/* --- Failures ---------------------------------------------------------------------------------------------------- */

/* Its momentum is another one in each step. In evaluation it is as any other. */
START_TEST(a_cumulative_average_is_refused)
{
    FR_SCOPE;
    job j = mlp_job();

    fr_module_free(j.m);
    j.m = fr_nn_sequential(
        2, (fr_module *[]){ norm1d(6, &(fr_nn_batch_norm_options){ .cumulative = true }), fr_nn_linear(6, 3, NULL) });
    j.optimiser = fr_adam(j.m, NULL);
    ck_assert(!export_job(&j, NULL));
    assert_failed("batch_norm1d", "cannot be exported in training", "a cumulative average has another momentum");
    ck_assert(fr_item(fr_module_find(j.m, "0.num_batches_tracked")) == 0 && !is_there("net.c"));
    fr_forward(j.m, j.x[0]);
    fr_train(fr_module_at(j.m, 0), false);
    check_trains(&j);
    free_job(&j);
}
END_TEST

/* Statistics that the module does not list as buffers, that lie in another tensor, or that are written again by hand.
 */
static fr_tensor *hidden;
static fr_tensor *normalise_by_hand(fr_module *self, fr_tensor *x)
{
    fr_tensor *mean = hidden ? hidden : fr_module_find(self, "mean"), *variance = fr_module_find(self, "variance");

    if (fr_module_training(self) && fr_module_children(self) > 1)
        fr_copy(mean, fr_mul_scalar(mean, 2));
    x = fr_batch_norm(x, mean, variance, NULL, NULL, &(fr_batch_norm_options){ .training = fr_module_training(self) });
    return fr_forward(fr_module_at(self, 0), x);
}

START_TEST(other_changes_are_refused)
{
    FR_SCOPE;
    static const char *const errors[] = {
        "a step in training changes a tensor in place that is no buffer of the module",
        "buffer \"mean\" is a part of another tensor",
        "a step in training changes buffer \"mean\" in place, which has no C form",
    };
    job j = mlp_job();
    fr_module *m = fr_module_new("ByHand", 0, normalise_by_hand);
    fr_tensor *pair = fr_ones(FR_SHAPE(2, 6));

    fr_module_add(m, "net", j.m);
    if (_i == 2)
        fr_module_add(m, "more", fr_nn_relu());
    fr_module_buffer(m, "mean", _i == 1 ? fr_select(pair, 0, 1) : fr_ones(FR_SHAPE(6)));
    fr_module_buffer(m, "variance", fr_ones(FR_SHAPE(6)));
    hidden = _i == 0 ? fr_zeros(FR_SHAPE(6)) : NULL;
    j.m = m;
    j.optimiser = fr_adam(j.m, NULL);
    ck_assert(!export_job(&j, NULL));
    assert_failed("export_c_with", errors[_i]);
    ck_assert(!is_there("net.c") && !is_there("net.h"));
    hidden = NULL;
    free_job(&j);
}
END_TEST

/* By hand it is as the layer, if nothing else is done. */
START_TEST(any_buffer_will_do)
{
    FR_SCOPE;
    job j = mlp_job();
    fr_module *m = fr_module_new("ByHand", 0, normalise_by_hand);

    fr_module_add(m, "net", j.m);
    fr_module_buffer(m, "mean", fr_ones(FR_SHAPE(6)));
    fr_module_buffer(m, "variance", fr_ones(FR_SHAPE(6)));
    j.m = m;
    j.optimiser = fr_adamw(j.m, &(fr_adamw_options){ .lr = 3e-3 });
    check_trains(&j);
    free_job(&j);
}
END_TEST

int main(void)
{
    TCase *exported = tcase_create("exported");

    tcase_set_timeout(exported, 60);
    tcase_add_checked_fixture(exported, make_folder, remove_folder);
    tcase_add_loop_test(exported, statistics_move_the_same, 0, MODELS);
    tcase_add_test(exported, the_module_stays_as_it_was);
    tcase_add_loop_test(exported, a_layer_in_evaluation_stays, 0, 4);
    tcase_add_test(exported, the_first_layer_can_be_frozen);
    tcase_add_test(exported, a_cumulative_average_is_refused);
    tcase_add_loop_test(exported, other_changes_are_refused, 0, 3);
    tcase_add_test(exported, any_buffer_will_do);
    return run_tests("export_batch_norm", exported);
}
