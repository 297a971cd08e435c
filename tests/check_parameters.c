/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Parameters that are shared by modules, frozen or averaged: compared with PyTorch (golden/make_parameters.py). */
#include "golden.h"

#include <stdio.h>
#include <unistd.h>

/* --- The model of make_parameters.py ------------------------------------------------------------------------------ */

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    return fr_forward(fr_module_at(m, 1), fr_tanh(fr_forward(fr_module_at(m, 0), x)));
}

typedef struct {
    fr_tensor *weight, *bias;
} affine;

static fr_tensor *affine_forward(fr_module *m, fr_tensor *x)
{
    const affine *a = fr_self(m);

    return fr_linear(x, a->weight, a->bias);
}

/* Makes a linear layer with this weight; NULL: with its own. Values are drawn as for PyTorch's nn.Linear(3, 3). */
static fr_module *affine_new(fr_tensor *weight)
{
    fr_module *m = fr_module_new("Linear", sizeof(affine), affine_forward);
    affine *a = fr_self(m);
    fr_tensor *drawn = fr_init_kaiming_uniform(fr_zeros(FR_SHAPE(3, 3)), &(fr_kaiming_options){ .a = sqrt(5) });

    a->weight = fr_module_param(m, "weight", weight ? weight : drawn);
    a->bias = fr_module_param(m, "bias", fr_init_uniform(fr_zeros(FR_SHAPE(3)), -1 / sqrt(3), 1 / sqrt(3)));
    return m;
}

/* Makes the model; its children first and second share their weight. */
static fr_module *model_new(void)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Model", 0, forward), *first = fr_module_add(m, "first", affine_new(NULL));

    fr_module_add(m, "second", affine_new(fr_module_find(first, "weight")));
    fr_module_buffer(m, "mean", fr_zeros(FR_SHAPE(2)));
    fr_module_buffer(m, "count", fr_cast(fr_zeros(FR_SHAPE(2)), FR_I64));
    return m;
}

/* Gives all parameters and buffers new values, as average() in make_parameters.py does. */
static void change(fr_module *m, uint64_t seed)
{
    FR_SCOPE;
    FR_NO_GRAD;
    int n;
    fr_tensor *const *parameters = fr_module_parameters(m, &n);

    fr_manual_seed(seed);
    for (int i = 0; i < n; i++)
        fr_init_uniform(parameters[i], -1, 1);
    fr_init_uniform(fr_module_find(m, "mean"), -1, 1);
    fr_copy(fr_module_find(m, "count"), fr_randint(-50, 50, FR_SHAPE(2)));
}

/* --- Shared and frozen -------------------------------------------------------------------------------------------- */

static void compare_state(const golden *g, const char *prefix, fr_module *m, double rtol)
{
    int n;
    const fr_named_tensor *state = fr_module_state(m, &n);

    for (int i = 0; i < n; i++) {
        char key[96];

        snprintf(key, sizeof key, "%s%s", prefix, state[i].name);
        check(g, key, state[i].tensor, rtol, rtol);
    }
}

/* A frozen parameter does not change, although it has an old gradient. Unfrozen, its training continues. */
START_TEST(trains_as_pytorch)
{
    golden g = open_golden("parameters", FR_F32, "train", _i ? "frozen" : "shared");
    fr_module *m;
    fr_optim *o;
    int n;

    fr_manual_seed(7);
    m = model_new();
    o = fr_sgd(m, &(fr_sgd_options){ .lr = 0.05, .momentum = 0.9 });
    fr_module_parameters(m, &n);
    ck_assert_int_eq(n, 3);
    ck_assert_int_eq(fr_module_count(m), 15);
    for (int step = 0; step < 5; step++) {
        FR_SCOPE;
        bool frozen = _i && (step == 2 || step == 3);
        fr_tensor *bias = fr_module_find(m, "first.bias"), *before;

        if (!frozen)
            fr_optim_zero_grad(o);
        else
            fr_zero_grad(fr_module_find(m, "second.bias"));
        ck_assert(fr_module_freeze(fr_module_at(m, 0), frozen));
        before = frozen ? fr_clone(fr_grad(bias)) : NULL;
        ck_assert(fr_backward(fr_sum(fr_square(fr_forward(m, find(&g, "x"))))));
        ck_assert(!frozen || fr_equal(fr_grad(bias), before));
        ck_assert(fr_optim_step(o));
    }
    compare_state(&g, "", m, 1e-6);
    fr_optim_free(o);
    fr_module_free(m);
    close_golden(&g);
}
END_TEST

START_TEST(a_frozen_model_is_not_recorded)
{
    FR_SCOPE;
    fr_module *m = model_new();

    fr_module_freeze(m, true);
    ck_assert(!fr_wants_grad(fr_forward(m, fr_ones(FR_SHAPE(2, 3)))));
    ck_assert(fr_wants_grad(fr_forward(m, fr_requires_grad(fr_ones(FR_SHAPE(2, 3))))));
    fr_module_free(m);
}
END_TEST

