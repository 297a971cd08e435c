/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Loaders of several processes: their parts are the batches of one process, and fr_fit of all of them is fr_fit of one.
 * Here a process is a loader, or a thread. */
#include "testing.h"

#include <pthread.h>
#include <unistd.h>

enum { MOST = 4, MOST_ROWS = 64 };

/* --- Rows --------------------------------------------------------------------------------------------------------- */

/* A sum over processes that run one after the other, the first one first: it notes what that gave. */
typedef struct {
    double noted[8];
    int calls, next, index;
} recorded;

static bool sum_recorded(double *values, int n, void *user)
{
    recorded *r = user;

    for (int i = 0; i < n; i++) {
        if (r->index == 0)
            r->noted[r->calls++] = values[i];
        else
            ck_assert_double_eq(values[i], 0);
        values[i] = r->noted[r->next++];
    }
    return true;
}

/* The rows and weights that a loader gives until its epoch ends. */
typedef struct {
    int64_t rows[MOST_ROWS], sizes[MOST_ROWS];
    double weights[MOST_ROWS];
    int count, batches;
} epoch;

static epoch run_epoch(fr_loader *l)
{
    epoch e = { .count = 0 };
    fr_tensor *const *batch;

    while ((batch = fr_loader_next(l))) {
        e.weights[e.batches] = fr_loader_weight(l);
        e.sizes[e.batches++] = fr_dim(batch[0], 0);
        for (int64_t i = 0; i < fr_dim(batch[0], 0); i++)
            e.rows[e.count++] = (int64_t)fr_at(batch[0], i);
    }
    return e;
}

static fr_loader *loader_of(int64_t rows, const fr_loader_options *o)
{
    FR_SCOPE;
    return fr_loader_new(FR_TENSORS(fr_arange(0, (double)rows, 1, FR_I64)), o);
}

/* Part after part gives the batches of the whole, and weights whose mean is 1. */
static void assert_parts(const epoch *whole, const epoch *parts, int count)
{
    int at[MOST] = { 0 }, seen = 0;

    for (int b = 0; b < whole->batches; b++) {
        double weights = 0;
        int first = seen;

        for (int p = 0; p < count; p++) {
            ck_assert_int_eq(parts[p].batches, whole->batches);
            weights += parts[p].weights[b];
            ck_assert(parts[p].sizes[b] == 1 || parts[p].weights[b] > 0);
            if (parts[p].weights[b] > 0)
                ck_assert_double_eq_tol(parts[p].weights[b],
                                        (double)(parts[p].sizes[b] * count) / (double)whole->sizes[b], 1e-15);
            else
                ck_assert_int_eq(parts[p].rows[at[p]], whole->rows[first]);
            for (int i = 0; i < parts[p].sizes[b]; i++, at[p]++)
                if (parts[p].weights[b] > 0)
                    ck_assert_int_eq(parts[p].rows[at[p]], whole->rows[seen++]);
        }
        ck_assert_double_eq_tol(weights, count, 1e-12);
        ck_assert_int_eq(seen - first, whole->sizes[b]);
    }
}

static void check_parts(int64_t rows, const fr_loader_options *o, int count)
{
    epoch whole[2], parts[2][MOST];
    fr_loader *l = loader_of(rows, o);
    recorded r = { .index = 0 };

    fr_manual_seed(5);
    for (int i = 0; i < 2; i++)
        whole[i] = run_epoch(l);
    ck_assert_double_eq(whole[0].weights[0], whole[0].batches > 0);
    fr_loader_free(l);
    for (int p = 0; p < count; p++) {
        fr_manual_seed(p == 0 ? 5 : 77); /* the others' draws do not matter */
        r.index = p;
        r.next = 0;
        l = loader_of(rows, o);
        ck_assert(fr_loader_shard(l, &(fr_shard){ p, count, sum_recorded, &r, { NULL } }));
        for (int i = 0; i < 2; i++)
            parts[i][p] = run_epoch(l);
        fr_loader_free(l);
    }
    ck_assert_int_eq(r.calls, o->shuffle ? 4 : 0);
    for (int i = 0; i < 2; i++)
        assert_parts(&whole[i], parts[i], count);
}

