/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr = factor lr when a metric has stopped improving, as in PyTorch. */
#include "optim/scheduler.h"

#include "core/recorder.h"

#include <stdlib.h>

/* The settings. From MIN_LR on there is one for each group, or one for all. */
enum { MAX, FACTOR, PATIENCE, THRESHOLD, ABSOLUTE, COOLDOWN, EPS, MIN_LR };
/* The states: the best metric, the number of epochs since then, how many epochs of the cooldown are left. */
enum { BEST, BAD_EPOCHS, COOLDOWN_LEFT };

static const char name[] = "reduce_lr_on_plateau";

/* --- Stepping ---------------------------------------------------------------------------------------------------- */

static bool is_better(const fr_scheduler *s, double metric)
{
    const double *o = s->settings;
    double best = s->states[BEST], threshold = o[THRESHOLD];

    if (o[MAX] != 0)
        return metric > (o[ABSOLUTE] != 0 ? best + threshold : best * (threshold + 1));
    return metric < (o[ABSOLUTE] != 0 ? best - threshold : best * (1 - threshold));
}

static void reduce(fr_scheduler *s)
{
    for (int g = 0; g < (int)s->optim->group_count; g++) {
        double least = *fr_scheduler_group_settings(s, g, MIN_LR, 1);
        double lr = fr_optim_read_lr(s->optim, g), reduced = fmax(lr * s->settings[FACTOR], least);

        if (lr - reduced > s->settings[EPS])
            fr_optim_write_lr(s->optim, g, reduced);
    }
}

static void take_metric(fr_scheduler *s, double metric)
{
    double *state = s->states;

    s->epoch++;
    state[BAD_EPOCHS]++;
    if (is_better(s, metric)) {
        state[BEST] = metric;
        state[BAD_EPOCHS] = 0;
    }
    if (state[COOLDOWN_LEFT] > 0) {
        state[COOLDOWN_LEFT]--;
        state[BAD_EPOCHS] = 0;
    }
    if (state[BAD_EPOCHS] > s->settings[PATIENCE]) {
        reduce(s);
        state[COOLDOWN_LEFT] = s->settings[COOLDOWN];
        state[BAD_EPOCHS] = 0;
    }
    fr_scheduler_note_lrs(s);
}

bool fr_scheduler_step_metric(fr_scheduler *s, double metric)
{
    const char *what = "scheduler_step_metric";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_scheduler_check(what, s) && fr_not_captured(th, what) &&
              (s->kind->wants_metric || fr_fail(what, "a %s wants no metric: see fr_scheduler_step", s->kind->name)) &&
              fr_scheduler_check_groups(what, s);

    if (ok)
        take_metric(s, metric);
    fr_finish(th, before);
    return ok;
}

/* --- Making ------------------------------------------------------------------------------------------------------ */

static const fr_scheduler_kind plateau_kind = {
    .name = name, .size = sizeof(fr_scheduler), .states = { "best", "bad_epochs", "cooldown" }, .wants_metric = true
};

static bool check_options(const fr_plateau_options *o)
{
    return fr_check_reserved(name, o->reserved) && fr_check_option(name, "factor", o->factor, 1) &&
           fr_check_count(name, "patience", o->patience, 0) &&
           fr_check_option(name, "threshold", o->threshold, INFINITY) &&
           fr_check_count(name, "cooldown", o->cooldown, 0) && fr_check_option(name, "eps", o->eps, INFINITY);
}

static fr_scheduler *make(fr_optim *optim, const fr_plateau_options *o)
{
    size_t groups = o->min_lrs ? optim->group_count : 1;
    double *settings = calloc(MIN_LR + groups, sizeof *settings);
    fr_scheduler *s = NULL;
    bool ok = true;

    if (!settings)
        return fr_fail_memory(name);
    settings[MAX] = o->max;
    settings[FACTOR] = o->factor;
    settings[PATIENCE] = (double)o->patience;
    settings[THRESHOLD] = o->threshold;
    settings[ABSOLUTE] = o->absolute;
    settings[COOLDOWN] = (double)o->cooldown;
    settings[EPS] = o->eps;
    for (size_t g = 0; ok && g < groups; g++) {
        settings[MIN_LR + g] = o->min_lrs ? o->min_lrs[g] : o->min_lr;
        ok = fr_check_option(name, "min_lr", settings[MIN_LR + g], INFINITY);
    }
    if (ok)
        s = fr_scheduler_new(&plateau_kind, optim, settings, MIN_LR + (int)groups);
    free(settings);
    if (s) {
        s->groups = o->min_lrs ? groups : 0;
        s->states[BEST] = o->max ? -INFINITY : INFINITY;
        fr_scheduler_note_lrs(s);
    }
    return s;
}

fr_scheduler *fr_reduce_lr_on_plateau(fr_optim *optim, const fr_plateau_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_plateau_options o = options ? *options : (fr_plateau_options){ 0 };
    fr_scheduler *s = NULL;

    o.factor = fr_option(o.factor, 0.1);
    o.patience = o.patience != 0 ? o.patience : o.no_patience ? 0 : 10;
    o.threshold = fr_option(o.threshold, 1e-4);
    o.min_lr = fr_option(o.min_lr, 0);
    o.eps = fr_option(o.eps, 1e-8);
    if (fr_check_argument(name, optim, "optimiser") && check_options(&o))
        s = make(optim, &o);
    fr_finish(th, before);
    return s;
}
