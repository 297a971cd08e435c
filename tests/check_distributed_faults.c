/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Groups of processes: whatever one rank does wrong ends in an error on all. The ranks are threads; check_mpi.sh does
 * the same with processes. */
#include "rank_threads.h"

#include <time.h>

/* --- What one rank does wrong ------------------------------------------------------------------------------------- */

typedef enum {
    SHAPES,
    NOT_FINITE,
    SKIPPED_STEP,
    OTHER_RATE,
    LEFT,
    ELSEWHERE,
    OTHER_COUNT,
    FEWER_BATCHES,
    TOO_LARGE,
    IGNORED,
    NESTED,
    FAULTS
} fault;

static const char *const expected_words[FAULTS] = {
    [SHAPES] = "names, shapes or dtypes",
    [NOT_FINITE] = "is not finite on rank 1",
    [SKIPPED_STEP] = "made other steps",
    [OTHER_RATE] = "have other options",
    [LEFT] = "waited 0.3 s",
    [ELSEWHERE] = "all ranks must do the same",
    [OTHER_COUNT] = "numbers of values",
    [FEWER_BATCHES] = "all ranks must do the same",
    [TOO_LARGE] = "the sum of the gradients of \"weight\" is not finite",
    [IGNORED] = "waited 0.3 s",
    [NESTED] = "waited 0.3 s",
};

static fr_tensor *give_other_shape(fr_tensor *gradient, void *user)
{
    (void)gradient, (void)user;
    return fr_zeros(FR_SHAPE(1));
}

static fr_tensor *go_backward(fr_tensor *gradient, void *user)
{
    (void)gradient;
    fr_backward(user);
    return NULL;
}

typedef struct {
    fault kind;
    char messages[MOST_RANKS][256];
} faults;

/* A hook of the parameter that is complete last fails; so does what comes after it. */
static bool ignore_error(bool nested, fr_module *m, fr_tensor *loss)
{
    fr_tensor *weight = fr_module_parameters(m, &(int){ 0 })[0], *bias = fr_module_parameters(m, &(int){ 0 })[1];

    fr_gradient_hook *hook = nested ? go_backward : give_other_shape;
    fr_tensor *other_loss = fr_sum(fr_square(weight));

    ck_assert(fr_on_gradient(bias, hook, other_loss));
    ck_assert(!fr_backward(loss));
    ck_assert_msg(strstr(fr_error_message(), nested ? "has not come to its end" : "a gradient hook gave"), "%s",
                  fr_error_message());
    fr_error_clear();
    ck_assert(fr_off_gradient(bias, hook, other_loss));
    ck_assert(!fr_backward(fr_sum(fr_square(bias))));
    ck_assert(strstr(fr_error_message(), "failed before"));
    return false;
}

/* Trains three steps; rank 1 does something else in the second. False at the first error. */
static bool train_with_fault(fault kind, int rank, fr_module *m, fr_optim *o)
{
    for (int i = 0; i < 3; i++) {
        FR_SCOPE;
        bool wrong = rank == 1 && i == 1;
        double values[2] = { 0 };
        double x = wrong && kind == NOT_FINITE ? NAN : kind == TOO_LARGE ? 1.6e38 : 1;
        fr_tensor *loss = fr_sum(fr_forward(m, fr_full(FR_SHAPE(2, 3), x)));

        if (wrong && (kind == IGNORED || kind == NESTED))
            return ignore_error(kind == NESTED, m, loss);
        if (wrong && kind == LEFT)
            return true;
        if (wrong && kind == FEWER_BATCHES)
            continue;
        if (wrong && kind == OTHER_RATE)
            fr_optim_set_lr(o, 0.5);
        if (wrong && kind == ELSEWHERE && !fr_distributed_barrier())
            return false;
        fr_optim_zero_grad(o);
        if (!fr_backward(loss) || (!(wrong && kind == SKIPPED_STEP) && !fr_optim_step(o)))
            return false;
        if (kind == OTHER_COUNT && !fr_all_reduce_values(values, 1 + wrong))
            return false;
    }
    return true;
}

/* Ranks other than 1 wait until their time is over. */
static bool is_left_waiting(fault kind)
{
    return kind == LEFT || kind == IGNORED || kind == NESTED;
}

static void do_wrong(int rank, void *user)
{
    faults *f = user;
    fr_module *m = fr_nn_linear(3, f->kind == SHAPES && rank == 1 ? 3 : 2, NULL);
    fr_optim *o = fr_adam(m, NULL);

    if (fr_optim_distributed(o))
        train_with_fault(f->kind, rank, m, o);
    if (is_left_waiting(f->kind) && rank == 1) /* it says nothing, for longer than the others wait */
        nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
    if (!fr_error_message())
        fr_distributed_finalize();
    snprintf(f->messages[rank], sizeof f->messages[rank], "%s", fr_error_message() ? fr_error_message() : "");
    fr_error_clear();
    fr_optim_free(o);
    fr_module_free(m);
}

