/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_save_training and fr_load_training: a run that is stopped and resumed continues with the same bits; a file that
 * does not fit, or is broken, changes nothing. */
#include "mutations.h"

#include "checkpoint/checkpoint.h"
#include "core/shape.h"

#include <unistd.h>

static char path[64];

static void name_file(void)
{
    snprintf(path, sizeof path, "check_resume.%ld.tmp", (long)getpid());
}

static void remove_file(void)
{
    unlink(path);
}

/* --- Runs -------------------------------------------------------------------------------------------------------- */

enum { ROWS = 20, LENGTH = 5, EPOCHS = 10, SCHEDULERS = 2 };

typedef struct {
    fr_module *model;
    fr_optim *optim;
    fr_loader *loader;
    fr_scheduler *schedulers[SCHEDULERS]; /* one steps after each batch, the other with each epoch's loss */
} run;

static void sgd(run *r)
{
    r->optim = fr_sgd(r->model, &(fr_sgd_options){ .lr = 0.1, .momentum = 0.9 });
    r->schedulers[0] = fr_one_cycle_lr(r->optim, 0.2, 100, NULL);
}

static void adam(run *r)
{
    r->optim = fr_adam(r->model, &(fr_adam_options){ .lr = 0.01, .amsgrad = true });
    r->schedulers[1] = fr_reduce_lr_on_plateau(r->optim, &(fr_plateau_options){ .patience = 1, .cooldown = 1 });
}

static double slower(int64_t epoch, int group, void *user)
{
    (void)user;
    return 1 / (1 + 0.1 * (double)(epoch * (group + 1)));
}

/* Makes AdamW with a group for biases. */
static void adamw(run *r)
{
    fr_tensor *biases[] = { fr_module_find(r->model, "0.bias_ih_l0"), fr_module_find(r->model, "0.bias_hh_l0"),
                            fr_module_find(r->model, "1.bias") };

    r->optim = fr_adamw(r->model, &(fr_adamw_options){ .lr = 0.01 });
    ck_assert_int_eq(fr_optim_split(r->optim, biases, 3), 1);
    ck_assert(fr_optim_set(r->optim, 1, "weight_decay", 0));
    r->schedulers[0] = fr_lambda_lr(r->optim, slower, NULL);
}

static void rmsprop(run *r)
{
    r->optim = fr_rmsprop(r->model, &(fr_rmsprop_options){ .centered = true, .momentum = 0.5 });

    fr_scheduler *parts[] = { fr_linear_lr(r->optim, 0.1, 1, 20), fr_cosine_annealing_lr(r->optim, 30, 0) };

    r->schedulers[0] = fr_sequential_lr(r->optim, parts, 2, (int64_t[]){ 20 });
}

static void adagrad(run *r)
{
    r->optim = fr_adagrad(r->model, NULL);
    r->schedulers[0] = fr_multi_step_lr(r->optim, (int64_t[]){ 10, 30 }, 2, 0.5);
}

static void adadelta(run *r)
{
    r->optim = fr_adadelta(r->model, NULL);
}

static void nadam(run *r)
{
    r->optim = fr_nadam(r->model, NULL);
}

static void radam(run *r)
{
    r->optim = fr_radam(r->model, NULL);
}

static void rprop(run *r)
{
    r->optim = fr_rprop(r->model, NULL);
}

static void lbfgs(run *r)
{
    r->optim = fr_lbfgs(r->model, &(fr_lbfgs_options){ .max_iter = 3, .history_size = 4, .strong_wolfe = true });
}

static void (*const optims[])(run *) = { sgd, adam, adamw, rmsprop, adagrad, adadelta, nadam, radam, rprop, lbfgs };
enum { OPTIMS = sizeof optims / sizeof *optims };

