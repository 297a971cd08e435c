/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Groups of processes: n ranks train as one process with the whole batches does. The ranks are threads; check_mpi.sh
 * does the same with processes. */
#include "rank_threads.h"

enum { ROWS = 22, BATCH = 8, FEATURES = 3, STEPS = 9 };

/* --- The same trajectory ------------------------------------------------------------------------------------------ */

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

/* --- Values ------------------------------------------------------------------------------------------------------- */

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

/* --- Parameters that a rank's loss does not depend on ------------------------------------------------------------- */

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

/* --- Several optimisers, and gradients on their way early --------------------------------------------------------- */

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

int main(void)
{
    TCase *training = tcase_create("training"), *values = tcase_create("values");

    tcase_set_timeout(training, 120);
    tcase_add_loop_test(training, test_trajectory, 0, sizeof kinds / sizeof *kinds);
    tcase_add_test(training, test_own_statistics);
    tcase_add_loop_test(training, test_some_parameters, 1, MOST_RANKS + 1);
    tcase_add_loop_test(training, test_two_optimisers, 0, 4);
    tcase_add_test(training, test_early);
    tcase_add_test(training, test_checkpoints);
    tcase_add_loop_test(values, test_values, 1, MOST_RANKS + 1);
    return run_tests("distributed", training, values);
}