START_TEST(parts_are_the_batches_of_one_process)
{
    static const int64_t sizes[][2] = { { 24, 8 }, { 23, 8 }, { 17, 5 }, { 9, 4 }, { 3, 8 }, { 1, 1 }, { 2, 2 } };

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int count = 1; count <= MOST; count++)
            for (int kind = 0; kind < 6; kind++)
                check_parts(sizes[i][0],
                            &(fr_loader_options){ .batch_size = sizes[i][1],
                                                  .shuffle = kind >= 2,
                                                  .shuffle_buffer = kind >= 4 ? 6 : 0,
                                                  .drop_last = kind & 1 },
                            count);
}
END_TEST

static bool no_sum(double *values, int n, void *user)
{
    for (int i = 0; user && i < n; i++)
        values[i] = *(double *)user;
    return user != NULL;
}

START_TEST(bad_shards_are_refused)
{
    double wrong[] = { -1, 4294967296.0, (double)NAN };
    fr_loader *l = loader_of(4, &(fr_loader_options){ .shuffle = true });

    ck_assert(!fr_loader_shard(l, NULL));
    assert_failed("loader_shard: shard is NULL");
    ck_assert(!fr_loader_shard(NULL, &(fr_shard){ 0, 1, no_sum, NULL, { NULL } }));
    assert_failed("loader_shard: loader is NULL");
    ck_assert(!fr_loader_shard(l, &(fr_shard){ 2, 2, no_sum, NULL, { NULL } }));
    assert_failed("loader_shard: process 2 of 2, expected 0 <= index < count", "check_data_shards.c");
    ck_assert(!fr_loader_shard(l, &(fr_shard){ -1, 2, no_sum, NULL, { NULL } }));
    assert_failed("process -1 of 2");
    ck_assert(!fr_loader_shard(l, &(fr_shard){ 0, 0, no_sum, NULL, { NULL } }));
    assert_failed("process 0 of 0");
    ck_assert(!fr_loader_shard(l, &(fr_shard){ 0, 1, NULL, NULL, { NULL } }));
    assert_failed("sum is NULL");
    ck_assert(!fr_loader_shard(l, &(fr_shard){ 0, 1, no_sum, NULL, { NULL, NULL, NULL, l } }));
    assert_failed("reserved[3]");
    ck_assert_double_eq(fr_loader_weight(l), 1);
    ck_assert(isnan(fr_loader_weight(NULL)));
    ck_assert(fr_loader_shard(l, &(fr_shard){ 0, 2, no_sum, NULL, { NULL } }));
    ck_assert_ptr_null(fr_loader_next(l));
    assert_failed("loader_next: the processes do not agree on an order: the shard's sum failed");
    for (int i = 0; i < 3; i++) {
        ck_assert(fr_loader_shard(l, &(fr_shard){ 0, 2, no_sum, &wrong[i], { NULL } }));
        ck_assert_ptr_null(fr_loader_next(l));
        assert_failed("loader_next: the shard's sum is");
    }
    fr_loader_free(l);
}
END_TEST

/* --- Resuming on another number of processes ---------------------------------------------------------------------- */

