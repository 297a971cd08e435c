/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* See grade.h. */
#include "grade.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PASSED = 42, FAILED = 43 }; /* exit statuses of a task's process, which a student's exit() hardly has */

int task_number;

static void print_error(const char *message, void *unused)
{
    (void)unused;
    puts(message);
}

static void limit(int what, rlim_t most)
{
    setrlimit(what, &(struct rlimit){ most, most });
}

/* Lets this process take 1 GB more than it has, so that an endless loop does not take all. Only Linux tells what that
 * is. */
static void limit_memory(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages;

    if (file && fscanf(file, "%lu", &pages) == 1)
        limit(RLIMIT_AS, (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (1 << 30));
    if (file)
        fclose(file);
}

/* In the task's process: what is printed goes into `said`, of 1 MB at most. */
static _Noreturn void attempt(const task *t, FILE *said)
{
    dup2(fileno(said), STDOUT_FILENO);
    dup2(fileno(said), STDERR_FILENO);
    setvbuf(stdout, NULL, _IOLBF, 0);
    limit(RLIMIT_FSIZE, 1 << 20);
    limit(RLIMIT_CORE, 0);
    limit_memory();
    setrlimit(RLIMIT_CPU, &(struct rlimit){ TASK_SECONDS, TASK_SECONDS + 1 }); /* SIGXCPU, then SIGKILL */
    alarm(30 * TASK_SECONDS);                                                  /* for what waits without computing */

    fr_set_error_handler(print_error, NULL);
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(1);

    int scope = fr_scope_begin();
    bool passed = t->passes();

    fr_scope_end(scope);
    fflush(stdout);
    _exit(passed ? PASSED : FAILED);
}

/* The first 30 lines of what the task said, indented, so that no line looks like the grader's own. */
static void show(FILE *said)
{
    char line[500];

    rewind(said);
    for (int i = 0; i < 30 && fgets(line, sizeof line, said); i++)
        printf("      %s%s", line, strchr(line, '\n') ? "" : "\n");
}

static bool run(const task *t, const char *sheet)
{
    FILE *said = tmpfile();
    int status = 0;

    fflush(stdout);
    pid_t child = said ? fork() : -1;

    if (child == 0)
        attempt(t, said);
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("grade");
        exit(2);
    }

    bool passed = WIFEXITED(status) && WEXITSTATUS(status) == PASSED;

    printf("  %c.%d %-40s %s, %d of %d\n", sheet[0], task_number, t->name, passed ? "passed" : "not yet",
           passed ? t->points : 0, t->points);
    show(said);
    fclose(said);
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGALRM))
        printf("      it had not ended after %d seconds of computing\n", TASK_SECONDS);
    else if (WIFSIGNALED(status))
        printf("      it crashed: %s\n", strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != PASSED && WEXITSTATUS(status) != FAILED)
        printf("      it called exit(%d)\n", WEXITSTATUS(status));
    return passed;
}

int grade(const char *sheet, const task *tasks, int n)
{
    int points = 0;

    for (task_number = 1; task_number <= n; task_number++)
        if (run(&tasks[task_number - 1], sheet))
            points += tasks[task_number - 1].points;
    printf("sheet %s: %d of %d points\n", sheet, points, SHEET_POINTS);
    return points < SHEET_POINTS;
}

static bool near(double given, double expected)
{
    return fabs(given - expected) <= 1e-9 * (1 + fabs(expected)); /* false for NaN */
}

bool same_number(const char *what, double given, double expected)
{
    bool right = near(given, expected);

    if (!right)
        printf("%s: given %.6g, expected %.6g\n", what, given, expected);
    return right;
}

bool same_shape(const char *what, fr_shape given, fr_shape expected)
{
    char text[2][FR_SHAPE_TEXT];
    bool right = given.ndim == expected.ndim;

    for (int d = 0; right && d < expected.ndim; d++)
        right = given.dim[d] == expected.dim[d];
    if (!right && given.ndim >= 0 && given.ndim <= FR_MAX_DIMS)
        printf("%s: given shape %s, expected %s\n", what, fr_shape_text(&given, text[0]),
               fr_shape_text(&expected, text[1]));
    else if (!right)
        printf("%s: given %d dims, expected shape %s\n", what, given.ndim, fr_shape_text(&expected, text[1]));
    return right;
}

/* Prints "[1, 0]", where value i stands. */
static void print_place(int64_t i, fr_shape shape)
{
    int64_t rest = fr_numel(fr_zeros(shape));

    for (int d = 0; d < shape.ndim; d++) {
        rest /= shape.dim[d];
        printf("%s%lld", d ? ", " : "[", (long long)(i / rest));
        i %= rest;
    }
    printf("%s", shape.ndim ? "]" : "");
}

bool same(const char *what, const fr_tensor *given, const fr_tensor *expected)
{
    if (!given || !expected) {
        printf("%s: %s\n", what, given ? "the grader has no answer" : "NULL was returned");
        return false;
    }
    if (!same_shape(what, fr_shape_of(given), fr_shape_of(expected)))
        return false;
    for (int64_t i = 0; i < fr_numel(expected); i++)
        if (!near(fr_at(given, i), fr_at(expected, i))) {
            printf("%s", what);
            print_place(i, fr_shape_of(expected));
            printf(": given %.6g, expected %.6g\n", fr_at(given, i), fr_at(expected, i));
            return false;
        }
    return true;
}

fr_tensor *random_leaf(fr_shape shape)
{
    return fr_requires_grad(fr_sub_scalar(fr_mul_scalar(fr_rand(shape), 2), 1));
}
