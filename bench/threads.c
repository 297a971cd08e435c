/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Speed with one thread and with several: threads inside ops, and threads of the caller that use one model at once.
 *
 *     threads [THREADS [WORK...]]        2 by default; WORK: W1 ..., elementwise, concurrent; busy: beside another
 *                                        process, which keeps one of the cores busy */
#include "bench.h"
#include "workloads.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* --- Threads inside ops ------------------------------------------------------------------------------------------ */

/* Measures f with one and with several threads in turn, since the machine's speed drifts. rate: the speedup. */
static void compare_threads(const char *work, void (*f)(void *), void *argument, int threads, double seconds)
{
    enum { ROUNDS = 3 };
    timing one = { 0 }, many = { 0 };
    row r = { .work = work };

    for (int i = 0; i < ROUNDS; i++) {
        timing a, b;

        fr_set_num_threads(1);
        a = measure(f, argument, 1, seconds / ROUNDS);
        fr_set_num_threads(threads);
        b = measure(f, argument, 1, seconds / ROUNDS);
        if (i == 0 || a.best < one.best)
            one = a;
        if (i == 0 || b.best < many.best)
            many = b;
    }
    r.threads = 1;
    r.time = one;
    print_row(&r);
    r.threads = threads;
    r.time = many;
    r.rate = one.best / many.best;
    r.unit = "times one thread";
    print_row(&r);
}

static void compare_workload(const workload *w, int threads, const char *where)
{
    FR_SCOPE;
    char name[64];
    run r;

    begin_run(w, &r);
    snprintf(name, sizeof name, "%s train%s", w->name, where);
    compare_threads(name, train_step, &r, threads, w->seconds);
    snprintf(name, sizeof name, "%s infer%s", w->name, where);
    compare_threads(name, infer, &r, threads, w->seconds / 2);
    end_run(&r);
}

typedef struct {
    fr_tensor *a, *b;
} pair;

static void add(void *argument)
{
    FR_SCOPE;
    pair *p = argument;

    fr_add(p->a, p->b);
}

static void tanh_of(void *argument)
{
    FR_SCOPE;

    fr_tanh(((pair *)argument)->a);
}

static void softmax(void *argument)
{
    FR_SCOPE;

    fr_softmax(((pair *)argument)->a, 1);
}

static void sum(void *argument)
{
    FR_SCOPE;

    fr_sum(((pair *)argument)->a);
}

static void compare_elementwise(int threads)
{
    FR_SCOPE;
    fr_shape shape = FR_SHAPE(1 << 14, 1 << 8);
    pair p = { fr_randn(shape), fr_randn(shape) };

    compare_threads("add 4194304", add, &p, threads, 1);
    compare_threads("tanh 4194304", tanh_of, &p, threads, 1);
    compare_threads("softmax 4194304", softmax, &p, threads, 1);
    compare_threads("sum 4194304", sum, &p, threads, 1);
}

/* --- Beside another process -------------------------------------------------------------------------------------- */

/* One that never rests. */
static pid_t start_busy_process(void)
{
    pid_t child = fork();

    if (child == 0)
        for (volatile unsigned i = 0;; i++)
            continue;
    return child;
}

static void run_busy(int threads)
{
    pid_t child = start_busy_process();

    for (int i = 0; i < WORKLOADS; i++)
        if (strncmp(workloads[i].name, "W4", 2) == 0)
            compare_workload(&workloads[i], threads, ", a core busy");
    if (child > 0)
        kill(child, SIGKILL);
}

/* --- Threads of the caller --------------------------------------------------------------------------------------- */

enum { CALLERS_MAX = 64, SEQUENCES = 20000 };

static void *call(void *r)
{
    for (int i = 0; i < SEQUENCES; i++)
        infer(r);
    return NULL;
}

static void call_together(run *r, int callers)
{
    pthread_t thread[CALLERS_MAX];

    for (int i = 0; i < callers; i++)
        if (pthread_create(&thread[i], NULL, call, r) != 0)
            abort();
    for (int i = 0; i < callers; i++)
        pthread_join(thread[i], NULL);
}

typedef struct {
    run run;
    int callers;
} crowd;

static void run_crowd(void *argument)
{
    crowd *c = argument;

    call_together(&c->run, c->callers);
}

/* Each caller infers one sequence at a time. */
static void run_concurrent(const workload *w, int threads)
{
    FR_SCOPE;
    char name[64];
    crowd c;
    row r = { .work = name, .unit = "sequences a second" };

    begin_run(w, &c.run);
    fr_train(c.run.model, false);
    c.run.x = fr_slice(c.run.x, 0, 0, 1, 1);
    fr_set_num_threads(1);
    snprintf(name, sizeof name, "%s one sequence concurrent", w->name);
    for (c.callers = 1; c.callers <= threads; c.callers += threads > 1 ? threads - 1 : 1) {
        r.threads = c.callers;
        r.time = measure(run_crowd, &c, 1, 1);
        r.rate = (double)SEQUENCES * c.callers / r.time.best * 1e6;
        print_row(&r);
    }
    end_run(&c.run);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 2;

    if (threads < 1 || threads > CALLERS_MAX) {
        fprintf(stderr, "threads: from 1 to %d threads\n", CALLERS_MAX);
        return EXIT_FAILURE;
    }
    begin_bench(argc, argv, threads);
    for (int i = 0; i < WORKLOADS; i++)
        if (is_wanted(workloads[i].name, argc - 2, argv + 2))
            compare_workload(&workloads[i], threads, "");
    if (is_wanted("elementwise", argc - 2, argv + 2))
        compare_elementwise(threads);
    if (is_wanted("busy", argc - 2, argv + 2))
        run_busy(threads);
    for (int i = 0; i < 3 && is_wanted("concurrent", argc - 2, argv + 2); i++)
        run_concurrent(&workloads[i], threads);
    return 0;
}
