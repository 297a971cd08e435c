/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr = base (1 - epoch / total_iters)^power, and 0 from epoch total_iters on. */
#include "optim/scheduler.h"

static const char name[] = "polynomial_lr";

enum { TOTAL_ITERS, POWER };

/* The last lr times the ratio of this epoch's factor and the last one's. */
static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    double total = s->settings[TOTAL_ITERS], now = (double)epoch;

    (void)group;
    if (epoch == 0 || now > total)
        return lr;
    return lr * pow((1 - now / total) / (1 - (now - 1) / total), s->settings[POWER]);
}

static const fr_scheduler_kind kind = { .name = name, .size = sizeof(fr_scheduler), .get_lr = get_lr };

fr_scheduler *fr_polynomial_lr(fr_optim *o, int64_t total_iters, double power)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = NULL;

    if (fr_check_argument(name, o, "optimiser") && fr_check_count(name, "total_iters", total_iters, 1) &&
        fr_check_option(name, "power", power, INFINITY))
        s = fr_scheduler_make(&kind, o, (double[]){ (double)total_iters, power }, 2);
    fr_finish(th, before);
    return s;
}
