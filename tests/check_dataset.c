/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Datasets of functions, loaders over several of them, and batches that a thread makes ahead: they are the batches of a
 * plain loader, whatever happens in between. */
#include "testing.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 23, WIDTH = 3, BATCH = 4 };

/* The linker puts it in the place of pthread_create (--wrap). */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *a, void *(*run)(void *), void *user);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *a, void *(*run)(void *), void *user);
static bool no_threads;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *a, void *(*run)(void *), void *user)
{
    return no_threads ? EAGAIN : __real_pthread_create(thread, a, run, user);
}

/* --- Functions ---------------------------------------------------------------------------------------------------- */

typedef struct {
    atomic_int calls, released, slow;
    int64_t bad; /* the row that fails; -1: none does */
    bool with_text, with_op;
    _Atomic pthread_t thread; /* of the last call */
} maker;

static void pause_for(long nanoseconds)
{
    nanosleep(&(struct timespec){ .tv_nsec = nanoseconds }, NULL);
}

/* (WIDTH) of index * 10 + 0, 1, 2 and a label. */
static bool make_row(int64_t index, void *const *values, void *user)
{
    maker *m = user;
    float *x = values[0];
    int64_t *label = values[1];

    atomic_fetch_add(&m->calls, 1);
    m->thread = pthread_self();
    if (m->slow)
        pause_for(1000000);
    if (index == m->bad)
        return m->with_text ? fr_dataset_fail("the camera is off")
                            : m->with_op && fr_sum(fr_zeros(FR_SHAPE((int64_t)1 << 60)));
    for (int i = 1; i < WIDTH; i++) /* x[0] of row 0 is the zero that was there */
        x[i] = (float)(index * 10 + i);
    if (index > 0)
        x[0] = (float)(index * 10);
    *label = index;
    return true;
}

static void count_release(void *user)
{
    atomic_fetch_add(&((maker *)user)->released, 1);
}

static fr_dataset *made(maker *m)
{
    return fr_dataset_new(&(fr_dataset_options){ .rows = ROWS,
                                                 .count = 2,
                                                 .shapes = (fr_shape[]){ FR_SHAPE(WIDTH), FR_SHAPE() },
                                                 .dtypes = (fr_dtype[]){ FR_F32, FR_I64 },
                                                 .row = make_row,
                                                 .user = m,
                                                 .release = count_release });
}

/* The loader of the function; the dataset is freed at once. */
static fr_loader *loader_of(maker *m, fr_loader_options o)
{
    fr_dataset *d = made(m);
    fr_loader *l;

    o.batch_size = BATCH;
    l = fr_loader_over(&d, 1, &o);
    ck_assert_msg(l != NULL, "%s", fr_error_message());
    fr_dataset_free(d);
    return l;
}

/* A plain loader of the same rows in memory. */
static fr_loader *plain(fr_loader_options o)
{
    FR_SCOPE;
    fr_tensor *label = fr_arange(0, ROWS, 1, FR_I64);
    fr_tensor *x = fr_add(fr_mul_scalar(fr_unsqueeze(fr_cast(label, FR_F32), 1), 10), fr_arange(0, WIDTH, 1, FR_F32));

    o.batch_size = BATCH;
    o.prefetch_factor = 0;
    return fr_loader_new(FR_TENSORS(x, label), &o);
}

/* Takes one batch of each, or the end of an epoch. False at the end. */
static bool same_batch(fr_loader *a, fr_loader *b)
{
    fr_tensor *const *x = fr_loader_next(a), *const *y = fr_loader_next(b);

    ck_assert_msg(!x == !y, "%s: one epoch ends: %s", test_about, fr_error_message());
    for (int i = 0; x && i < 2; i++)
        ck_assert_msg(fr_equal(x[i], y[i]), "%s: tensor %d", test_about, i);
    return x != NULL;
}