/* --- Averages ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    double decay;
    bool buffers;
} averages[] = { { "slow", 0.9, false }, { "fast", 0.3, false }, { "buffers", 0.9, true } };

START_TEST(averages_as_pytorch)
{
    int which = _i % COUNT(averages);
    golden g = open_golden("parameters", _i / COUNT(averages) ? FR_F64 : FR_F32, "average", averages[which].name);
    fr_module *m = model_new();
    fr_ema *e = fr_ema_new(m, averages[which].decay);

    ck_assert(fr_ema_average_buffers(e, averages[which].buffers));
    for (int step = 0; step < 4; step++) {
        char prefix[8];

        change(m, (uint64_t)step);
        ck_assert(fr_ema_update(e));
        snprintf(prefix, sizeof prefix, "%d.", step);
        if (step != 2)
            compare_state(&g, prefix, fr_ema_module(e), 0);
    }
    fr_ema_free(e);
    fr_module_free(m);
    close_golden(&g);
}
END_TEST

/* Copies the state of m, to compare it later. */
enum { STATE = 6 };
static void take(fr_module *m, fr_tensor **copies)
{
    int n;
    const fr_named_tensor *state = fr_module_state(m, &n);

    ck_assert_int_eq(n, STATE);
    for (int i = 0; i < n; i++)
        copies[i] = fr_clone(fr_detach(state[i].tensor));
}

static bool has(fr_module *m, fr_tensor *const *copies)
{
    int n;
    const fr_named_tensor *state = fr_module_state(m, &n);
    bool same = n == STATE;

    for (int i = 0; same && i < n; i++)
        same = fr_equal(state[i].tensor, copies[i]);
    return same;
}

START_TEST(averages_are_used_and_put_back)
{
    FR_SCOPE;
    fr_module *m = model_new(), *other = model_new(), *averaged;
    fr_ema *e = fr_ema_new(m, 0.5);
    fr_tensor *values[STATE], *means[STATE], *stale = fr_sum(fr_forward(m, fr_ones(FR_SHAPE(1, 3))));

    averaged = fr_module_at(fr_ema_module(e), 0);
    change(m, 1);
    ck_assert(fr_ema_update(e));
    change(m, 2);
    ck_assert(fr_ema_update(e));
    take(m, values);
    take(averaged, means);
    ck_assert(!has(m, means));
    ck_assert(fr_ema_swap(e));
    ck_assert(has(m, means) && has(averaged, values));
    ck_assert(!fr_backward(stale));
    assert_failed("changed");
    ck_assert(!fr_ema_update(e));
    assert_failed("ema_update", "swap them back");
    ck_assert(!fr_ema_copy_to(e, other));
    assert_failed("ema_copy_to", "swap them back");
    ck_assert(fr_ema_swap(e));
    ck_assert(has(m, values) && has(averaged, means));
    ck_assert(fr_ema_copy_to(e, other));
    ck_assert(has(other, means) && has(m, values));
    ck_assert(fr_ema_copy_to(e, m));
    ck_assert(has(m, means));
    fr_ema_free(e);
    fr_module_free(m);
    fr_module_free(other);
}
END_TEST

/* Averages and the number of updates are saved and loaded; then updates continue. */
START_TEST(averages_are_saved)
{
    FR_SCOPE;
    char path[64];
    fr_module *m = model_new();
    fr_ema *e = fr_ema_new(m, 0.5), *loaded = fr_ema_new(m, 0.5);
    fr_tensor *means[STATE];

    snprintf(path, sizeof path, "check_parameters.%ld.tmp", (long)getpid());
    for (int i = 0; i < 2; i++) {
        change(m, (uint64_t)i);
        ck_assert(fr_ema_update(e));
    }
    ck_assert(fr_save(fr_ema_module(e), path));
    ck_assert(fr_load_into(fr_ema_module(loaded), path));
    unlink(path);
    ck_assert_double_eq(fr_item(fr_module_find(fr_ema_module(loaded), "n_averaged")), 2);
    change(m, 5);
    ck_assert(fr_ema_update(e) && fr_ema_update(loaded));
    take(fr_module_at(fr_ema_module(e), 0), means);
    ck_assert(has(fr_module_at(fr_ema_module(loaded), 0), means));
    fr_ema_free(e);
    fr_ema_free(loaded);
    fr_module_free(m);
}
END_TEST

/* Parameters that are not contiguous, and two that overlap: a second swap restores them. An average outlives its model.
 */
