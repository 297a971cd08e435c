/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the bench programs share: timing, printing results, child processes. */
#include "bench.h"

#include "limits.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

timing measure(void (*f)(void *), void *argument, int calls, double seconds)
{
    enum { READINGS_MIN = 7, READINGS_MAX = 20000 };
    static double t[READINGS_MAX];
    double end = now_us() + seconds * 1e6;
    int n = 0;

    for (int i = 0; i < 3; i++)
        f(argument);
    while (n < READINGS_MIN || (n < READINGS_MAX && now_us() < end)) {
        double start = now_us();

        for (int i = 0; i < calls; i++)
            f(argument);
        t[n++] = (now_us() - start) / calls;
    }
    qsort(t, (size_t)n, sizeof *t, compare_doubles);
    return (timing){ t[0], t[n / 2] };
}

#ifdef __clang__ /* its __VERSION__ contains its name */
#define COMPILER ""
#else
#define COMPILER "gcc "
#endif

/* Prints the processor's name from Linux's /proc/cpuinfo, and the number of cores. */
static void print_machine(void)
{
    FILE *info = fopen("/proc/cpuinfo", "r");
    char line[256], *name = NULL;

    while (info && !name && fgets(line, sizeof line, info))
        if (strncmp(line, "model name", 10) == 0 && (name = strchr(line, ':')))
            name[strcspn(name, "\n")] = '\0';
    printf("# machine: %s, %ld cores\n", name ? name + 2 : "unknown", sysconf(_SC_NPROCESSORS_ONLN));
    if (info)
        fclose(info);
}

void begin_bench(int argc, char **argv, int threads)
{
    const char *slash = strrchr(argv[0], '/');
    time_t now = time(NULL);
    char date[16];

    fr_set_num_threads(argc > 1 ? atoi(argv[1]) : threads);
    set_limit_threads(fr_num_threads());
    strftime(date, sizeof date, "%F", localtime(&now));
    print_machine();
    printf("# versions: frond %s, compiled by " COMPILER "%s, products from %s\n", fr_version(), __VERSION__,
           product_library());
    printf("# date: %s\n# command: bench/%s", date, slash ? slash + 1 : argv[0]);
    for (int i = 1; i < argc; i++)
        printf(" %s", argv[i]);
    puts("\nwork,threads,best_us,median_us,rate,unit,limit_us,share_of_limit,tensors_kib,process_kib");
}

void print_row(const row *r)
{
    struct rusage use;

    printf("%s,%d,%.3f,%.3f,", r->work, r->threads ? r->threads : fr_num_threads(), r->time.best, r->time.median);
    if (r->rate > 0)
        printf("%.2f,%s,", r->rate, r->unit);
    else
        printf(",,");
    if (r->limit_us > 0)
        printf("%.3f,%.2f,", r->limit_us, r->limit_us / r->time.best);
    else
        printf(",,");
    if (r->memory && getrusage(RUSAGE_SELF, &use) == 0)
        printf("%zu,%ld\n", fr_peak_bytes() / 1024, use.ru_maxrss);
    else
        puts(",");
    fflush(stdout);
}

void in_child(void (*f)(const void *), const void *argument)
{
    const int threads = fr_num_threads();
    pid_t child;
    int status;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        fr_set_num_threads(threads); /* a child begins with one */
        f(argument);
        exit(EXIT_SUCCESS);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "a child process failed\n");
        exit(EXIT_FAILURE);
    }
}
