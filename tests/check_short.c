/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Short forms do what their long forms do: lists, loops over batches, owners, modules as a whole, fr_fit. */
#include "testing.h"

#include <stdio.h>

/* --- Lists -------------------------------------------------------------------------------------------------------- */

static int made;

static fr_tensor *make(double value)
{
    made++;
    return fr_full(FR_SHAPE(1, 2), value);
}

/* Arguments are evaluated once, also where lists nest. */
START_TEST(lists_need_no_counts)
{
    FR_SCOPE;
    fr_tensor *a = make(1), *b = make(2), *three = FR_CAT(0, a, b, FR_CAT(0, make(3)));

    ck_assert_int_eq(made, 3);
    ck_assert(fr_equal(three, fr_cat((fr_tensor *[]){ a, b, fr_full(FR_SHAPE(1, 2), 3) }, 3, 0)));
    ck_assert(fr_equal(FR_STACK(-1, a, b), fr_stack((fr_tensor *[]){ a, b }, 2, -1)));
    assert_refused(FR_CAT(0, a, fr_ones(FR_SHAPE(1, 3))), "cat: ", __FILE__);

    FR_AUTO(fr_module) m = FR_SEQUENTIAL(fr_nn_linear(2, 3, NULL), FR_SEQUENTIAL(fr_nn_tanh(), fr_nn_relu()));
    FR_AUTO(fr_module) list = FR_MODULE_LIST(fr_nn_tanh());

    ck_assert_int_eq(fr_module_children(m), 2);
    ck_assert_int_eq(fr_module_children(fr_module_at(m, 1)), 2);
    ck_assert_str_eq(fr_module_type(list), "ModuleList");
    ck_assert_int_eq(fr_module_children(list), 1);
}
END_TEST

/* --- Batches ------------------------------------------------------------------------------------------------------ */

static fr_loader *loader_of(int64_t rows, int64_t batch_size)
{
    FR_SCOPE;
    fr_tensor *x = fr_arange(0, (double)rows, 1, FR_F32), *y = fr_mul_scalar(x, 10), *z = fr_neg(x), *w = fr_square(x);

    return fr_loader_new(FR_TENSORS(x, y, z, w), &(fr_loader_options){ .batch_size = batch_size });
}

static double first_until(fr_loader *loader, double value)
{
    FR_FOR_BATCHES (loader, x, y, z, w) {
        ck_assert(fr_item(y) == 10 * fr_item(x) && fr_item(z) == -fr_item(x) && fr_item(w) == fr_item(x) * fr_item(x));
        fr_add(x, y); /* held by the step's scope alone */
        if (fr_item(x) == value)
            return fr_item(y);
    }
    return -1;
}

/* Each way out of a step ends its scope, and each way out of the loop lets the next one begin anew. */
START_TEST(batches_are_left_by_any_exit)
{
    FR_SCOPE;
    FR_AUTO(fr_loader) loader = loader_of(5, 1);
    size_t tensors = fr_live_tensors();
    int steps = 0, rows = 0;

    for (int epoch = 0; epoch < 2; epoch++)
        FR_FOR_BATCHES (loader, x) {
            ck_assert(fr_item(x) == steps++ % 5);
            fr_neg(x);
            ck_assert_uint_le(fr_live_tensors(), tensors + 5);
        }
    ck_assert_int_eq(steps, 10);
    FR_FOR_BATCHES (loader, x, y) {
        fr_add(x, y);
        if (fr_item(x) == 1)
            continue;
        if (fr_item(x) == 3)
            break;
        rows++;
    }
    ck_assert_int_eq(rows, 2);
    ck_assert(first_until(loader, 2) == 20);
    ck_assert(first_until(loader, 0) == 0);
    ck_assert(first_until(loader, 9) == -1);
    FR_AUTO(fr_loader) other = loader_of(2, 1);
    steps = 0;
    FR_FOR_BATCHES (loader, x, y, z)
        FR_FOR_BATCHES (other, inner)
            steps += x && y && z && inner;
    ck_assert_int_eq(steps, 10);
    ck_assert(fr_scope_begin() == 1); /* no scope was left open */
    fr_scope_end(1);
}
END_TEST

