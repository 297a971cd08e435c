/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The pool of threads: each tile runs once, for any caller in any thread. Children of a process whose threads compute.
 */
#include "testing.h"

#include "core/locks.h"
#include "core/threads.h" /* after <frond.h>: it turns the call sites off */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TILES = 37, ROUNDS = 400, INNER = 3 };

typedef struct {
    atomic_int runs[TILES];
    bool nested;
} job;

static void count_inner(void *inner, int64_t tile)
{
    (void)tile;
    atomic_fetch_add((atomic_int *)inner, 1);
}

static void count(void *user, int64_t tile)
{
    job *j = user;

    atomic_fetch_add(&j->runs[tile], 1);
    if (j->nested) {
        atomic_int inner = 0;

        fr_run_tiles(INNER, count_inner, &inner);
        if (inner != INNER)
            atomic_fetch_add(&j->runs[tile], TILES);
    }
}

/* Returns how many of many rounds had a tile that did not run exactly once. */
static int wrong_rounds(bool nested)
{
    int wrong = 0;

    for (int r = 0; r < ROUNDS; r++) {
        job j = { .nested = nested };
        bool ok = true;

        fr_run_tiles(TILES, count, &j);
        for (int i = 0; i < TILES; i++)
            ok = ok && j.runs[i] == 1;
        wrong += !ok;
    }
    return wrong;
}

START_TEST(each_tile_is_run_once)
{
    fr_set_num_threads(_i);
    ck_assert_int_eq(wrong_rounds(false), 0);
    ck_assert_int_eq(wrong_rounds(true), 0);
    fr_set_num_threads(0);
}
END_TEST

static void *call_in_thread(void *wrong)
{
    *(int *)wrong = wrong_rounds(false);
    return NULL;
}