/* Runs both loaders for two epochs, each with its own draws, which must be alike. */
static void assert_same_epochs(fr_loader *l, fr_loader_options o)
{
    fr_loader *p = plain(o);
    double draws[2];
    fr_tensor *const *kept[2][2 * ROWS];
    int count[2] = { 0 };
    fr_loader *both[] = { l, p };

    for (int k = 0; k < 2; k++) {
        FR_SCOPE;
        fr_manual_seed(11);
        for (int epoch = 0; epoch < 2; epoch++)
            for (fr_tensor *const *batch; (batch = fr_loader_next(both[k])); count[k]++) {
                fr_tensor **copy = calloc(2, sizeof *copy);

                for (int i = 0; i < 2; i++)
                    copy[i] = fr_ref(batch[i]);
                kept[k][count[k]] = copy;
            }
        draws[k] = fr_item(fr_rand(FR_SHAPE()));
    }
    ck_assert_msg(!fr_error_message(), "%s", fr_error_message());
    ck_assert_int_eq(count[0], count[1]);
    ck_assert_double_eq(draws[0], draws[1]);
    for (int b = 0; b < count[0]; b++) {
        for (int i = 0; i < 2; i++)
            ck_assert(fr_equal(kept[0][b][i], kept[1][b][i]));
        for (int k = 0; k < 2; k++) {
            fr_unref(kept[k][b][0]);
            fr_unref(kept[k][b][1]);
            free((void *)kept[k][b]);
        }
    }
    fr_loader_free(p);
}

static const int64_t factors[] = { 0, 1, 2, 5, 1000000000000 };
enum { FACTORS = sizeof factors / sizeof *factors, KINDS = 6, BUFFER = 7 };

/* Each prefetch_factor with and without drop_last, in order, shuffled, and with a shuffle buffer. */
static fr_loader_options options_of(int i)
{
    int kind = i % KINDS;

    return (fr_loader_options){ .prefetch_factor = factors[i / KINDS],
                                .shuffle = kind >= 2,
                                .shuffle_buffer = kind >= 4 ? BUFFER : 0,
                                .drop_last = kind & 1 };
}

/* Each prefetch_factor without and with a shuffle buffer. */
static fr_loader_options shuffled(int i)
{
    return (fr_loader_options){ .prefetch_factor = factors[i / 2], .shuffle = true, .shuffle_buffer = i % 2 * BUFFER };
}

START_TEST(functions_make_the_rows_of_a_plain_loader)
{
    maker m = { .bad = -1 };
    fr_loader_options o = options_of(_i);
    fr_loader *l = loader_of(&m, o);

    assert_same_epochs(l, o);
    ck_assert_int_eq(fr_loader_batches(l), o.drop_last ? ROWS / BATCH : ROWS / BATCH + 1);
    ck_assert_int_eq(m.calls, 2 * (o.drop_last ? ROWS / BATCH * BATCH : ROWS));
    ck_assert_int_eq(m.released, 0);
    ck_assert(pthread_equal(m.thread, pthread_self()) == (o.prefetch_factor == 0));
    fr_loader_free(l);
    ck_assert_int_eq(m.released, 1);
}
END_TEST

START_TEST(several_datasets_make_one_batch)
{
    FR_SCOPE;
    maker m = { .bad = -1 };
    fr_tensor *y = fr_arange(100, 100 + ROWS, 1, FR_F64), *z = fr_arange(200, 200 + ROWS, 1, FR_F32);
    fr_dataset *d[] = { made(&m), fr_dataset_tensors(FR_TENSORS(y, z)), made(&m) };
    fr_loader *l = fr_loader_over(d, 3, &(fr_loader_options){ .batch_size = 2, .shuffle = true });
    int64_t rows = 0;

    ck_assert_int_eq(fr_dataset_rows(d[1]), ROWS);
    for (fr_tensor *const *batch; (batch = fr_loader_next_of(l, 6)); rows += fr_dim(batch[0], 0)) {
        for (int64_t i = 0; i < fr_dim(batch[0], 0); i++) {
            double row = fr_at(batch[1], i);

            ck_assert_double_eq(fr_at(batch[0], i * WIDTH + 2), row * 10 + 2);
            ck_assert_double_eq(fr_at(batch[2], i), row + 100);
            ck_assert_double_eq(fr_at(batch[3], i), row + 200);
            ck_assert_double_eq(fr_at(batch[5], i), row);
        }
    }
    ck_assert_int_eq(rows, ROWS);
    fr_loader_free(l);
    for (int i = 0; i < 3; i++)
        fr_dataset_free(d[i]);
    ck_assert_int_eq(m.released, 2);
}
END_TEST

