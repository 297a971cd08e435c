/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Groups of processes: n ranks train as one process with the whole batches does, and whatever one rank does wrong ends
 * in an error on all. The ranks are threads; check_mpi.sh does the same with processes. */
#include "rank_threads.h"

#include <time.h>

enum { ROWS = 22, BATCH = 8, FEATURES = 3, STEPS = 9 };

/* --- The same trajectory -------------------------------------------------------------------------------------------
 */

typedef struct {
    int hidden, size;
    bool own_statistics;         /* batch norms do not */
    bool norm;                   /* batch norms, which share their statistics */
    double lr;                   /* of SGD; 0: Adam, which makes much of gradients that are 0 but for rounding */
    bool sync_late;              /* every second backward by no_sync */
    double last[MOST_RANKS][16]; /* the loss of each step */
    double weights[MOST_RANKS];  /* the sum of squares of parameters and buffers at the end */
} trajectory;

static fr_module *make_model(const trajectory *t)
{
    fr_manual_seed(3);
    if (t->norm)
        return FR_SEQUENTIAL(fr_nn_linear(FEATURES, t->hidden, NULL), fr_nn_batch_norm1d(t->hidden, NULL), fr_nn_tanh(),
                             fr_nn_linear(t->hidden, 1, NULL));
    return FR_SEQUENTIAL(fr_nn_linear(FEATURES, t->hidden, NULL), fr_nn_tanh(),
                         fr_nn_linear(t->hidden, t->hidden, NULL), fr_nn_linear(t->hidden, 1, NULL));
}

static double norm_of_state(fr_module *m)
{
    FR_SCOPE;
    int n;
    const fr_named_tensor *all = fr_module_state(m, &n);
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += fr_item(fr_sum(fr_square(fr_cast(fr_detach(all[i].tensor), FR_F64))));
    return sum;
}

/* One backward of the part of a batch; its loss goes to *loss. */
static void learn(trajectory *t, fr_module *m, fr_loader *l, double *loss)
{
    FR_SCOPE;
    fr_tensor *const *batch = fr_loader_next(l);

    if (!batch)
        batch = fr_loader_next(l); /* the next epoch */

    fr_tensor *y = fr_mul_scalar(fr_mse(fr_forward(m, batch[0]), batch[1], FR_MEAN), fr_loader_weight(l));

    *loss = fr_item(y) / t->size;
    ck_assert_msg(fr_backward(y), "%s", fr_error_message());
    ck_assert(fr_all_reduce_values(loss, 1));
}

static void train(int rank, void *user)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the generator, which is the process's */
    trajectory *t = user;

    pthread_mutex_lock(&lock);
    fr_module *m = make_model(t);
    fr_tensor *x = fr_randn(FR_SHAPE(ROWS, FEATURES)), *y = fr_sum_dim(fr_square(x), 1, true);
    pthread_mutex_unlock(&lock);

    fr_optim *o = t->lr > 0 ? fr_sgd(m, &(fr_sgd_options){ .lr = t->lr, .momentum = 0.9 }) : fr_adam(m, NULL);
    fr_loader *l = fr_loader_new(FR_TENSORS(x, y), &(fr_loader_options){ .batch_size = BATCH });

    if (rank > 0) { /* what rank 0 has holds */
        FR_NO_GRAD;
        fr_copy(fr_module_parameters(m, &(int){ 0 })[0], fr_zeros(FR_SHAPE(t->hidden, FEATURES)));
    }
    ck_assert(fr_optim_distributed(o) && fr_loader_distributed(l));
    ck_assert(!t->norm || t->own_statistics || fr_batch_norm_distributed(m));
    for (int i = 0; i < STEPS; i++) {
        fr_optim_zero_grad(o);
        if (t->sync_late) {
            ck_assert(fr_optim_no_sync(o, true));
            learn(t, m, l, &t->last[rank][i]);
            ck_assert(fr_optim_no_sync(o, false));
        }
        learn(t, m, l, &t->last[rank][i]);
        ck_assert(fr_clip_grad_norm(m, 1) > 0);
        ck_assert(fr_optim_step(o));
    }
    t->weights[rank] = norm_of_state(m);
    fr_loader_free(l);
    fr_optim_free(o);
    fr_module_free(m);
}

static trajectory run_trajectory(trajectory t, int size)
{
    t.size = size;
    ck_assert_int_eq(run_ranks(size, 20, train, &t), 0);
    for (int r = 1; r < size; r++) { /* the same bits */
        ck_assert_double_eq(t.weights[r], t.weights[0]);
        for (int i = 0; i < STEPS; i++)
            ck_assert_double_eq(t.last[r][i], t.last[0][i]);
    }
    return t;
}

/* hidden 1,500 gives 9 MiB of gradients: three portions, and sums by slices. */
static const trajectory kinds[] = { { .hidden = 8 },
                                    { .hidden = 8, .norm = true, .lr = 0.01 },
                                    { .hidden = 8, .sync_late = true },
                                    { .hidden = 1500, .lr = 1e-4 } };