/* Starts a run as a program would, in the caller's scope. */
static run begin(void (*make_optim)(run *))
{
    fr_recurrent_options options = { .num_layers = 2, .dropout = 0.3, .batch_first = true };
    run r = { NULL };

    fr_manual_seed(7);

    fr_tensor *x = fr_randn(FR_SHAPE(ROWS, LENGTH, 2)), *y = fr_gt_scalar(fr_sum_dim(x, 2, true), 0);

    r.model =
        fr_nn_sequential(3, (fr_module *[]){ fr_nn_rnn(2, 6, &options), fr_nn_linear(6, 1, NULL), fr_nn_sigmoid() });
    fr_module_buffer(r.model, "seen", fr_tensor_from(FR_SHAPE(1), (int64_t[]){ 0 }, FR_I64));
    r.loader = fr_loader_new((fr_tensor *[]){ x, y }, 2, &(fr_loader_options){ .batch_size = 6, .shuffle = true });
    make_optim(&r);
    return r;
}

static void end(run *r)
{
    for (int i = 0; i < SCHEDULERS; i++)
        fr_scheduler_free(r->schedulers[i]);
    fr_optim_free(r->optim);
    fr_loader_free(r->loader);
    fr_module_free(r->model);
}

typedef struct {
    run *run;
    fr_tensor *const *batch;
} batch_of_run;

static fr_tensor *loss_of(void *user)
{
    const batch_of_run *b = user;
    fr_tensor *loss = fr_bce(fr_forward(b->run->model, b->batch[0]), b->batch[1], FR_MEAN);

    fr_optim_zero_grad(b->run->optim);
    ck_assert(fr_backward(loss));
    fr_clip_grad_norm(b->run->model, 1);
    return loss;
}

static void train_batch(run *r, fr_tensor *const *batch)
{
    FR_SCOPE;
    int64_t *seen = fr_data(fr_module_find(r->model, "seen"));

    ck_assert(!isnan(fr_optim_step_closure(r->optim, loss_of, &(batch_of_run){ r, batch })));
    ck_assert(!r->schedulers[0] || fr_scheduler_step(r->schedulers[0]));
    seen[0]++;
}

/* Trains for this number of calls of fr_loader_next; the call that ends an epoch counts too. */
static void train(run *r, int calls)
{
    for (int i = 0; i < calls; i++) {
        fr_tensor *const *batch = fr_loader_next(r->loader);

        if (batch)
            train_batch(r, batch);
        else if (r->schedulers[1])
            ck_assert(fr_scheduler_step_metric(r->schedulers[1], fr_item(fr_module_find(r->model, "seen"))));
    }
}

static bool save(run *r)
{
    return fr_save_training(path, r->model, r->optim, r->loader);
}

static bool load(run *r)
{
    return fr_load_training(path, r->model, r->optim, r->loader);
}

/* Returns everything that would be saved. */
static fr_checkpoint_writer state_of(run *r)
{
    fr_checkpoint_writer f;

    ck_assert_msg(fr_checkpoint_collect("test", &f, r->model, r->optim, r->loader), "%s", fr_error_message());
    for (size_t i = 0; i < f.count; i++) {
        fr_tensor *copy = fr_tensor_copy("test", f.tensors[i]);

        fr_assign(&f.tensors[i], copy);
        fr_unref(copy);
    }
    return f;
}

/* Asserts that all bits are equal, those of NaN too. */
static void assert_same_state(const fr_checkpoint_writer *a, const fr_checkpoint_writer *b)
{
    ck_assert_uint_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        ck_assert_str_eq(a->names[i], b->names[i]);
        ck_assert_msg(a->tensors[i]->numel == b->tensors[i]->numel &&
                          memcmp(a->tensors[i]->origin, b->tensors[i]->origin,
                                 (size_t)a->tensors[i]->numel * fr_dtype_size((fr_dtype)a->tensors[i]->dtype)) == 0,
                      "%s differs", a->names[i]);
    }
}

static void assert_is(run *r, const fr_checkpoint_writer *expected)
{
    fr_checkpoint_writer now = state_of(r);

    assert_same_state(&now, expected);
    fr_checkpoint_writer_free(&now);
}

/* --- Resuming ---------------------------------------------------------------------------------------------------- */

enum { CALLS = 5 }; /* calls of fr_loader_next in an epoch */

