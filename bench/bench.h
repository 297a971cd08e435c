/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the bench programs share: timing, and printing results. A program prints lines such as `# machine: ...`, which
 * say where and how it measured, then CSV: a header and a row for each result. */
#ifndef FROND_BENCH_BENCH_H
#define FROND_BENCH_BENCH_H

#include <frond.h>

#include <stdio.h>
#include <stdlib.h>

/* The time of one call, in microseconds. */
typedef struct {
    double best, median;
} timing;

double now_us(void);

/* Times f(argument) for about `seconds`, at least 7 times. Each reading is of `calls` calls, several for a short f. */
timing measure(void (*f)(void *), void *argument, int calls, double seconds);

typedef struct {
    const char *work;
    int threads; /* 0: fr_num_threads() */
    timing time;
    double rate; /* at the best time, in unit; 0: none */
    const char *unit;
    double limit_us; /* a lower bound of the time on this machine, measured in this run; 0: unknown */
    bool memory;     /* also print the peak memory of this process */
} row;

/* Sets the number of threads to argv[1], by default `threads`, and prints all that comes before the rows. */
void begin_bench(int argc, char **argv, int threads);
void print_row(const row *r);

/* Calls f(argument) in a child process, so that its peak memory is that of f. Exits if the child fails. */
void in_child(void (*f)(const void *), const void *argument);

#endif