/* A loop goes on where fr_loader_next stopped, so that a run that was resumed does. */
START_TEST(batches_begin_where_the_loader_is)
{
    FR_AUTO(fr_loader) loader = loader_of(5, 1);
    int steps = 0;

    ck_assert_ptr_nonnull(fr_loader_next(loader));
    FR_FOR_BATCHES (loader, x)
        steps += x != NULL;
    ck_assert_int_eq(steps, 4);
}
END_TEST

START_TEST(bad_batches_are_refused)
{
    FR_SCOPE;
    FR_AUTO(fr_loader) loader = fr_loader_new(FR_TENSORS(fr_ones(FR_SHAPE(3))), NULL);
    int steps = 0, line;

    line = __LINE__ + 1;
    FR_FOR_BATCHES (loader, x, y)
        steps += x && y;
    ck_assert_int_eq(steps, 0);
    char place[200];
    snprintf(place, sizeof place, "%s:%d", __FILE__, line);
    assert_failed("loader_next_of: 2 tensors asked for, but the loader's batches have 1", place);
    FR_FOR_BATCHES (NULL, x)
        steps += x != NULL;
    assert_failed("loader_next_of: loader is NULL");
}
END_TEST

/* --- Steps -------------------------------------------------------------------------------------------------------- */

static int first_above(double limit)
{
    FR_FOR_STEPS (step, 10) {
        fr_tensor *t = fr_scalar(step);

        if (fr_item(t) > limit)
            return step;
    }
    return -1;
}

/* Each way out of a step ends its scope; one loop stands in another. */
START_TEST(steps_are_left_by_any_exit)
{
    FR_SCOPE;
    size_t tensors = fr_live_tensors();
    int steps = 0, sum = 0;

    FR_FOR_STEPS (step, 3)
        FR_FOR_STEPS (inner, 4) {
            fr_ones(FR_SHAPE(2));
            ck_assert_uint_eq(fr_live_tensors(), tensors + 1);
            if (inner == 1)
                continue;
            if (inner == 3)
                break;
            steps++;
            sum += 10 * step + inner;
        }
    ck_assert_uint_eq(fr_live_tensors(), tensors);
    ck_assert_int_eq(steps, 6);
    ck_assert_int_eq(sum, 66);
    ck_assert_int_eq(first_above(3.5), 4);
    ck_assert_int_eq(first_above(99), -1);
    FR_FOR_STEPS (none, 0)
        ck_abort_msg("step %d of none", none);
    ck_assert(fr_scope_begin() == 1); /* no scope was left open */
    fr_scope_end(1);
}
END_TEST

/* --- Owners ------------------------------------------------------------------------------------------------------- */

static fr_tensor *kept(bool early)
{
    FR_SCOPE;
    FR_AUTO(fr_module) m = fr_nn_linear(2, 2, NULL);
    FR_AUTO(fr_optim) o = fr_adam(m, NULL);
    FR_AUTO(fr_scheduler) s = fr_exponential_lr(o, 0.5);
    FR_AUTO(fr_ema) e = fr_ema_new(m, 0.9);
    FR_AUTO(fr_loader) none = NULL;
    FR_AUTO(fr_progress) p = fr_progress_new("x", 1, &(fr_progress_options){ .quiet = true });
    FR_AUTO(fr_tensor) t = fr_ref(fr_ones(FR_SHAPE(3)));

    ck_assert(s && e && p && !none);
    if (early)
        return fr_escape(t);
    return fr_escape(fr_neg(t));
}

/* end_test finds what is not freed. */
START_TEST(owners_free_at_any_exit)
{
    FR_SCOPE;

    ck_assert(fr_at(kept(true), 0) == 1);
    ck_assert(fr_at(kept(false), 0) == -1);
}
END_TEST

