/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A warm-up: lr = base (start_factor + (end_factor - start_factor) min(epoch, total_iters) / total_iters). */
#include "optim/scheduler.h"

static const char name[] = "linear_lr";

enum { START_FACTOR, END_FACTOR, TOTAL_ITERS };

/* The last lr times the ratio of this epoch's factor and the last one's. */
static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    double start = s->settings[START_FACTOR], rise = s->settings[END_FACTOR] - start, now = (double)epoch;

    (void)group;
    if (epoch == 0)
        return lr * start;
    if (now > s->settings[TOTAL_ITERS])
        return lr;
    return lr * (1 + rise / (s->settings[TOTAL_ITERS] * start + (now - 1) * rise));
}

static const fr_scheduler_kind kind = { .name = name, .size = sizeof(fr_scheduler), .get_lr = get_lr };

fr_scheduler *fr_linear_lr(fr_optim *o, double start_factor, double end_factor, int64_t total_iters)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = NULL;

    if (fr_check_argument(name, o, "optimiser") && fr_check_factor(name, "start_factor", start_factor) &&
        fr_check_between(name, "end_factor", end_factor, 0, 1) && fr_check_count(name, "total_iters", total_iters, 1))
        s = fr_scheduler_make(&kind, o, (double[]){ start_factor, end_factor, (double)total_iters }, 3);
    fr_finish(th, before);
    return s;
}
