/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Counts the calls of malloc in training steps whose shapes were seen before. steady.sh also counts system calls.
 *
 *     steady STEPS [WORK...]
 *
 * prints for each: name, steps, calls, and the largest resident memory so far in KiB, after a tenth of the steps and
 * after all: memory that grows in a million steps shows there. */
#include "bench.h"
#include "counted_malloc.h"
#include "workloads.h"

#include <sys/resource.h>

enum { WARM_UP_STEPS = 20 };

static long resident_kib(void)
{
    struct rusage use;

    return getrusage(RUSAGE_SELF, &use) == 0 ? use.ru_maxrss : -1;
}

static void count(const workload *w, int steps)
{
    FR_SCOPE;
    run r;
    size_t before;
    long early = -1;

    begin_run(w, &r);
    for (int i = 0; i < WARM_UP_STEPS; i++)
        train_step(&r);
    before = mallocs_so_far();
    for (int i = 0; i < steps; i++) {
        train_step(&r);
        if (i == steps / 10)
            early = resident_kib();
    }
    printf("%s,%d,%zu,%ld,%ld\n", w->name, steps, mallocs_so_far() - before, early, resident_kib());
    end_run(&r);
}

int main(int argc, char **argv)
{
    int steps = argc > 1 ? atoi(argv[1]) : 100;

    fr_set_num_threads(1);
    for (int i = 0; i < WORKLOADS; i++)
        if (is_wanted(workloads[i].name, argc - 2, argv + 2))
            count(&workloads[i], steps);
    return 0;
}
