/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr = factor base before epoch total_iters, then base. */
#include "optim/scheduler.h"

static const char name[] = "constant_lr";

enum { FACTOR, TOTAL_ITERS };

static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    (void)group;
    if (epoch == 0)
        return lr * s->settings[FACTOR];
    return (double)epoch == s->settings[TOTAL_ITERS] ? lr * (1 / s->settings[FACTOR]) : lr;
}

static const fr_scheduler_kind kind = { .name = name, .size = sizeof(fr_scheduler), .get_lr = get_lr };

fr_scheduler *fr_constant_lr(fr_optim *o, double factor, int64_t total_iters)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = NULL;

    if (fr_check_argument(name, o, "optimiser") && fr_check_factor(name, "factor", factor) &&
        fr_check_count(name, "total_iters", total_iters, 1))
        s = fr_scheduler_make(&kind, o, (double[]){ factor, (double)total_iters }, 2);
    fr_finish(th, before);
    return s;
}
