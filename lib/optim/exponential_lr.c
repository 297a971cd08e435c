/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr = gamma lr at every epoch. */
#include "optim/scheduler.h"

static const char name[] = "exponential_lr";

static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    (void)group;
    return epoch > 0 ? lr * s->settings[0] : lr;
}

static const fr_scheduler_kind kind = { .name = name, .size = sizeof(fr_scheduler), .get_lr = get_lr };

fr_scheduler *fr_exponential_lr(fr_optim *o, double gamma)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = NULL;

    if (fr_check_argument(name, o, "optimiser") && fr_check_option(name, "gamma", gamma, INFINITY))
        s = fr_scheduler_make(&kind, o, &gamma, 1);
    fr_finish(th, before);
    return s;
}