/* --- Modules as a whole ------------------------------------------------------------------------------------------- */

static fr_module *net(uint64_t seed, int64_t width)
{
    fr_manual_seed(seed);
    return FR_SEQUENTIAL(fr_nn_linear(2, width, NULL), fr_nn_batch_norm1d(width, NULL), fr_nn_linear(width, 3, NULL));
}

START_TEST(modules_are_copied_mixed_and_scaled)
{
    FR_SCOPE;
    FR_AUTO(fr_module) a = net(1, 4);
    FR_AUTO(fr_module) b = net(2, 4);
    FR_AUTO(fr_module) before = fr_module_clone(a);
    int n;

    fr_forward(b, fr_randn(FR_SHAPE(5, 2))); /* moves its statistics */
    ck_assert(fr_module_lerp(a, b, 0.25));

    const fr_named_tensor *now = fr_module_state(a, &n), *old = fr_module_state(before, &n),
                          *to = fr_module_state(b, &n);

    for (int i = 0; i < n; i++)
        if (fr_dtype_of(now[i].tensor) == FR_I64)
            ck_assert(fr_equal(now[i].tensor, to[i].tensor));
        else
            assert_close(
                now[i].name, fr_detach(now[i].tensor),
                fr_add(fr_mul_scalar(fr_detach(old[i].tensor), 0.75), fr_mul_scalar(fr_detach(to[i].tensor), 0.25)),
                1e-6, 1e-7);
    ck_assert(fr_module_copy(a, b));
    for (int i = 0; i < n; i++)
        ck_assert(fr_equal(now[i].tensor, to[i].tensor));
    ck_assert(fr_module_scale(a, -2));
    ck_assert(fr_equal(fr_module_find(a, "0.weight"), fr_mul_scalar(fr_module_find(b, "0.weight"), -2)));
    ck_assert(fr_equal(fr_module_find(a, "1.running_mean"), fr_module_find(b, "1.running_mean")));
    ck_assert(fr_wants_grad(fr_module_find(a, "0.weight")) && fr_is_leaf(fr_module_find(a, "0.weight")));
}
END_TEST

/* A tied parameter moves once. */
START_TEST(tied_parameters_move_once)
{
    FR_SCOPE;
    FR_AUTO(fr_module) a = FR_SEQUENTIAL(fr_nn_linear(2, 2, NULL), fr_nn_linear(2, 2, NULL));
    FR_AUTO(fr_module) b = FR_SEQUENTIAL(fr_nn_linear(2, 2, NULL), fr_nn_linear(2, 2, NULL));

    fr_module_share(a, "1.weight", fr_module_find(a, "0.weight"));
    fr_module_share(b, "1.weight", fr_module_find(b, "0.weight"));
    fr_init_zeros(fr_module_find(a, "0.weight"));
    fr_init_ones(fr_module_find(b, "0.weight"));
    ck_assert(fr_module_lerp(a, b, 0.5));
    ck_assert(fr_at(fr_module_find(a, "0.weight"), 0) == 0.5);
    ck_assert(fr_module_scale(a, 3));
    ck_assert(fr_at(fr_module_find(a, "1.weight"), 3) == 1.5);
}
END_TEST

START_TEST(the_norm_of_gradients)
{
    FR_SCOPE;
    FR_AUTO(fr_module) m = fr_nn_linear(2, 1, &(fr_linear_options){ .no_bias = true });
    fr_tensor *weight = fr_module_find(m, "weight");

    ck_assert(fr_module_grad_norm(m) == 0);
    fr_backward(fr_sum(fr_forward(m, fr_from_doubles(FR_SHAPE(1, 2), (double[]){ 3, 4 }))));
    ck_assert(fr_module_grad_norm(m) == 5);
    ck_assert(fr_at(fr_grad(weight), 1) == 4);
}
END_TEST