START_TEST(callers_at_once)
{
    pthread_t threads[3];
    int wrong[3];

    fr_set_num_threads(3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_in_thread, &wrong[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(wrong[i], 0);
    }
    fr_set_num_threads(0);
}
END_TEST

/* A thread of the pool sleeps after a while without work, and must be woken. */
START_TEST(after_a_rest)
{
    fr_set_num_threads(3);
    for (int i = 0; i < 5; i++) {
        job j = { .nested = false };

        fr_run_tiles(TILES, count, &j);
        usleep(2000);
        ck_assert_int_eq(j.runs[TILES - 1], 1);
    }
    fr_set_num_threads(0);
}
END_TEST

START_TEST(a_child_process_has_threads_of_its_own)
{
    int status;
    pid_t child;

    fr_set_num_threads(3);
    ck_assert_int_eq(wrong_rounds(false), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        bool one = fr_num_threads() == 1;

        fr_set_num_threads(3);
        _exit(one && wrong_rounds(true) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(wrong_rounds(false), 0);
    fr_set_num_threads(0);
}
END_TEST

/* --- Forking beside a busy thread --------------------------------------------------------------------------------- */

static atomic_bool stop;

/* Forks many times while another thread is busy. Returns how many children did not end well: work failed in them, or
 * hung. */
static int bad_children(int forks, void *(*busy)(void *), bool (*work)(void *), void *user)
{
    pthread_t thread;
    int bad = 0;

    stop = false;
    ck_assert_int_eq(pthread_create(&thread, NULL, busy, user), 0);
    for (int i = 0; i < forks && bad == 0; i++) {
        int status = -1;
        pid_t child = fork();

        ck_assert_int_ge(child, 0);
        if (child == 0) {
            signal(SIGALRM, SIG_DFL); /* Check's handler would kill its parent, too */
            alarm(10);                /* ends a child that hangs */
            _exit(work(user) ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        bad += status != 0;
    }
    stop = true;
    pthread_join(thread, NULL);
    return bad;
}

static void *lock_and_unlock(void *name)
{
    while (!stop) {
        fr_lock(*(fr_lock_name *)name);
        fr_unlock(*(fr_lock_name *)name);
    }
    return NULL;
}

static bool lock_once(void *name)
{
    fr_lock(*(fr_lock_name *)name);
    fr_unlock(*(fr_lock_name *)name);
    return true;
}

START_TEST(no_lock_is_held_in_a_child)
{
    fr_lock_name name = (fr_lock_name)_i;

    ck_assert_int_eq(bad_children(30, lock_and_unlock, lock_once, &name), 0);
}
END_TEST

/* Products of two sizes, one of them large enough for several tiles; random values; a graph; tracking. */
static bool step(void *weights)
{
    FR_SCOPE;
    fr_tensor *w = weights, *small = fr_randn(FR_SHAPE(16, 16)), *large = fr_randn(FR_SHAPE(150, 150));
    fr_tensor *loss = fr_add(fr_sum(fr_matmul(large, large)), fr_sum(fr_matmul(small, w)));

    for (int i = 0; i < 50; i++)
        fr_matmul(small, small);
    fr_track_live(true);
    fr_zeros(FR_SHAPE(3));
    fr_track_live(false);
    return fr_backward(loss);
}

static void *keep_stepping(void *w)
{
    while (!stop)
        step(w);
    return NULL;
}

START_TEST(children_of_a_busy_process_compute)
{
    FR_SCOPE;

    fr_set_num_threads(3);
    ck_assert_int_eq(bad_children(60, keep_stepping, step, fr_requires_grad(fr_ones(FR_SHAPE(16, 16)))), 0);
    fr_set_num_threads(0);
}
END_TEST

/* --- Everything at once ------------------------------------------------------------------------------------------- */

enum { STEPS = 25, PERSONS = 7 };

static fr_module *shared_model;
static atomic_int failures;

static fr_module *make_model(void)
{
    return fr_nn_sequential(4, (fr_module *[]){ fr_nn_rnn(6, 20, &(fr_recurrent_options){ .batch_first = true }),
                                                fr_nn_layer_norm(FR_SHAPE(20), NULL), fr_nn_dropout(0.1),
                                                fr_nn_linear(20, 1, NULL) });
}

static fr_tensor *loss_of(fr_module *m)
{
    return fr_mse(fr_forward(m, fr_randn(FR_SHAPE(70, 5, 6))), fr_zeros(FR_SHAPE(70, 5, 1)), FR_MEAN);
}

static void *train(void *unused)
{
    FR_SCOPE;
    fr_module *m = make_model();
    fr_optim *o = fr_adam(m, NULL);

    for (int i = 0; i < STEPS; i++) {
        FR_SCOPE;

        fr_optim_zero_grad(o);
        failures += !fr_backward(loss_of(m)) || !fr_optim_step(o) || !(fr_clip_grad_norm(m, 1) >= 0);
    }
    fr_optim_free(o);
    fr_module_free(m);
    return unused;
}

static void *infer(void *unused)
{
    for (int i = 0; i < STEPS; i++) {
        FR_SCOPE;
        FR_NO_GRAD;

        failures += !isfinite(fr_item(loss_of(shared_model)));
    }
    return unused;
}

/* Adds to the gradients of the shared model. */
static void *differentiate(void *unused)
{
    for (int i = 0; i < STEPS; i++) {
        FR_SCOPE;

        failures += !fr_backward(loss_of(shared_model));
    }
    return unused;
}

static void *change_settings(void *unused)
{
    for (int i = 0; i < 20 * STEPS; i++) {
        FR_SCOPE;

        fr_set_num_threads(i % 5);
        fr_manual_seed((uint64_t)i);
        fr_track_live(i % 16 == 0);
        failures += fr_num_threads() < 1 || fr_live_bytes() == 0 || !fr_randperm(10) || !fr_eye(3);
    }
    fr_track_live(false);
    return unused;
}

/* The thread sanitizer looks at this (--enable-sanitizers=thread). */
START_TEST(training_inference_and_settings_at_once)
{
    static void *(*const roles[PERSONS])(void *) = { train,         train,         infer,          infer,
                                                     differentiate, differentiate, change_settings };
    pthread_t threads[PERSONS];

    shared_model = make_model();
    fr_train(shared_model, false);
    failures = 0;
    for (int i = 0; i < PERSONS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, roles[i], NULL), 0);
    for (int i = 0; i < PERSONS; i++)
        pthread_join(threads[i], NULL);
    fr_module_free(shared_model);
    fr_set_num_threads(0);
    ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(numbers_of_threads)
{
    fr_set_num_threads(5);
    ck_assert_int_eq(fr_num_threads(), 5);
    fr_set_num_threads(-1);
    ck_assert_int_ge(fr_num_threads(), 1);
}
END_TEST

int main(void)
{
    TCase *pool = tcase_create("pool"), *forks = tcase_create("forks");
    TCase *together = tcase_create("together");

    tcase_add_loop_test(pool, each_tile_is_run_once, 1, 5);
    tcase_add_test(pool, callers_at_once);
    tcase_add_test(pool, after_a_rest);
    tcase_add_test(pool, a_child_process_has_threads_of_its_own);
    tcase_add_test(pool, numbers_of_threads);
    tcase_add_loop_test(forks, no_lock_is_held_in_a_child, 0, FR_LOCKS);
    if (!SANITIZED) /* a sanitizer's own allocator may be locked in a child */
        tcase_add_test(forks, children_of_a_busy_process_compute);
    tcase_add_test(together, training_inference_and_settings_at_once);
    return run_tests("threads", pool, forks, together);
}