START_TEST(bad_datasets_are_refused)
{
    FR_SCOPE;
    maker m = { .bad = -1 };
    fr_shape many = { 8, { 1, 1, 1, 1, 1, 1, 1, 1 } }, negative = FR_SHAPE(2, -1);
    fr_dtype wrong = (fr_dtype)7;
    fr_dataset_options good = { .rows = 3, .count = 1, .row = make_row, .user = &m, .release = count_release }, o;
    fr_dataset *d[2];

    ck_assert_ptr_null(fr_dataset_new(NULL));
    assert_failed("dataset_new: options is NULL");
    o = good, o.rows = -1;
    ck_assert_ptr_null(fr_dataset_new(&o));
    assert_failed("dataset_new: -1 rows of 1 tensors");
    o = good, o.count = 0;
    ck_assert_ptr_null(fr_dataset_new(&o));
    assert_failed("3 rows of 0 tensors");
    o = good, o.row = NULL;
    ck_assert_ptr_null(fr_dataset_new(&o));
    assert_failed("row is NULL, expected a function");
    o = good, o.shapes = &many;
    ck_assert_ptr_null(fr_dataset_new(&o));
    assert_failed("tensor 0: a row of 8 dims, expected at most 7");
    o = good, o.shapes = &negative;
    ck_assert_ptr_null(fr_dataset_new(&o));
    assert_failed("dataset_new", "-1");
    o = good, o.dtypes = &wrong;
    ck_assert_ptr_null(fr_dataset_new(&o));
    assert_failed("dtype 7");
    o = good, o.reserved[2] = &m;
    ck_assert_ptr_null(fr_dataset_new(&o));
    assert_failed("reserved[2]");
    ck_assert_int_eq(m.released, 0);
    ck_assert_int_eq(fr_dataset_rows(NULL), -1);
    d[0] = made(&m);
    d[1] = fr_dataset_tensors(FR_TENSORS(fr_ones(FR_SHAPE(4))));
    ck_assert_ptr_null(fr_loader_over(d, 2, NULL));
    assert_failed("loader_over: dataset 1 has 4 rows, dataset 0 has 23");
    ck_assert_ptr_null(fr_loader_over(d, 0, NULL));
    assert_failed("loader_over: 0 datasets given");
    ck_assert_ptr_null(fr_loader_over(NULL, 1, NULL));
    assert_failed("datasets is NULL");
    ck_assert_ptr_null(fr_loader_over(d, 1, &(fr_loader_options){ .prefetch_factor = -1 }));
    assert_failed("loader_over: prefetch_factor is -1, expected 0 or more");
    ck_assert_ptr_null(fr_dataset_tensors(NULL, 1));
    assert_failed("dataset_tensors: tensors is NULL");
    fr_dataset_free(d[0]);
    fr_dataset_free(d[1]);
    fr_dataset_free(NULL);
}
END_TEST

/* --- Failures ----------------------------------------------------------------------------------------------------- */