START_TEST(any_layout_is_averaged)
{
    FR_SCOPE;
    fr_tensor *all = fr_rand(FR_SHAPE(4, 6)), *before = fr_clone(all);
    fr_module *m = fr_module_new("Views", 0, NULL);
    fr_tensor *gaps = fr_module_param(m, "gaps", fr_slice(all, 1, 0, 6, 2));
    fr_tensor *turned = fr_module_param(m, "turned", fr_transpose(fr_detach(all), 0, 1)), *average;
    fr_ema *e = fr_ema_new(m, 0.75);

    ck_assert(fr_ema_update(e));
    fr_init_zeros(turned);
    ck_assert(fr_ema_update(e));
    average = fr_module_find(fr_ema_module(e), "module.gaps");
    assert_close("average", average, fr_mul_scalar(fr_slice(before, 1, 0, 6, 2), 0.75), 1e-6, 0);
    ck_assert(fr_ema_swap(e));
    assert_close("swapped", turned, fr_mul_scalar(fr_transpose(before, 0, 1), 0.75), 1e-6, 0);
    ck_assert(fr_ema_swap(e));
    ck_assert(fr_equal(gaps, fr_zeros(FR_SHAPE(4, 3))));
    assert_close("average", average, fr_mul_scalar(fr_slice(before, 1, 0, 6, 2), 0.75), 1e-6, 0);
    fr_module_free(m);
    ck_assert(fr_ema_update(e));
    fr_ema_free(e);
}
END_TEST

START_TEST(averages_print_as_pytorch)
{
    static const char expected[] = "AveragedModel(\n"
                                   "  (module): Sequential(\n"
                                   "    (0): Linear(in_features=2, out_features=1, bias=True)\n"
                                   "    (1): Tanh()\n"
                                   "  )\n"
                                   ")\n"
                                   "3 parameters\n";
    fr_module *m = fr_nn_sequential(2, (fr_module *[]){ fr_nn_linear(2, 1, NULL), fr_nn_tanh() });
    fr_ema *e = fr_ema_new(m, 0.999);
    FILE *file = tmpfile();
    char text[512] = "";

    fr_module_fprint(file, fr_ema_module(e));
    rewind(file);
    ck_assert_uint_eq(fread(text, 1, sizeof text - 1, file), sizeof expected - 1);
    ck_assert_str_eq(text, expected);
    fclose(file);
    fr_ema_free(e);
    fr_module_free(m);
}
END_TEST

START_TEST(bad_averages_are_refused)
{
    FR_SCOPE;
    fr_module *m = model_new(), *wide = fr_nn_linear(3, 3, NULL), *made = fr_module_new("Made", 0, NULL);
    fr_module *same_number = fr_nn_sequential(
        3, (fr_module *[]){ fr_nn_linear(1, 1, NULL), fr_nn_linear(1, 1, NULL), fr_nn_linear(1, 1, NULL) });
    fr_ema *e = fr_ema_new(m, 0.5), *of_wide = fr_ema_new(wide, 0.5);
    fr_module *narrow = fr_nn_linear(2, 3, NULL);

    ck_assert_ptr_null(fr_ema_new(NULL, 0.5));
    assert_failed("ema_new", "module is NULL");
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_null(fr_ema_new(m, (double[]){ -0.1, 1.1, NAN }[i]));
        assert_failed("ema_new", "decay is", "0 to 1");
    }
    fr_module_buffer(made, "made", fr_square(fr_module_find(m, "first.weight")));
    ck_assert_ptr_null(fr_ema_new(made, 0.5));
    assert_failed("ema_new", "\"made\" is a result of square");
    ck_assert(!fr_ema_copy_to(e, wide));
    assert_failed("ema_copy_to", "2 parameters and buffers", "has 6");
    ck_assert(!fr_ema_copy_to(e, same_number));
    assert_failed("ema_copy_to", "\"0.weight\"", "\"mean\"");
    ck_assert(!fr_ema_copy_to(of_wide, narrow));
    assert_failed("ema_copy_to", "\"weight\" is float32 (3, 2), expected float32 (3, 3)");
    ck_assert(!fr_ema_copy_to(e, NULL));
    assert_failed("ema_copy_to", "module is NULL");
    ck_assert(!fr_ema_update(NULL) && !fr_ema_swap(NULL) && !fr_ema_average_buffers(NULL, true) &&
              !fr_ema_copy_to(NULL, m) && !fr_ema_module(NULL));
    assert_failed("ema_update", "NULL");
    fr_ema_free(NULL);
    fr_ema_free(e);
    fr_ema_free(of_wide);
    fr_module_free(m);
    fr_module_free(wide);
    fr_module_free(narrow);
    fr_module_free(made);
    fr_module_free(same_number);
}
END_TEST

int main(void)
{
    TCase *training = tcase_create("training"), *averaging = tcase_create("averages");

    tcase_add_loop_test(training, trains_as_pytorch, 0, 2);
    tcase_add_test(training, a_frozen_model_is_not_recorded);
    tcase_add_loop_test(averaging, averages_as_pytorch, 0, 2 * COUNT(averages));
    tcase_add_test(averaging, averages_are_used_and_put_back);
    tcase_add_test(averaging, averages_are_saved);
    tcase_add_test(averaging, any_layout_is_averaged);
    tcase_add_test(averaging, averages_print_as_pytorch);
    tcase_add_test(averaging, bad_averages_are_refused);
    return run_tests("parameters", training, averaging);
}
