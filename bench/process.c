/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Runs a command. When it has ended, writes `process: WALL_US PEAK_KIB` to standard error: its wall time, and the peak
 * of memory of this process or of one that it waited for. This must be a small process without libraries, because on
 * Linux a new process inherits the peak of the process that made it.
 *
 *     process COMMAND [ARGUMENT...] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

int main(int argc, char **argv)
{
    double start = now_us();
    struct rusage use;
    pid_t child;
    int status;

    if (argc < 2) {
        fprintf(stderr, "usage: process COMMAND [ARGUMENT...]\n");
        return EXIT_FAILURE;
    }
    child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    if (child < 0 || wait(&status) != child || getrusage(RUSAGE_CHILDREN, &use) != 0) {
        perror("process");
        return EXIT_FAILURE;
    }
    fprintf(stderr, "process: %.0f %ld\n", now_us() - start, use.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
