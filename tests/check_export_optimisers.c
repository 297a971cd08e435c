/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training step written as C: its optimisers, what is not trained, and what is refused. */
#include "exported_training.h"

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
enum { OPTIMISERS = sizeof optimisers / sizeof *optimisers };

START_TEST(an_optimiser_steps_the_same)
{
    FR_SCOPE;
    job j = mlp_job();

    j.optimiser = optimisers[_i](j.m);
    check_trains(&j);
    free_job(&j);
}
END_TEST

static fr_tensor *minus_mse(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_neg(fr_mse(y, target, reduction));
}

/* The loss that falls is that of the negated gradients. */
START_TEST(maximising_goes_up)
{
    FR_SCOPE;
    job j = mlp_job();
    fr_export_c_report report;
    static float up[STEPS], down[STEPS], y[MOST];

    for (int k = 0; k < 2; k++) {
        j.loss = k ? minus_mse : fr_mse;
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
    job j = mlp_job();

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
    job j = mlp_job();
    fr_export_c_report report;

    for (int i = 0; i < 2; i++)
        ck_assert(fr_module_freeze(fr_module_at(j.m, 2 * i), true));
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
    job j = mlp_job();
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
    job j = mlp_job();

    fr_module_free(j.m);
    j.m = fr_nn_sequential(
        3, (fr_module *[]){ fr_nn_linear(6, 5, NULL), fr_nn_batch_norm1d(5, NULL), fr_nn_linear(5, 3, NULL) });
    fr_forward(j.m, fr_randn(FR_SHAPE(20, 6)));
    fr_train(j.m, false);
    j.optimiser = adam(j.m);
    check_trains(&j);
    free_job(&j);
}
END_TEST

/* --- Failures ---------------------------------------------------------------------------------------------------- */

static fr_tensor *not_scalar(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    (void)reduction;
    return fr_mse(y, target, FR_NONE);
}

static fr_tensor *constant(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    (void)y;
    (void)reduction;
    return fr_mean(target);
}

static fr_tensor *weighted(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_cross_entropy_with(y, fr_cast(fr_select(target, 1, 0), FR_I64),
                                 &(fr_cross_entropy_options){ .weight = fr_ones(FR_SHAPE(3)), .reduction = reduction });
}

START_TEST(bad_options_are_named)
{
    FR_SCOPE;
    job j = mlp_job();
    fr_module *other = fr_nn_linear(2, 2, NULL);
    fr_optim *good = adam(j.m), *foreign = adam(other), *rmsprop = fr_rmsprop(j.m, NULL);
    fr_tensor *doubles = fr_cast(j.target[0], FR_F64), *target = j.target[0], *none = fr_zeros(FR_SHAPE(0));
    const struct {
        fr_export_c_training training;
        const char *error;
    } bad[] = {
        { { .target = target, .optimiser = good }, "training.loss is NULL" },
        { { .loss = fr_mse, .optimiser = good }, "training.target" },
        { { .loss = fr_mse, .target = target }, "training.optimiser" },
        { { .loss = fr_mse, .target = doubles, .optimiser = good }, "training.target is float64" },
        { { .loss = fr_mse, .target = none, .optimiser = good }, "training.target has no values" },
        { { .loss = fr_mse, .target = target, .optimiser = good, .accumulate = -1 }, "training.accumulate is -1" },
        { { .loss = fr_mse, .target = target, .optimiser = good, .reserved = { target } }, "reserved[0]" },
        { { .loss = fr_mse, .target = target, .optimiser = rmsprop }, "optimiser rmsprop has no C form" },
        { { .loss = fr_mse, .target = target, .optimiser = foreign }, "\"weight\" is not in the module" },
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
    ck_assert(!fr_export_c_with(
        j.m, j.x[0], path,
        &(fr_export_c_options){
            .int8 = true, .training = &(fr_export_c_training){ .loss = fr_mse, .target = target, .optimiser = good } },
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

static fr_tensor *count_calls(fr_module *self, fr_tensor *x)
{
    fr_tensor *calls = fr_module_find(self, "calls");

    if (fr_module_training(self))
        fr_copy(calls, fr_add_scalar(calls, 1));
    return fr_forward(fr_module_at(self, 0), x);
}

/* In evaluation it is not changed, and the module can be trained so. */
START_TEST(a_buffer_that_a_step_changes_is_named)
{
    FR_SCOPE;
    job j = mlp_job();
    fr_module *counting = fr_module_new("Counting", 0, count_calls);

    fr_module_add(counting, "net", j.m);
    fr_module_buffer(counting, "calls", fr_zeros(FR_SHAPE(1)));
    j.m = counting;
    j.optimiser = adam(j.m);
    ck_assert(!export_job(&j, NULL));
    assert_failed("export_c_with", "a step in training changes buffer \"calls\" in place");
    ck_assert(fr_at(fr_module_find(j.m, "calls"), 0) == 0);
    fr_train(j.m, false);
    check_trains(&j);
    free_job(&j);
}
END_TEST

int main(void)
{
    TCase *exported = tcase_create("exported");

    tcase_set_timeout(exported, 60);
    tcase_add_checked_fixture(exported, make_folder, remove_folder);
    tcase_add_loop_test(exported, an_optimiser_steps_the_same, 0, OPTIMISERS);
    tcase_add_loop_test(exported, maximising_goes_up, 0, 2);
    tcase_add_loop_test(exported, gradients_of_several_calls_add_up, 0, OPTIMISERS);
    tcase_add_test(exported, frozen_layers_cost_nothing);
    tcase_add_test(exported, what_no_gradient_reaches_stays);
    tcase_add_test(exported, batch_norm_in_evaluation_is_trained);
    tcase_add_test(exported, bad_options_are_named);
    tcase_add_test(exported, a_buffer_that_a_step_changes_is_named);
    return run_tests("export_optimisers", exported);
}
