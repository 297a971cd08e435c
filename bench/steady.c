/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Counts the calls of malloc in a training step with shapes that were seen before. steady.sh counts system calls.
 *
 *     steady STEPS [WORK...] */
#include "bench.h"
#include "counted_malloc.h"
#include "workloads.h"

enum { SEEN = 20 };

static void count(const workload *w, int steps)
{
    FR_SCOPE;
    run r;
    size_t before;

    begin_run(w, &r);
    for (int i = 0; i < SEEN; i++)
        train_step(&r);
    before = mallocs_so_far();
    for (int i = 0; i < steps; i++)
        train_step(&r);
    printf("%s,%d,%zu\n", w->name, steps, mallocs_so_far() - before);
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