START_TEST(test_trajectory)
{
    const trajectory *kind = &kinds[_i];
    trajectory one = run_trajectory(*kind, 1);

    for (int size = 2; size <= (kind->hidden > 8 ? 3 : MOST_RANKS); size++) {
        trajectory many = run_trajectory(*kind, size), again = run_trajectory(*kind, size);

        snprintf(test_about, sizeof test_about, "%d ranks", size);
        for (int i = 0; i < STEPS; i++)
            ck_assert_double_eq_tol(many.last[0][i], one.last[0][i], 1e-6 * (1 + one.last[0][i]));
        ck_assert_double_eq_tol(many.weights[0], one.weights[0], 1e-6 * one.weights[0]);
        ck_assert_double_eq(many.weights[0], again.weights[0]);
    }
}
END_TEST

/* The statistics of one rank's batches are then rank 0's everywhere. */
START_TEST(test_own_statistics)
{
    run_trajectory((trajectory){ .hidden = 8, .norm = true, .own_statistics = true, .lr = 0.01 }, 3);
}
END_TEST

/* --- Values --------------------------------------------------------------------------------------------------------
 */

static void share_values(int rank, void *user)
{
    int size = fr_distributed_size();
    double values[2] = { rank + 1, 0.5 };
    fr_tensor *x = fr_requires_grad(fr_full(FR_SHAPE(2, 3), rank + 1)), *big = fr_full(FR_SHAPE(1200, 1000), rank + 1);
    fr_tensor *y = fr_all_reduce(x), *count = fr_full(FR_SHAPE(3), rank), *whole = fr_cast(count, FR_I64);

    (void)user;
    ck_assert_int_eq(fr_distributed_rank(), rank);
    ck_assert(fr_distributed_barrier());
    ck_assert(fr_all_reduce_values(values, 2));
    ck_assert_double_eq(values[0], size * (size + 1) / 2);
    ck_assert_double_eq(values[1], 0.5 * size);
    ck_assert_double_eq(fr_at(y, 5), size * (size + 1) / 2);
    ck_assert(
        fr_backward(fr_mul_scalar(fr_sum(y), rank + 1))); /* each rank's loss has the sum, weighed with rank + 1 */
    ck_assert_double_eq(fr_at(fr_grad(x), 0), size * (size + 1) / 2);
    ck_assert_double_eq(fr_at(fr_all_reduce(big), 1199999), size * (size + 1) / 2);
    ck_assert(fr_broadcast((fr_tensor *[]){ big, whole, fr_transpose(x, 0, 1) }, 3));
    ck_assert_double_eq(fr_at(big, 1199999), 1);
    ck_assert_double_eq(fr_at(whole, 2), 0);
    ck_assert_double_eq(fr_at(x, 4), 1);
}

START_TEST(test_values)
{
    ck_assert_int_eq(run_ranks(_i, 20, share_values, NULL), 0);
}
END_TEST

/* --- Parameters that a rank's loss does not depend on --------------------------------------------------------------
 */

/* y = a x on even ranks, b x on odd ones; c is used by nobody, d is frozen. */
static void use_some(int rank, void *user)
{
    fr_module *m = fr_module_new("Some", 0, NULL), *frozen = fr_module_new("Frozen", 0, NULL);
    fr_tensor *p[4];
    const char *const names[] = { "a", "b", "c", "d" };
    int size = fr_distributed_size();

    (void)user;
    for (int i = 0; i < 4; i++)
        p[i] = fr_module_param(i < 3 ? m : frozen, names[i], fr_full(FR_SHAPE(2), i));
    fr_module_freeze(frozen, true);
    fr_module_add(m, "frozen", frozen);

    fr_optim *o = fr_sgd(m, NULL);

    ck_assert(fr_optim_distributed(o));
    for (int step = 0; step < 2; step++) {
        FR_SCOPE;
        ck_assert(fr_backward(fr_sum(fr_mul_scalar(p[rank % 2], rank + 1))));
    }
    for (int which = 0; which < 2; which++) {
        double expected = 0;

        for (int r = which; r < size; r += 2)
            expected += 2 * (r + 1);
        if (size == 1 && which == 1)
            ck_assert_ptr_null(fr_grad(p[1]));
        else
            ck_assert_double_eq_tol(fr_at(fr_grad(p[which]), 1), expected / size, 1e-6);
    }
    ck_assert_ptr_null(fr_grad(p[2]));
    ck_assert_ptr_null(fr_grad(p[3]));
    fr_optim_free(o);
    fr_module_free(m);
}

START_TEST(test_some_parameters)
{
    ck_assert_int_eq(run_ranks(_i, 20, use_some, NULL), 0);
}
END_TEST

/* --- Several optimisers, and gradients on their way early -----------------------------------------------------------
 */