/* Trains for ten epochs, stops after this number of calls, and resumes in a run that has just started. */
static void stop_and_resume(void (*make_optim)(run *), int stop)
{
    FR_SCOPE;
    run whole = begin(make_optim);

    train(&whole, EPOCHS * CALLS);

    fr_checkpoint_writer expected = state_of(&whole);
    run first = begin(make_optim);

    train(&first, stop);
    ck_assert_msg(save(&first), "%s", fr_error_message());
    end(&first);

    run second = begin(make_optim);

    fr_rand(FR_SHAPE(5));
    ck_assert_msg(load(&second), "%s", fr_error_message());
    train(&second, EPOCHS * CALLS - stop);
    assert_is(&second, &expected);
    fr_checkpoint_writer_free(&expected);
    end(&whole);
    end(&second);
}

START_TEST(goes_on_with_the_same_bits)
{
    stop_and_resume(optims[_i], 5 * CALLS);     /* between epochs */
    stop_and_resume(optims[_i], 5 * CALLS + 2); /* within an epoch */
    stop_and_resume(optims[_i], 0);
}
END_TEST

/* A run that has trained longer than the file goes back to the file; state that came later is removed. */
START_TEST(goes_back)
{
    FR_SCOPE;
    run r = begin(optims[_i]);
    fr_checkpoint_writer before = state_of(&r);

    ck_assert(save(&r));
    train(&r, 2 * CALLS + 1);
    ck_assert_msg(load(&r), "%s", fr_error_message());
    assert_is(&r, &before);
    fr_checkpoint_writer_free(&before);
    end(&r);
}
END_TEST

/* The generator's state includes the second normal value that is kept for the next call. */
START_TEST(keeps_the_generator)
{
    FR_SCOPE;
    run r = begin(sgd);

    fr_manual_seed(3);
    fr_randn(FR_SHAPE(1));
    ck_assert(save(&r));

    fr_tensor *next = fr_randn(FR_SHAPE(9));

    fr_rand(FR_SHAPE(1000));
    ck_assert(load(&r));
    ck_assert(fr_equal(fr_randn(FR_SHAPE(9)), next));
    end(&r);
}
END_TEST

START_TEST(works_without_optimiser_and_loader)
{
    FR_SCOPE;
    run r = begin(sgd);
    fr_tensor *bias = fr_module_find(r.model, "1.bias");
    double before = fr_at(bias, 0);

    ck_assert(fr_save_training(path, r.model, NULL, NULL));
    ((float *)fr_data(bias))[0] = 5;
    ck_assert(!load(&r));
    assert_failed("load_training", path, "\"optim.sgd.groups\" is missing", "\"loader.place\" is missing");
    ck_assert_double_eq(fr_at(bias, 0), 5);
    ck_assert(fr_load_training(path, r.model, NULL, NULL));
    ck_assert_double_eq(fr_at(bias, 0), before);
    ck_assert(save(&r));
    ck_assert(!fr_load_training(path, r.model, NULL, NULL));
    assert_failed("\"optim.sgd.groups\" is not expected", "\"loader.place\" is not expected");
    end(&r);
}
END_TEST

START_TEST(backward_notices_resumed_values)
{
    FR_SCOPE;
    run r = begin(sgd);
    fr_tensor *const *batch = fr_loader_next(r.loader), *loss = fr_sum(fr_forward(r.model, batch[0]));

    ck_assert(save(&r) && load(&r));
    ck_assert(!fr_backward(loss));
    assert_failed("changed");
    ck_assert_int_eq(fr_dim(batch[0], 0), 6); /* the borrowed batch is still valid */
    end(&r);
}
END_TEST

/* --- Files that do not agree ------------------------------------------------------------------------------------- */

static void sgd_alone(run *r)
{
    r->optim = fr_sgd(r->model, &(fr_sgd_options){ .momentum = 0.9 });
}

static void sgd_step(run *r)
{
    sgd_alone(r);
    r->schedulers[0] = fr_step_lr(r->optim, 5, 0.1);
}