/* The error comes out in this thread, at the batch that it is of, and the next call retries. */
START_TEST(a_row_that_fails_is_an_error_of_its_batch)
{
    static const char *const texts[] = { "frond: loader_next: row 9: the dataset's function failed",
                                         "frond: dataset: the camera is off", "frond: zeros: " };
    maker m = { .bad = 9, .with_text = _i % 3 == 1, .with_op = _i % 3 == 2 };
    fr_loader_options o = { .prefetch_factor = factors[_i / 3] };
    fr_loader *l = loader_of(&m, o), *p = plain(o);

    for (int i = 0; i < 2; i++)
        ck_assert(same_batch(l, p));
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_null(fr_loader_next(l));
        assert_failed(texts[_i % 3], "check_dataset.c");
    }
    m.bad = -1;
    for (int i = 2; i < 6; i++)
        ck_assert(same_batch(l, p));
    ck_assert(!same_batch(l, p));
    fr_loader_free(l);
    fr_loader_free(p);
}
END_TEST

/* --- What happens in the middle of an epoch ----------------------------------------------------------------------- */

START_TEST(an_epoch_may_be_left)
{
    maker m = { .bad = -1, .slow = 1 };
    fr_loader_options o = shuffled(_i);
    fr_loader *l, *p;

    for (int taken = 0; taken < 4; taken++) { /* free */
        l = loader_of(&m, o);
        for (int i = 0; i < taken; i++)
            ck_assert_ptr_nonnull(fr_loader_next(l));
        fr_loader_free(l);
        ck_assert_int_eq(m.released, taken + 1);
    }
    m.slow = 0;
    l = loader_of(&m, o);
    p = plain(o);
    for (int taken = 0; taken < 9; taken++) { /* rewind, the end of the epoch among them */
        uint64_t seed = (uint64_t)taken;

        for (int i = 0; i < taken; i++) {
            fr_manual_seed(seed);
            fr_tensor *const *x = fr_loader_next(l);
            fr_manual_seed(seed);
            fr_tensor *const *y = fr_loader_next(p);

            ck_assert(!x == !y && (!x || (fr_equal(x[0], y[0]) && fr_equal(x[1], y[1]))));
        }
        fr_loader_rewind(l);
        fr_loader_rewind(p);
    }
    fr_loader_free(l);
    fr_loader_free(p);
}
END_TEST

static bool no_sum(double *values, int n, void *user)
{
    (void)values;
    (void)n;
    (void)user;
    return true;
}

/* Batches made ahead for the whole are not given to a part. */
START_TEST(a_shard_begins_at_the_next_batch)
{
    maker m = { .bad = -1 };
    fr_loader_options o = { .prefetch_factor = factors[_i] };
    fr_loader *l = loader_of(&m, o), *p = plain(o);

    ck_assert(same_batch(l, p));
    pause_for(2000000);
    for (int k = 0; k < 2; k++)
        ck_assert(fr_loader_shard(k ? p : l, &(fr_shard){ 1, 2, no_sum, NULL, { NULL } }));
    while (same_batch(l, p))
        ck_assert_double_eq(fr_loader_weight(l), fr_loader_weight(p));
    fr_loader_free(l);
    fr_loader_free(p);
}
END_TEST