/* a's and b's gradients, equally many, are complete in another order on each second rank. Each is read twice. */
static void use_two_optimisers(int rank, void *user)
{
    int values = *(int *)user, size = fr_distributed_size();
    fr_module *m[2];
    fr_optim *o[2];
    fr_tensor *p[2], *part[2];

    for (int i = 0; i < 2; i++) {
        m[i] = fr_module_new("One", 0, NULL);
        p[i] = fr_module_param(m[i], "p", fr_ones(FR_SHAPE(values)));
        o[i] = fr_sgd(m[i], NULL);
        ck_assert(fr_optim_distributed(o[i]));
    }
    for (int i = 0; i < 2; i++) {
        int which = (rank + i) % 2;

        part[i] = fr_sum(fr_add(fr_mul_scalar(p[which], which ? 10 : rank + 1), fr_mul_scalar(p[which], 5)));
    }
    ck_assert(fr_backward(fr_add(part[0], part[1])));
    ck_assert_double_eq_tol(fr_at(fr_grad(p[0]), values - 1), (size + 1) / 2.0 + 5, 1e-6);
    ck_assert_double_eq_tol(fr_at(fr_grad(p[1]), values - 1), 15, 1e-5);
    for (int i = 0; i < 2; i++) {
        fr_optim_free(o[i]);
        fr_module_free(m[i]);
    }
}

START_TEST(test_two_optimisers)
{
    ck_assert_int_eq(run_ranks(2 + _i / 2, 20, use_two_optimisers, &(int){ _i % 2 ? 50000 : 50 }), 0);
}
END_TEST

static fr_tensor *times(fr_tensor *const *xs, void *user)
{
    return fr_mul(xs[0], user);
}

/* Checkpoints read a parameter after a node that was made later than they were. */
static void read_in_checkpoints(int rank, void *user)
{
    fr_module *m = fr_module_new("One", 0, NULL);
    fr_tensor *p = fr_module_param(m, "p", fr_ones(FR_SHAPE(3))), *x = fr_full(FR_SHAPE(3), rank);
    fr_optim *o = fr_sgd(m, NULL);
    fr_tensor *first, *second;

    (void)user;
    ck_assert(fr_optim_distributed(o));
    first = fr_checkpoint(times, &x, 1, p);
    second = fr_checkpoint(times, &x, 1, p);
    ck_assert(fr_backward(fr_sum(fr_add(fr_add(first, second), fr_mul_scalar(p, 3)))));
    ck_assert_double_eq_tol(fr_at(fr_grad(p), 2), 4, 1e-6); /* 3 + twice the mean of 0 and 1 */
    fr_optim_free(o);
    fr_module_free(m);
}

START_TEST(test_checkpoints)
{
    ck_assert_int_eq(run_ranks(2, 20, read_in_checkpoints, NULL), 0);
}
END_TEST

static fr_tensor *look_for_sums(fr_tensor *gradient, void *user)
{
    (void)gradient;
    *(bool *)user = this_rank->next[FR_CHANNELS - 2] > 0;
    return NULL;
}

static void send_early(int rank, void *user)
{
    fr_module *m = FR_SEQUENTIAL(fr_nn_linear(3, 1100, NULL), fr_nn_linear(1100, 1100, NULL));
    fr_optim *o = fr_sgd(m, NULL);
    bool started = false;

    (void)rank, (void)user;
    ck_assert(fr_optim_distributed(o));
    ck_assert(fr_on_gradient(fr_module_parameters(m, &(int){ 0 })[0], look_for_sums, &started));
    ck_assert(fr_backward(fr_sum(fr_forward(m, fr_ones(FR_SHAPE(2, 3))))));
    ck_assert(started);
    fr_optim_free(o);
    fr_module_free(m);
}

START_TEST(test_early)
{
    ck_assert_int_eq(run_ranks(2, 20, send_early, NULL), 0);
}
END_TEST

/* --- What one rank does wrong --------------------------------------------------------------------------------------
 */

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

/* --- Without others, and bad arguments -----------------------------------------------------------------------------
 */

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
    TCase *training = tcase_create("training"), *values = tcase_create("values"), *wrong = tcase_create("faults");

    tcase_set_timeout(training, 120);
    tcase_add_loop_test(training, test_trajectory, 0, sizeof kinds / sizeof *kinds);
    tcase_add_test(training, test_own_statistics);
    tcase_add_loop_test(training, test_some_parameters, 1, MOST_RANKS + 1);
    tcase_add_loop_test(training, test_two_optimisers, 0, 4);
    tcase_add_test(training, test_early);
    tcase_add_test(training, test_checkpoints);
    tcase_add_loop_test(values, test_values, 1, MOST_RANKS + 1);
    tcase_add_loop_test(wrong, test_faults, 0, FAULTS);
    tcase_add_test(wrong, test_alone);
    tcase_add_test(wrong, test_misuse);
    return run_tests("distributed", training, values, wrong);
}