static void sgd_other_step(run *r)
{
    sgd_alone(r);
    r->schedulers[0] = fr_step_lr(r->optim, 5, 0.5);
}

static void sgd_split(run *r)
{
    fr_tensor *bias = fr_module_find(r->model, "1.bias");

    sgd_alone(r);
    fr_optim_split(r->optim, &bias, 1);
}

static void sgd_split_other(run *r)
{
    fr_tensor *bias = fr_module_find(r->model, "1.weight");

    sgd_alone(r);
    fr_optim_split(r->optim, &bias, 1);
}

static const struct {
    void (*saved)(run *), (*loaded)(run *);
    const char *pieces[4];
} pairs[] = {
    { sgd_alone, adam, { "\"optim.adam.groups\" is missing", "\"optim.sgd.groups\" is not expected" } },
    { sgd_alone, sgd_split, { "\"optim.sgd.groups\" is float64 (1, 7), expected float64 (2, 7)" } },
    { sgd_split,
      sgd_split_other,
      { "\"1.weight\" is in group 0, expected 1", "\"1.bias\" is in group 1, expected 0" } },
    { sgd_alone, sgd_step, { "\"scheduler.0.step_lr.settings\" is missing" } },
    { sgd_step, sgd_alone, { "\"scheduler.0.step_lr.settings\" is not expected" } },
    { sgd_step, sgd_other_step, { "scheduler 0, a step_lr, was made with 0.1 as setting 1, expected 0.5" } },
};

START_TEST(other_programs_files_are_refused)
{
    FR_SCOPE;
    run saved = begin(pairs[_i].saved), loaded = begin(pairs[_i].loaded);

    train(&saved, CALLS + 1);
    train(&loaded, 2);
    ck_assert(save(&saved));

    fr_checkpoint_writer before = state_of(&loaded);

    ck_assert(!load(&loaded));
    ck_assert_ptr_nonnull(strstr(fr_error_message(), "check_resume.c"));
    assert_failed_with(pairs[_i].pieces);
    assert_is(&loaded, &before);
    fr_checkpoint_writer_free(&before);
    end(&saved);
    end(&loaded);
}
END_TEST

START_TEST(another_loader_or_module_is_refused)
{
    FR_SCOPE;
    run r = begin(sgd);
    fr_tensor *x = fr_ones(FR_SHAPE(30, 1));
    fr_loader *other = fr_loader_new(&x, 1, &(fr_loader_options){ .batch_size = 4, .drop_last = true });
    fr_module *m = fr_nn_linear(2, 2, NULL);

    ck_assert(save(&r));
    ck_assert(!fr_load_training(path, r.model, r.optim, other));
    assert_failed("rows of the loader was 20, expected 30", "batch_size of the loader was 6, expected 4",
                  "shuffle + shuffle_buffer of the loader was 1, expected 0",
                  "drop_last of the loader was 0, expected 1");
    fr_loader_free(other);
    other = fr_loader_new((fr_tensor *[]){ fr_ones(FR_SHAPE(20, 1)) }, 1,
                          &(fr_loader_options){ .batch_size = 6, .shuffle = true, .shuffle_buffer = 5 });
    ck_assert(!fr_load_training(path, r.model, r.optim, other));
    assert_failed("shuffle + shuffle_buffer of the loader was 1, expected 6");
    ck_assert(!fr_load_training(path, m, NULL, r.loader));
    assert_failed("\"weight\" is missing", "\"bias\" is missing", "and ");
    ck_assert(!fr_load_training(path, m, r.optim, r.loader));
    assert_failed("load_training", "\"0.weight_ih_l0\" of the optimiser is not a parameter of the module");
    ck_assert(!fr_save_training(path, m, r.optim, r.loader));
    assert_failed("save_training", "\"0.weight_ih_l0\" of the optimiser is not a parameter", "check_resume.c");
    ck_assert(!fr_save_training(NULL, r.model, NULL, NULL));
    assert_failed("save_training", "path is NULL");
    ck_assert(!fr_save_training(path, NULL, NULL, NULL));
    assert_failed("save_training", "module is NULL");
    ck_assert(!fr_load_training(path, NULL, NULL, NULL));
    assert_failed("load_training", "module is NULL");
    ck_assert(!fr_load_training("no/such", r.model, NULL, NULL));
    assert_failed("load_training", "no/such", "No such file");
    ck_assert(!fr_step_lr(NULL, 1, 1) && !fr_save_training(path, r.model, NULL, r.loader));
    assert_failed("step_lr"); /* a NULL from a failed call is not taken for "none" */
    fr_module_free(m);
    fr_loader_free(other);
    end(&r);
}
END_TEST