START_TEST(other_modules_are_refused)
{
    FR_AUTO(fr_module) a = net(1, 4);
    FR_AUTO(fr_module) wide = net(1, 5);
    FR_AUTO(fr_module) linear = fr_nn_linear(2, 4, NULL);

    assert_refused(fr_module_copy(a, wide), "module_copy: \"0.weight\" is float32 (4, 2), expected float32 (5, 2)");
    assert_refused(fr_module_lerp(a, linear, 0.5),
                   "module_lerp: one module has 9 parameters and buffers, the other has 2");
    assert_refused(fr_module_lerp(NULL, a, 0.5), "module_lerp: into is NULL");
    assert_refused(fr_module_copy(a, NULL), "module_copy: from is NULL");
    assert_refused(fr_module_scale(NULL, 1), "module_scale: module is NULL");
    ck_assert(isnan(fr_module_grad_norm(NULL)));
    assert_failed("module_grad_norm: module is NULL");
}
END_TEST

/* --- Fit ---------------------------------------------------------------------------------------------------------- */

/* Points (60,2) and whether they lie in a circle. */
static fr_loader *points(uint64_t seed, bool shuffle)
{
    FR_SCOPE;
    fr_manual_seed(seed);
    fr_tensor *x = fr_randn(FR_SHAPE(60, 2));
    fr_tensor *y = fr_cast(fr_lt_scalar(fr_sum_dim(fr_square(x), 1, false), 1.4), FR_I64);

    return fr_loader_new(FR_TENSORS(x, y), &(fr_loader_options){ .batch_size = 16, .shuffle = shuffle });
}

static fr_module *classifier(void)
{
    fr_manual_seed(3);
    return FR_SEQUENTIAL(fr_nn_linear(2, 8, NULL), fr_nn_tanh(), fr_nn_dropout(0.1), fr_nn_linear(8, 2, NULL));
}

static double validate(fr_module *m, fr_loader *validation, double *accuracy)
{
    FR_NO_GRAD;
    double loss = 0;

    *accuracy = 0;
    fr_train(m, false);
    FR_FOR_BATCHES (validation, x, y) {
        fr_tensor *logits = fr_forward(m, x);

        loss += fr_item(fr_cross_entropy(logits, y, FR_MEAN)) * (double)fr_dim(x, 0);
        *accuracy += fr_item(fr_accuracy(logits, y)) * (double)fr_dim(x, 0);
    }
    *accuracy /= 60;
    return loss / 60;
}

/* The same by hand, epochs times; the validation losses. */
static void loop(fr_module *m, int epochs, double *losses, double *accuracy)
{
    FR_AUTO(fr_loader) training = points(1, true);
    FR_AUTO(fr_loader) validation = points(2, false);
    FR_AUTO(fr_optim) adam = fr_adam(m, &(fr_adam_options){ .lr = 0.2 });
    FR_AUTO(fr_scheduler) s = fr_exponential_lr(adam, 0.9);

    fr_manual_seed(5);
    for (int epoch = 0; epoch < epochs; epoch++) {
        fr_train(m, true);
        FR_FOR_BATCHES (training, x, y) {
            fr_optim_zero_grad(adam);
            fr_backward(fr_cross_entropy(fr_forward(m, x), y, FR_MEAN));
            fr_clip_grad_norm(m, 0.5);
            fr_optim_step(adam);
        }
        losses[epoch] = validate(m, validation, accuracy);
        fr_scheduler_step(s);
    }
}

enum { EPOCHS = 12, PATIENCE = 3 };

static bool count_epochs(const fr_fit_result *so_far, void *user)
{
    return ++*(int64_t *)user == so_far->epochs;
}

