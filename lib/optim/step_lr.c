/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr = gamma lr at every step_size-th epoch. */
#include "optim/scheduler.h"

static const char name[] = "step_lr";

enum { STEP_SIZE, GAMMA };

static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    (void)group;
    return epoch > 0 && epoch % (int64_t)s->settings[STEP_SIZE] == 0 ? lr * s->settings[GAMMA] : lr;
}

static const fr_scheduler_kind kind = { .name = name, .size = sizeof(fr_scheduler), .get_lr = get_lr };

fr_scheduler *fr_step_lr(fr_optim *o, int64_t step_size, double gamma)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = NULL;

    if (fr_check_argument(name, o, "optimiser") && fr_check_count(name, "step_size", step_size, 1) &&
        fr_check_option(name, "gamma", gamma, INFINITY))
        s = fr_scheduler_make(&kind, o, (double[]){ (double)step_size, gamma }, 2);
    fr_finish(th, before);
    return s;
}