/* Saves r with one value of one tensor changed, and asserts that loading it fails and changes nothing. */
static void assert_run_refused(run *r, const char *name, int64_t i, double number, const char *piece)
{
    fr_checkpoint_writer f = state_of(r), before = state_of(r);
    bool found = false;

    for (size_t k = 0; k < f.count; k++) {
        fr_tensor *t = f.tensors[k];

        if (strcmp(f.names[k], name) != 0)
            continue;
        found = true;
        if (t->dtype == FR_I64)
            ((int64_t *)t->origin)[i] = (int64_t)number;
        else
            ((double *)t->origin)[i] = number;
    }
    ck_assert_msg(found, "%s", name);
    ck_assert(fr_save_tensors(path, (const char *const *)f.names, f.tensors, (int)f.count));
    ck_assert_msg(!load(r), "%s", name);
    assert_failed("load_training", path, piece);
    assert_is(r, &before);
    fr_checkpoint_writer_free(&f);
    fr_checkpoint_writer_free(&before);
}

START_TEST(bad_values_are_refused)
{
    FR_SCOPE;
    run r = begin(adam);

    r.schedulers[0] = fr_step_lr(r.optim, 5, 0.1);
    train(&r, CALLS + 2);
    assert_run_refused(&r, "training.version", 0, 2, "version 2, expected 1");
    assert_run_refused(&r, "optim.adam.groups", 0, -1, "began with is -1");
    assert_run_refused(&r, "optim.adam.groups", 1, NAN, "lr of group 0 is nan");
    assert_run_refused(&r, "optim.adam.groups", 2, 1, "beta1 of group 0 is 1");
    assert_run_refused(&r, "optim.adam.groups", 7, 2, "amsgrad of group 0 is 2");
    assert_run_refused(&r, "optim.adam.parameters", 0, 1, "is in group 1, expected 0");
    assert_run_refused(&r, "optim.adam.parameters", 1, -1, "has taken -1 steps");
    assert_run_refused(&r, "optim.adam.parameters", 2, 15, "has states 15, which adam does not have");
    assert_run_refused(&r, "optim.adam.parameters", 2, 3,
                       "\"optim.adam.max_exp_avg_sq.0.weight_ih_l0\" is not expected");
    assert_run_refused(&r, "scheduler.0.reduce_lr_on_plateau.settings", 1, 0.7, "as setting 1");
    assert_run_refused(&r, "scheduler.0.reduce_lr_on_plateau.state", 0, 0.5, "is at epoch 0.5");
    assert_run_refused(&r, "scheduler.0.reduce_lr_on_plateau.state", 0, -1, "is at epoch -1");
    assert_run_refused(&r, "scheduler.0.reduce_lr_on_plateau.state", 1, NAN, "has a best of nan");
    assert_run_refused(&r, "scheduler.1.step_lr.state", 2, 1, "has a count of 1");
    assert_run_refused(&r, "scheduler.1.step_lr.rates", 1, -2, "has a rate of -2");
    assert_run_refused(&r, "loader.settings", 0, 21, "rows of the loader was 21, expected 20");
    assert_run_refused(&r, "loader.place", 0, 2, "at row 12 of epoch 2");
    assert_run_refused(&r, "loader.place", 0, 0, "at row 12 of epoch 0");
    assert_run_refused(&r, "loader.place", 1, 5, "at row 5");
    assert_run_refused(&r, "loader.place", 1, 24, "at row 24");
    assert_run_refused(&r, "loader.place", 1, -6, "at row -6");
    assert_run_refused(&r, "generator", 5, -1, "not the state of a generator");
    assert_run_refused(&r, "generator", 5, 0x1p32, "not the state of a generator");
    assert_run_refused(&r, "generator", 624, 625, "not the state of a generator");
    assert_run_refused(&r, "generator", 625, 2, "not the state of a generator");
    assert_run_refused(&r, "generator", 626, 0x7ff0000000000000, "not the state of a generator");
    end(&r);
}
END_TEST

