/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What training with several processes costs, on the machine that it runs on:
 *
 *     mpirun -n N bench/ranks [REPEATS [PARTS]]
 *
 * prints, as CSV, for sums of so many bytes over all ranks, and for training steps of three models, the best and the
 * median time in microseconds. A batch is that of all ranks together, or one of PARTS parts of it. "alone" is a step
 * whose gradients are not averaged: the rest is what the ranks cost. scaling.py makes doc/scaling.md of these figures.
 * Ranks that share a core tell nothing: bind each to its own, by -bind-to core (MPICH) or --bind-to core (Open MPI). */
#include <frond.h>
#include <frond/distributed.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST_REPEATS = 1000 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Runs `run` again and again, and prints its times as rank 0 sees them. */
static void measure(const char *name, int64_t size, int repeats, void (*run)(void *), void *user)
{
    double times[MOST_REPEATS];

    for (int i = -3; i < repeats; i++) {
        fr_distributed_barrier();

        double begin = now();

        run(user);
        if (i >= 0)
            times[i] = now() - begin;
    }
    qsort(times, (size_t)repeats, sizeof *times, by_size);
    if (fr_distributed_rank() == 0)
        printf("%s,%lld,%d,%d,%.2f,%.2f\n", name, (long long)size, fr_distributed_size(), fr_num_threads(), times[0],
               times[repeats / 2]);
    fflush(stdout);
}

/* --- Sums --------------------------------------------------------------------------------------------------------- */

static void sum(void *user)
{
    FR_SCOPE;
    FR_NO_GRAD;

    fr_all_reduce(user);
}

static void measure_sums(int repeats)
{
    for (int64_t bytes = 4; bytes <= 1 << 24; bytes *= 8) {
        FR_SCOPE;
        measure("sum", bytes, bytes > 1 << 20 ? repeats / 4 + 1 : repeats, sum, fr_zeros(FR_SHAPE(bytes / 4)));
    }
}

/* --- Steps -------------------------------------------------------------------------------------------------------- */

typedef struct {
    fr_module *model;
    fr_optim *optim;
    fr_tensor *x;
    bool alone;
} job;

static void step(void *user)
{
    FR_SCOPE;
    job *j = user;

    fr_optim_zero_grad(j->optim);
    fr_optim_no_sync(j->optim, j->alone);
    fr_backward(fr_mean(fr_square(fr_forward(j->model, j->x))));
    fr_optim_step(j->optim);
}

/* shape: of all ranks' x together, batch first. parts: it is divided by that. */
static void measure_step(const char *name, int repeats, int parts, fr_module *model, fr_shape shape)
{
    FR_SCOPE;
    int n;
    fr_tensor *const *parameters = fr_module_parameters(model, &n);
    int64_t values = 0;
    char whole[64], alone[64];

    for (int i = 0; i < n; i++)
        values += fr_numel(parameters[i]);
    shape.dim[0] /= parts * fr_distributed_size();
    snprintf(whole, sizeof whole, parts > 1 ? "%s part of %d" : "%s", name, parts);
    snprintf(alone, sizeof alone, "%s alone", name);

    job j = { .model = model, .optim = fr_sgd(model, NULL), .x = fr_randn(shape) };

    fr_optim_distributed(j.optim);
    measure(whole, values, repeats, step, &j);
    j.alone = fr_distributed_size() > 1;
    if (j.alone)
        measure(alone, values, repeats, step, &j);
    fr_optim_free(j.optim);
    fr_module_free(model);
}

int main(int argc, char **argv)
{
    int repeats = argc > 1 ? atoi(argv[1]) : 100, parts = argc > 2 ? atoi(argv[2]) : 1;

    fr_distributed_init(NULL);
    repeats = repeats < 1 ? 1 : repeats > MOST_REPEATS ? MOST_REPEATS : repeats;
    parts = parts < 1 ? 1 : parts * fr_distributed_size() > 32 ? 1 : parts; /* a batch has 32 rows or more */
    if (fr_distributed_rank() == 0)
        printf("what,size,ranks,threads,best us,median us\n");
    measure_sums(repeats);
    measure_step("gru 32x32", repeats, parts, fr_nn_gru(1, 32, &(fr_recurrent_options){ .batch_first = true }),
                 FR_SHAPE(32, 10, 1));
    measure_step("mlp 1024", repeats / 4 + 1, parts,
                 FR_SEQUENTIAL(fr_nn_linear(1024, 1024, NULL), fr_nn_tanh(), fr_nn_linear(1024, 1024, NULL),
                               fr_nn_tanh(), fr_nn_linear(1024, 1024, NULL)),
                 FR_SHAPE(256, 1024));
    measure_step("lstm 512x512", repeats / 20 + 3, parts,
                 fr_nn_lstm(512, 512, &(fr_recurrent_options){ .batch_first = true }), FR_SHAPE(64, 50, 512));
    fr_distributed_finalize();
    return 0;
}