/* What is left of the epoch after a checkpoint of process 0 of two, on `count` processes. */
static void check_resumed(const char *path, const fr_loader_options *lo, const epoch *whole, int done, int count)
{
    epoch parts[MOST], left = { .count = 0 };
    recorded r = { .index = 0 };

    for (int p = 0; p < count; p++) {
        FR_AUTO(fr_module) m = fr_nn_linear(1, 1, NULL);
        FR_AUTO(fr_optim) o = fr_sgd(m, &(fr_sgd_options){ .lr = 0.1 });
        fr_loader *l = loader_of(23, lo);

        ck_assert(fr_loader_shard(l, &(fr_shard){ p, count, sum_recorded, &r, { NULL } }));
        ck_assert(fr_load_training(path, m, o, l));
        parts[p] = run_epoch(l);
        fr_loader_free(l);
    }
    for (int b = done; b < whole->batches; b++)
        left.sizes[left.batches++] = whole->sizes[b];
    for (int i = 8 * done; i < whole->count; i++)
        left.rows[left.count++] = whole->rows[i];
    assert_parts(&left, parts, count);
}

START_TEST(another_number_of_processes_goes_on)
{
    FR_AUTO(fr_module) m = fr_nn_linear(1, 1, NULL);
    FR_AUTO(fr_optim) o = fr_sgd(m, &(fr_sgd_options){ .lr = 0.1 });
    fr_loader_options lo = { .batch_size = 8, .shuffle = true, .shuffle_buffer = _i * 10 };
    fr_loader *l = loader_of(23, &lo);
    recorded r = { .index = 0 };
    char path[] = "shards-XXXXXX";
    epoch whole;

    close(mkstemp(path));
    fr_manual_seed(8);
    whole = run_epoch(l);
    fr_manual_seed(8);
    ck_assert(fr_loader_shard(l, &(fr_shard){ 0, 2, sum_recorded, &r, { NULL } }));
    fr_loader_next(l);
    ck_assert(fr_save_training(path, m, o, l));
    fr_loader_free(l);
    for (int count = 1; count <= MOST; count++)
        check_resumed(path, &lo, &whole, 1, count);
    remove(path);
}
END_TEST

/* --- Training ----------------------------------------------------------------------------------------------------- */

/* Threads that add up their values, in their order. */
typedef struct {
    pthread_barrier_t barrier;
    int count;
    double values[MOST][16];
} meeting;

typedef struct {
    meeting *meeting;
    int index;
    fr_module *model;
    fr_fit_result result;
    FILE *stream;
    bool ok;
} process;

static bool sum_threads(double *values, int n, void *user)
{
    process *p = user;
    meeting *m = p->meeting;

    memcpy(m->values[p->index], values, (size_t)n * sizeof *values);
    memset(values, 0, (size_t)n * sizeof *values);
    pthread_barrier_wait(&m->barrier);
    for (int i = 0; i < m->count; i++)
        for (int k = 0; k < n; k++)
            values[k] += m->values[i][k];
    pthread_barrier_wait(&m->barrier);
    return true;
}

/* The mean of all processes' gradients. */
static fr_tensor *mean_gradient(fr_tensor *gradient, void *user)
{
    const process *p = user;
    double values[16];
    int n = (int)fr_numel(gradient);
    fr_tensor *mean = fr_clone(gradient);

    for (int i = 0; i < n; i++)
        values[i] = fr_at(gradient, i);
    sum_threads(values, n, user);
    for (int i = 0; i < n; i++)
        ((double *)fr_data(mean))[i] = values[i] / p->meeting->count;
    return mean;
}

/* 45 points in batches of 16: the last batch has 13. 5 points in batches of 2: the last has fewer than processes. */
static fr_loader *points(int rows, int64_t batch_size, const fr_shard *shard)
{
    FR_SCOPE;
    fr_tensor *x = fr_reshape(fr_sin(fr_arange(0, 2 * rows, 1, FR_F64)), FR_SHAPE(rows, 2));
    fr_tensor *y = fr_cast(fr_lt_scalar(fr_sum_dim(fr_square(x), 1, false), 1), FR_I64);
    fr_loader *l = fr_loader_new(FR_TENSORS(x, y), &(fr_loader_options){ .batch_size = batch_size });

    ck_assert(!shard || fr_loader_shard(l, shard));
    return l;
}