START_TEST(options_must_agree_in_a_file_too)
{
    FR_SCOPE;
    run r = begin(sgd_alone);

    ck_assert(fr_optim_set(r.optim, 0, "nesterov", 1));
    assert_run_refused(&r, "optim.sgd.groups", 2, 0, "group 0: nesterov with momentum 0");
    end(&r);
}
END_TEST

START_TEST(truncated_files_are_refused)
{
    FR_SCOPE;
    run r = begin(adamw);
    size_t size;

    train(&r, 3);
    ck_assert(save(&r));

    unsigned char *bytes = read_bytes(path, &size);
    fr_checkpoint_writer before = state_of(&r);

    for (size_t length = 0; length < size; length += 1 + length / 97) {
        write_bytes(path, bytes, length);
        ck_assert(!load(&r));
        assert_failed("load_training", path);
    }
    assert_is(&r, &before);
    write_bytes(path, bytes, size);
    ck_assert(load(&r));
    fr_checkpoint_writer_free(&before);
    free(bytes);
    end(&r);
}
END_TEST

/* A small run, into which many changed files are loaded, and its state before. */
static run small;
static fr_checkpoint_writer small_before;

static bool read_changed(FILE *file)
{
    bool ok = fr_checkpoint_restore("load_training: changed", fr_safetensors_load_file("load_training: changed", file),
                                    small.model, small.optim, small.loader);

    if (ok)
        ck_assert(load(&small));
    assert_is(&small, &small_before);
    return ok;
}

START_TEST(changed_files_are_read_or_refused)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(4, 2));
    run r = { .model = fr_nn_linear(2, 1, NULL) };

    r.loader = fr_loader_new(&x, 1, &(fr_loader_options){ .shuffle = true });
    r.optim = fr_adam(r.model, NULL);
    r.schedulers[0] = fr_cosine_annealing_lr(r.optim, 9, 0);
    fr_backward(fr_sum(fr_forward(r.model, fr_loader_next(r.loader)[0])));
    ck_assert(fr_optim_step(r.optim) && fr_scheduler_step(r.schedulers[0]) && save(&r));
    small = r;
    small_before = state_of(&r);
    read_mutations(path, read_changed);
    fr_checkpoint_writer_free(&small_before);
    end(&r);
}
END_TEST

int main(void)
{
    TCase *resume = tcase_create("resume"), *refuse = tcase_create("refuse");

    tcase_add_checked_fixture(resume, name_file, remove_file);
    tcase_add_loop_test(resume, goes_on_with_the_same_bits, 0, OPTIMS);
    tcase_add_loop_test(resume, goes_back, 0, OPTIMS);
    tcase_add_test(resume, keeps_the_generator);
    tcase_add_test(resume, works_without_optimiser_and_loader);
    tcase_add_test(resume, backward_notices_resumed_values);
    tcase_add_checked_fixture(refuse, name_file, remove_file);
    tcase_add_loop_test(refuse, other_programs_files_are_refused, 0, (int)(sizeof pairs / sizeof *pairs));
    tcase_add_test(refuse, another_loader_or_module_is_refused);
    tcase_add_test(refuse, bad_values_are_refused);
    tcase_add_test(refuse, options_must_agree_in_a_file_too);
    tcase_add_test(refuse, truncated_files_are_refused);
    tcase_add_test(refuse, changed_files_are_read_or_refused);
    return run_tests("resume", resume, refuse);
}
