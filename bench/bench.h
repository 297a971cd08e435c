/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the bench programs share: timing, and the rows that they print. A program's output is comma-separated, with a
 * line that names the columns, after lines `# machine: ...` that say where and how it was measured. */
#ifndef FROND_BENCH_BENCH_H
#define FROND_BENCH_BENCH_H

#include <frond.h>

#include <stdio.h>
#include <stdlib.h>

/* Of one call, in microseconds. */
typedef struct {
    double best, median;
} timing;

double now_us(void);

/* Calls f for about `seconds`, at least 7 times, `calls` of them to a reading where one is too short to be read. */
timing measure(void (*f)(void *), void *argument, int calls, double seconds);

typedef struct {
    const char *work;
    int threads; /* 0: fr_num_threads() */
    timing time;
    double rate; /* of the best, in unit; 0: none */
    const char *unit;
    double limit_us; /* what the machine takes for the part that nobody can save, measured in this run; 0: unknown */
    bool memory;     /* print this process's peaks */
} row;

/* Sets the number of threads, argv[1] or `threads`, and prints all that comes before the rows. */
void begin_bench(int argc, char **argv, int threads);
void print_row(const row *r);

/* f(argument) in a process of its own, whose peak of memory is f's; ends this one where it fails. */
void in_child(void (*f)(const void *), const void *argument);

#endif