static bool fit(fr_module *m, fr_fit_options options, fr_fit_result *result)
{
    FR_AUTO(fr_loader) training = points(1, true);
    FR_AUTO(fr_loader) validation = points(2, false);
    FR_AUTO(fr_optim) adam = fr_adam(m, &(fr_adam_options){ .lr = 0.2 });
    FR_AUTO(fr_scheduler) s = fr_exponential_lr(adam, 0.9);
    int64_t called = 0;

    fr_manual_seed(5);
    options.validation = validation;
    options.metric = fr_accuracy;
    options.clip_grad_norm = 0.5;
    options.scheduler = s;
    options.quiet = options.stream == NULL;
    options.on_epoch = count_epochs;
    options.user = &called;
    options.result = result;
    return fr_fit(m, fr_cross_entropy, adam, training, &options) && called == result->epochs;
}

static void assert_same_weights(fr_module *a, fr_module *b)
{
    int n;
    const fr_named_tensor *of_a = fr_module_state(a, &n), *of_b = fr_module_state(b, &n);

    for (int i = 0; i < n; i++)
        ck_assert_msg(fr_equal(of_a[i].tensor, of_b[i].tensor), "%s", of_a[i].name);
}

START_TEST(fit_is_the_loop_by_hand)
{
    FR_AUTO(fr_module) m = classifier();
    FR_AUTO(fr_module) by_hand = classifier();
    fr_fit_result r;
    double losses[EPOCHS], accuracy;

    ck_assert(fit(m, (fr_fit_options){ .epochs = EPOCHS, .keep_last = true }, &r));
    loop(by_hand, EPOCHS, losses, &accuracy);
    ck_assert_int_eq(r.epochs, EPOCHS);
    assert_same_weights(m, by_hand);
    ck_assert(r.validation_loss == losses[EPOCHS - 1] && r.metric == accuracy);
    ck_assert(!fr_module_training(m));
}
END_TEST

/* Training stops when the best epoch is long past, and its weights come back. */
START_TEST(fit_stops_early_and_keeps_the_best)
{
    FR_AUTO(fr_module) m = classifier();
    FR_AUTO(fr_module) by_hand = classifier();
    FR_AUTO(fr_module) best = classifier();
    fr_fit_result r;
    double losses[100], accuracy;
    int64_t least = 0, at = 0;

    ck_assert(fit(m, (fr_fit_options){ .epochs = 100, .patience = PATIENCE }, &r));
    ck_assert_int_lt(r.epochs, 100);
    loop(by_hand, (int)r.epochs, losses, &accuracy);
    for (at = 0; at < r.epochs; at++)
        least = losses[at] < losses[least] ? at : least;
    ck_assert_int_eq(r.best_epoch, least + 1);
    ck_assert_int_eq(r.epochs, r.best_epoch + PATIENCE);
    ck_assert(r.best_loss == losses[least]);
    loop(best, (int)r.best_epoch, losses, &accuracy);
    assert_same_weights(m, best);
}
END_TEST

START_TEST(fit_writes_lines)
{
    FR_AUTO(fr_module) m = classifier();
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    fr_fit_result r;
    char last[100];

    ck_assert(fit(m, (fr_fit_options){ .epochs = 5, .every = 2, .stream = stream }, &r));
    fclose(stream);
    ck_assert(strstr(text, "epoch   2  loss ") == text);
    ck_assert(strstr(text, "epoch   4  loss ") && !strstr(text, "epoch   3"));
    snprintf(last, sizeof last, "epoch   5  loss %.3f  validation %.3f  accuracy %.3f\n", r.loss, r.validation_loss,
             r.metric);
    ck_assert_str_eq(strstr(text, "epoch   5"), last);
    free(text);
}
END_TEST

static fr_tensor *second(fr_module *m, fr_tensor *const *batch, void *user)
{
    *(int *)user = 1;
    return fr_forward(m, fr_square(batch[0]));
}

static bool stop(const fr_fit_result *so_far, void *user)
{
    (void)user;
    return so_far->epochs < 2;
}

