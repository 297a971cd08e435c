/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The pool of threads: each tile runs once, for any caller in any thread. */
#include "testing.h"

#include "core/threads.h" /* after <frond.h>: it turns the call sites off */

#include <pthread.h>
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
    if (child == 0)
        _exit(wrong_rounds(true) == 0 ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(wrong_rounds(false), 0);
    fr_set_num_threads(0);
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
    TCase *pool = tcase_create("pool");

    tcase_add_loop_test(pool, each_tile_is_run_once, 1, 5);
    tcase_add_test(pool, callers_at_once);
    tcase_add_test(pool, after_a_rest);
    tcase_add_test(pool, a_child_process_has_threads_of_its_own);
    tcase_add_test(pool, numbers_of_threads);
    return run_tests("threads", pool);
}
