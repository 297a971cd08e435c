/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr = gamma lr at each milestone. */
#include "optim/scheduler.h"

#include <stdlib.h>

static const char name[] = "multi_step_lr";

enum { GAMMA, MILESTONES };

/* A milestone may be there several times; it counts as often. */
static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    int times = 0;

    (void)group;
    for (int i = MILESTONES; i < s->setting_count; i++)
        times += s->settings[i] == (double)epoch;
    return times > 0 ? lr * pow(s->settings[GAMMA], times) : lr;
}

static const fr_scheduler_kind kind = { .name = name, .size = sizeof(fr_scheduler), .get_lr = get_lr };

static bool check(const fr_optim *o, const int64_t *milestones, int n, double gamma)
{
    if (!fr_check_argument(name, o, "optimiser") || !fr_check_count(name, "n", n, 0) ||
        (n > 0 && !fr_check_argument(name, milestones, "milestones")) ||
        !fr_check_option(name, "gamma", gamma, INFINITY))
        return false;
    for (int i = 0; i < n; i++)
        if (!fr_check_count(name, "a milestone", milestones[i], i > 0 ? milestones[i - 1] : 0))
            return false;
    return true;
}

static fr_scheduler *make(fr_optim *o, const int64_t *milestones, int n, double gamma)
{
    double *settings = malloc(((size_t)n + MILESTONES) * sizeof *settings);
    fr_scheduler *s;

    if (!settings)
        return fr_fail_memory(name);
    settings[GAMMA] = gamma;
    for (int i = 0; i < n; i++)
        settings[MILESTONES + i] = (double)milestones[i];
    s = fr_scheduler_make(&kind, o, settings, MILESTONES + n);
    free(settings);
    return s;
}

fr_scheduler *fr_multi_step_lr(fr_optim *o, const int64_t *milestones, int n, double gamma)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = check(o, milestones, n, gamma) ? make(o, milestones, n, gamma) : NULL;

    fr_finish(th, before);
    return s;
}