START_TEST(test_faults)
{
    faults f = { .kind = (fault)_i };
    groups_fail = true;

    int aborted = run_ranks(3, is_left_waiting(f.kind) ? 0.3 : 20, do_wrong, &f);

    for (int r = 0; r < 3; r++)
        if (!(is_left_waiting(f.kind) && r == 1))
            ck_assert_msg(strstr(f.messages[r], expected_words[f.kind]), "rank %d: \"%s\"", r, f.messages[r]);
    ck_assert_int_ge(aborted, 2);
}
END_TEST

/* --- Without others, and bad arguments ---------------------------------------------------------------------------- */

START_TEST(test_alone)
{
    FR_SCOPE;
    double value = 3;
    fr_tensor *x = fr_full(FR_SHAPE(2), 4);
    fr_module *m = fr_nn_batch_norm1d(2, NULL);
    fr_optim *o = fr_sgd(m, NULL);
    fr_loader *l = fr_loader_new(FR_TENSORS(x), NULL);

    ck_assert_int_eq(fr_distributed_rank(), 0);
    ck_assert_int_eq(fr_distributed_size(), 1);
    ck_assert(fr_distributed_barrier() && fr_all_reduce_values(&value, 1) && fr_broadcast(&x, 1));
    ck_assert(fr_optim_distributed(o) && fr_optim_distributed(o) && fr_optim_no_sync(o, true));
    ck_assert(fr_loader_distributed(l) && fr_batch_norm_distributed(m));
    ck_assert_double_eq(value, 3);
    ck_assert_double_eq(fr_at(fr_all_reduce(x), 1), 4);
    fr_distributed_finalize();
    fr_loader_free(l);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

static void misuse(int rank, void *user)
{
    fr_module *m = fr_nn_linear(2, 2, NULL), *more = fr_nn_linear(2, 2, NULL);
    fr_optim *o = fr_sgd(m, NULL), *lbfgs = fr_lbfgs(m, NULL), *plain = fr_sgd(more, NULL);
    fr_transport other = { .size = 1 };

    (void)rank, (void)user;
    ck_assert(!fr_distributed_begin(&other, 0));
    assert_failed("distributed_begin", "in a group already");
    ck_assert(!fr_optim_distributed(lbfgs));
    assert_failed("optim_distributed", "lbfgs");
    ck_assert(!fr_optim_no_sync(plain, true));
    assert_failed("optim_no_sync", "not distributed");
    ck_assert(fr_optim_distributed(o));
    ck_assert(!fr_optim_distributed(o));
    assert_failed("optim_distributed", "already");
    ck_assert_int_eq(fr_optim_add_group(o, more), -1);
    assert_failed("optim_add_group", "\"weight\" comes after fr_optim_distributed");
    ck_assert(!fr_all_reduce_values(NULL, 1));
    assert_failed("all_reduce_values", "values is NULL");
    fr_optim_free(lbfgs);
    fr_optim_free(plain);
    fr_distributed_finalize();

    fr_tensor *loss = fr_sum(fr_forward(m, fr_ones(FR_SHAPE(1, 2))));

    ck_assert(!fr_backward(loss));
    assert_failed("backward", "group of a distributed optimiser has ended");
    ck_assert(fr_distributed_begin(&this_rank->transport, 20)); /* another group, perhaps where the first one was */
    loss = fr_sum(fr_forward(m, fr_ones(FR_SHAPE(1, 2))));
    ck_assert(!fr_backward(loss));
    assert_failed("backward", "group of a distributed optimiser has ended");
    fr_optim_free(o);
    fr_module_free(m);
    fr_module_free(more);
}

START_TEST(test_misuse)
{
    fr_transport t = { .size = 1, .error = "no network" };

    ck_assert_int_eq(run_ranks(2, 20, misuse, NULL), 0);
    ck_assert(!fr_distributed_begin(&t, 0));
    assert_failed("distributed_begin", "no network");
    t.error = NULL;
    ck_assert(!fr_distributed_begin(&t, 0));
    assert_failed("distributed_begin", "a function of the transport is NULL");
    t.rank = 1;
    ck_assert(!fr_distributed_begin(&t, 0));
    assert_failed("distributed_begin", "rank 1 of 1");
}
END_TEST

int main(void)
{
    TCase *wrong = tcase_create("faults");

    tcase_add_loop_test(wrong, test_faults, 0, FAULTS);
    tcase_add_test(wrong, test_alone);
    tcase_add_test(wrong, test_misuse);
    return run_tests("distributed_faults", wrong);
}