/* A checkpoint has the place of the batches that were given, not of those that are made. */
START_TEST(a_checkpoint_goes_on_after_the_last_batch)
{
    FR_AUTO(fr_module) model = fr_nn_linear(1, 1, NULL);
    FR_AUTO(fr_optim) sgd = fr_sgd(model, &(fr_sgd_options){ .lr = 0.1 });
    char path[] = "dataset-XXXXXX";
    maker m = { .bad = -1 };
    fr_loader_options o = shuffled(_i);
    fr_loader *l = loader_of(&m, o), *p = plain(o), *other = loader_of(&m, o);

    close(mkstemp(path));
    fr_manual_seed(4);
    for (int i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(fr_loader_next(p));
    fr_manual_seed(4);
    for (int i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(fr_loader_next(l));
    pause_for(2000000);
    ck_assert(fr_save_training(path, model, sgd, l));
    ck_assert_ptr_nonnull(fr_loader_next(other)); /* its thread is at work */
    ck_assert(fr_load_training(path, model, sgd, other));
    for (int i = 2; i < 6; i++) {
        fr_tensor *const *x = fr_loader_next(l), *const *y = fr_loader_next(other), *const *z = fr_loader_next(p);

        for (int k = 0; k < 2; k++)
            ck_assert(fr_equal(x[k], z[k]) && fr_equal(y[k], z[k]));
    }
    ck_assert_ptr_null(fr_loader_next(other));
    remove(path);
    fr_loader_free(l);
    fr_loader_free(p);
    fr_loader_free(other);
}
END_TEST

/* A child does not have the thread: it starts one of its own, and gives the rest of the epoch. */
START_TEST(a_child_goes_on)
{
    enum { LIMIT = 60 };
    maker m = { .bad = -1, .slow = 1 };
    fr_loader_options o = shuffled(_i);
    fr_loader *l = loader_of(&m, o), *p = plain(o);
    pid_t child;
    int status;

    if (SANITIZED)
        return fr_loader_free(l), fr_loader_free(p);
    fr_manual_seed(6);
    ck_assert_ptr_nonnull(fr_loader_next(p));
    fr_manual_seed(6);
    ck_assert_ptr_nonnull(fr_loader_next(l));
    child = fork();
    if (child == 0) {
        bool same = true;

        alarm(LIMIT);
        for (int i = 1; i < 6; i++) {
            fr_tensor *const *x = fr_loader_next(l), *const *y = fr_loader_next(p);

            same = same && x && y && fr_equal(x[0], y[0]);
        }
        same = same && !fr_loader_next(l);
        fr_loader_free(l);
        _exit(same ? 0 : 1);
    }
    while (same_batch(l, p)) {
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %#x", (unsigned)status);
    fr_loader_free(l);
    fr_loader_free(p);
}
END_TEST

/* No more than what was asked for is made ahead. */
START_TEST(the_thread_waits)
{
    maker m = { .bad = -1 };
    fr_loader *l = loader_of(&m, (fr_loader_options){ .prefetch_factor = 2 });

    ck_assert_ptr_nonnull(fr_loader_next(l));
    for (int i = 0; i < 1000 && m.calls < 3 * BATCH; i++)
        pause_for(1000000);
    pause_for(20000000);
    ck_assert_int_eq(m.calls, 3 * BATCH);
    fr_loader_free(l);
}
END_TEST

/* Where there are no more threads the loader makes its batches itself. */
START_TEST(no_thread_is_no_error)
{
    maker m = { .bad = -1 };
    fr_loader_options o = { .prefetch_factor = 2, .shuffle = true };
    fr_loader *l = loader_of(&m, o);

    no_threads = true;
    assert_same_epochs(l, o);
    no_threads = false;
    ck_assert(pthread_equal(m.thread, pthread_self()));
    fr_loader_free(l);
}
END_TEST

int main(void)
{
    TCase *functions = tcase_create("functions"), *ahead = tcase_create("ahead");

    tcase_add_loop_test(functions, functions_make_the_rows_of_a_plain_loader, 0, FACTORS * KINDS);
    tcase_add_test(functions, several_datasets_make_one_batch);
    tcase_add_test(functions, bad_datasets_are_refused);
    tcase_add_loop_test(ahead, a_row_that_fails_is_an_error_of_its_batch, 0, 3 * FACTORS);
    tcase_add_loop_test(ahead, an_epoch_may_be_left, 0, 2 * FACTORS);
    tcase_add_loop_test(ahead, a_shard_begins_at_the_next_batch, 0, FACTORS);
    tcase_add_loop_test(ahead, a_checkpoint_goes_on_after_the_last_batch, 0, 2 * FACTORS);
    tcase_add_loop_test(ahead, a_child_goes_on, 0, 2 * FACTORS);
    tcase_add_test(ahead, the_thread_waits);
    tcase_add_test(ahead, no_thread_is_no_error);
    return run_tests("dataset", functions, ahead);
}