static fr_module *classifier(void)
{
    fr_manual_seed(3);
    return FR_SEQUENTIAL(fr_nn_linear(2, 4, NULL), fr_nn_tanh(), fr_nn_linear(4, 2, NULL));
}

static void *fit(void *user)
{
    process *p = user;
    fr_shard shard = { p->index, p->meeting ? p->meeting->count : 0, sum_threads, p, { NULL } };
    fr_loader *training = points(45, 16, p->meeting ? &shard : NULL);
    fr_loader *validation = points(5, 2, p->meeting ? &shard : NULL);
    fr_optim *adam = fr_adam(p->model, &(fr_adam_options){ .lr = 0.05 });
    fr_fit_options o = { .epochs = 4,
                         .validation = validation,
                         .metric = fr_accuracy,
                         .keep_last = true,
                         .stream = p->stream,
                         .result = &p->result };
    int n;
    const fr_named_tensor *state = fr_module_state(p->model, &n);

    for (int i = 0; p->meeting && i < n; i++)
        fr_on_gradient(state[i].tensor, mean_gradient, p);
    p->ok = fr_fit(p->model, fr_cross_entropy, adam, training, &o);
    fr_optim_free(adam);
    fr_loader_free(training);
    fr_loader_free(validation);
    return NULL;
}

static void assert_alike(const process *a, const process *b)
{
    int n;
    const fr_named_tensor *of_a = fr_module_state(a->model, &n), *of_b = fr_module_state(b->model, &n);

    ck_assert(a->ok && b->ok);
    ck_assert_double_eq_tol(a->result.loss, b->result.loss, 1e-6);
    ck_assert_double_eq_tol(a->result.validation_loss, b->result.validation_loss, 1e-6);
    ck_assert_double_eq_tol(a->result.metric, b->result.metric, 1e-6);
    ck_assert_int_eq(a->result.best_epoch, b->result.best_epoch);
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < fr_numel(of_a[i].tensor); k++)
            ck_assert_double_eq_tol(fr_at(of_a[i].tensor, k), fr_at(of_b[i].tensor, k), 1e-6);
}

/* Also: one process alone writes lines. */
START_TEST(fit_of_several_is_fit_of_one)
{
    FILE *streams[MOST + 1];
    process one = { .stream = streams[MOST] = tmpfile() }, all[MOST];
    pthread_t threads[MOST];

    fr_set_default_dtype(FR_F64);
    one.model = classifier();
    fit(&one);
    for (int count = 1; count <= MOST; count++) {
        meeting m = { .count = count };

        pthread_barrier_init(&m.barrier, NULL, (unsigned)count);
        for (int i = 0; i < count; i++) {
            all[i] = (process){ .meeting = &m, .index = i, .model = classifier(), .stream = streams[i] = tmpfile() };
            ck_assert_int_eq(pthread_create(&threads[i], NULL, fit, &all[i]), 0);
        }
        for (int i = 0; i < count; i++) {
            pthread_join(threads[i], NULL);
            assert_alike(&one, &all[i]);
            ck_assert(i == 0 ? ftell(streams[i]) == ftell(streams[MOST]) : ftell(streams[i]) == 0);
            fclose(streams[i]);
            fr_module_free(all[i].model);
        }
        pthread_barrier_destroy(&m.barrier);
    }
    fclose(streams[MOST]);
    fr_module_free(one.model);
    fr_set_default_dtype(FR_F32);
}
END_TEST

int main(void)
{
    TCase *rows = tcase_create("rows"), *resuming = tcase_create("resuming"), *training = tcase_create("training");

    tcase_add_test(rows, parts_are_the_batches_of_one_process);
    tcase_add_test(rows, bad_shards_are_refused);
    tcase_add_loop_test(resuming, another_number_of_processes_goes_on, 0, 2);
    tcase_add_test(training, fit_of_several_is_fit_of_one);
    return run_tests("data_shards", rows, resuming, training);
}