/* Without options; and with a prediction of one's own, a stop, and no validation: the weights are the last. */
START_TEST(fit_without_validation)
{
    FR_SCOPE;
    FR_AUTO(fr_module) m = fr_nn_linear(2, 2, NULL);
    FR_AUTO(fr_optim) sgd = fr_sgd(m, &(fr_sgd_options){ .lr = 0.1 });
    FR_AUTO(fr_loader) loader = points(1, false);
    fr_fit_result r;
    int called = 0;

    ck_assert(
        fr_fit(m, fr_cross_entropy, sgd, loader,
               &(fr_fit_options){ .forward = second, .on_epoch = stop, .quiet = true, .user = &called, .result = &r }));
    ck_assert(called && r.epochs == 2 && r.best_epoch == 2 && r.best_loss == r.loss && isnan(r.validation_loss));
}
END_TEST

START_TEST(bad_fits_are_refused)
{
    FR_SCOPE;
    FR_AUTO(fr_module) m = fr_nn_linear(2, 2, NULL);
    FR_AUTO(fr_optim) sgd = fr_sgd(m, &(fr_sgd_options){ .lr = 0.1 });
    FR_AUTO(fr_loader) loader = points(1, false);
    FR_AUTO(fr_loader) empty = fr_loader_new(FR_TENSORS(fr_ones(FR_SHAPE(0, 2)), fr_ones(FR_SHAPE(0, 2))), NULL);
    FR_AUTO(fr_loader) single = fr_loader_new(FR_TENSORS(fr_ones(FR_SHAPE(1, 2))), NULL);
    fr_fit_options quiet = { .quiet = true };

    assert_refused(fr_fit(m, NULL, sgd, loader, &quiet), "fit: loss is NULL, expected a function such as fr_mse");
    assert_refused(fr_fit(m, fr_mse, sgd, empty, &quiet), "fit: the loader has no batches");
    assert_refused(fr_fit(m, fr_mse, sgd, single, &quiet), "2 tensors asked for");
    assert_refused(fr_fit(m, fr_mse, sgd, loader, &quiet), "mse: "); /* of a prediction and classes */
    assert_refused(fr_fit(m, fr_cross_entropy, sgd, loader, &(fr_fit_options){ .epochs = -1 }), "fit: epochs -1");
    assert_refused(fr_fit(m, fr_cross_entropy, sgd, loader, &(fr_fit_options){ .clip_grad_norm = -1 }),
                   "clip_grad_norm");
    fr_module_scale(m, NAN);
    assert_refused(fr_fit(m, fr_cross_entropy, sgd, loader, &(fr_fit_options){ .quiet = true }),
                   "fit: the loss of epoch 1 is nan");
    assert_refused(fr_accuracy(fr_ones(FR_SHAPE(3, 2)), fr_ones(FR_SHAPE(3))),
                   "accuracy: logits (3, 2), target (3,) of float32");
    assert_refused(fr_accuracy(fr_ones(FR_SHAPE(3, 2)), fr_zeros_of(FR_SHAPE(2), FR_I64)),
                   "accuracy: ", "(2,) of int64");
}
END_TEST

int main(void)
{
    TCase *forms = tcase_create("forms"), *modules = tcase_create("modules"), *fits = tcase_create("fit");

    tcase_add_test(forms, lists_need_no_counts);
    tcase_add_test(forms, batches_are_left_by_any_exit);
    tcase_add_test(forms, batches_begin_where_the_loader_is);
    tcase_add_test(forms, bad_batches_are_refused);
    tcase_add_test(forms, steps_are_left_by_any_exit);
    tcase_add_test(forms, owners_free_at_any_exit);
    tcase_add_test(modules, modules_are_copied_mixed_and_scaled);
    tcase_add_test(modules, tied_parameters_move_once);
    tcase_add_test(modules, the_norm_of_gradients);
    tcase_add_test(modules, other_modules_are_refused);
    tcase_add_test(fits, fit_is_the_loop_by_hand);
    tcase_add_test(fits, fit_stops_early_and_keeps_the_best);
    tcase_add_test(fits, fit_writes_lines);
    tcase_add_test(fits, fit_without_validation);
    tcase_add_test(fits, bad_fits_are_refused);
    return run_tests("short", forms, modules, fits);
}
