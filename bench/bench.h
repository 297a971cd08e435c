/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Timing for the bench programs, and the rows that they print: comma-separated, one a workload. */
#ifndef FROND_BENCH_BENCH_H
#define FROND_BENCH_BENCH_H

#include <frond.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Of one call, in microseconds. */
typedef struct {
    double best, median;
} timing;

static inline double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Calls f for about `seconds`, at least 7 times, `calls` of them to a reading where one is too short to be read. */
static inline timing measure(void (*f)(void *), void *argument, int calls, double seconds)
{
    enum { MOST = 20000 };
    double *t = malloc(MOST * sizeof *t), end = now_us() + seconds * 1e6;
    int n = 0;
    timing result;

    if (!t)
        abort();
    for (int i = 0; i < 3; i++)
        f(argument);
    while (n < 7 || (n < MOST && now_us() < end)) {
        double start = now_us();

        for (int i = 0; i < calls; i++)
            f(argument);
        t[n++] = (now_us() - start) / calls;
    }
    qsort(t, (size_t)n, sizeof *t, compare_doubles);
    result = (timing){ t[0], t[n / 2] };
    free(t);
    return result;
}

static inline void print_header(void)
{
    puts("work,threads,best_us,median_us,rate,unit");
}

/* rate: of the best, in unit; 0: none */
static inline void print_row(const char *work, timing t, double rate, const char *unit)
{
    printf("%s,%d,%.3f,%.3f,%.2f,%s\n", work, fr_num_threads(), t.best, t.median, rate, unit);
    fflush(stdout);
}

#endif
