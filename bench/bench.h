/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Common parts of the bench programs: timing and printing. A program prints lines `# machine: ...` that tell where and
 * how it measured, then a line with the names of the columns, then comma-separated rows. */
#ifndef FROND_BENCH_BENCH_H
#define FROND_BENCH_BENCH_H

#include <frond.h>

#include <stdio.h>
#include <stdlib.h>

/* The time of one call in microseconds. */
typedef struct {
    double best, median;
} timing;

double now_us(void);

/* Calls f for about `seconds` and takes at least 7 readings of the clock. A reading covers `calls` calls; pass more
 * than 1 for calls that are too short to time. */
timing measure(void (*f)(void *), void *argument, int calls, double seconds);

typedef struct {
    const char *work;
    int threads; /* 0: fr_num_threads() */
    timing time;
    double rate; /* the rate of the best time, in unit; 0: none */
    const char *unit;
    double limit_us; /* the machine's time for the work that cannot be avoided, measured in this run; 0: unknown */
    bool memory;     /* true: prints this process's peaks of memory */
} row;

/* Sets the number of threads to argv[1] or `threads`, and prints everything before the rows. */
void begin_bench(int argc, char **argv, int threads);
void print_row(const row *r);

/* Runs f(argument) in a child process, so that the process's peak of memory is f's. Exits if the child fails. */
void in_child(void (*f)(const void *), const void *argument);

#endif
