/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What all schedulers share: making, stepping and freeing them, and checks of their settings. */
#include "optim/scheduler.h"

#include "core/recorder.h"

#include <stdlib.h>

static const int64_t COUNT_MOST = 1LL << 53; /* counts are stored as doubles */

/* An lr that should end at 0 may end below it by this share of base, for rounding: it counts as 0. */
static const double ROUNDING = 1e-14;

/* --- Checks ------------------------------------------------------------------------------------------------------ */

bool fr_check_count(const char *what, const char *name, int64_t value, int64_t least)
{
    if (value >= least && value <= COUNT_MOST)
        return true;
    return fr_fail(what, "%s is %lld, expected %lld to 2^53", name, (long long)value, (long long)least);
}

bool fr_check_between(const char *what, const char *name, double value, double least, double most)
{
    if (value >= least && value <= most)
        return true;
    return fr_fail(what, "%s is %g, expected a number in [%g, %g]", name, value, least, most);
}

bool fr_check_factor(const char *what, const char *name, double value)
{
    if (value == 0)
        return fr_fail(what, "%s is 0, expected a number in (0, 1]", name);
    return fr_check_between(what, name, value, 0, 1);
}

bool fr_scheduler_check(const char *what, const fr_scheduler *s)
{
    if (!fr_check_argument(what, s, "scheduler"))
        return false;
    if (s->is_part)
        return fr_fail(what, "the %s is part of a sequential_lr, which steps it", s->kind->name);
    if (!s->optim)
        return fr_fail(what, "the optimiser of the %s was freed", s->kind->name);
    return true;
}

bool fr_scheduler_check_groups(const char *what, const fr_scheduler *s)
{
    return !s->groups || s->groups == s->optim->group_count ||
           fr_fail(what, "the %s was made for %zu groups, the optimiser has %zu", s->kind->name, s->groups,
                   s->optim->group_count);
}

const double *fr_scheduler_group_settings(const fr_scheduler *s, int group, int first, int width)
{
    return s->settings + first + (s->setting_count - first == width ? 0 : group * width);
}

/* --- Momentum ---------------------------------------------------------------------------------------------------- */

const fr_optim_option *fr_scheduler_momentum(const fr_optim_kind *kind)
{
    const fr_optim_option *beta1 = fr_optim_find_option(kind, "beta1");

    return beta1 ? beta1 : fr_optim_find_option(kind, "momentum");
}

bool fr_scheduler_check_momentum(const char *what, const fr_optim *o)
{
    return fr_scheduler_momentum(o->kind) ||
           fr_fail(what, "%s has neither momentum nor beta1 to cycle: set keep_momentum", o->kind->name);
}

/* --- The optimiser's list ---------------------------------------------------------------------------------------- */

static bool make_room(fr_scheduler *s, size_t before, size_t groups)
{
    fr_group_lr *lrs = realloc(s->lrs, groups * sizeof *lrs);

    if (!lrs)
        return false;
    s->lrs = lrs;
    for (size_t g = before; g < groups; g++)
        lrs[g] = (fr_group_lr){ .base = NAN, .last = NAN };
    return true;
}

bool fr_schedulers_make_room(fr_optim *o, size_t groups)
{
    for (fr_scheduler *s = o->schedulers; s; s = s->next)
        if (!make_room(s, o->group_count, groups))
            return false;
    return true;
}

void fr_schedulers_detach(fr_optim *o)
{
    for (fr_scheduler *s = o->schedulers; s; s = s->next)
        s->optim = NULL;
}

/* Where the list links to s; NULL for s: where the next one goes. */
static fr_scheduler **link_to(fr_optim *o, const fr_scheduler *s)
{
    fr_scheduler **link = &o->schedulers;

    while (*link != s)
        link = &(*link)->next;
    return link;
}

/* --- Making and freeing ------------------------------------------------------------------------------------------ */

static void release(fr_scheduler *s)
{
    free(s->lrs);
    free(s->settings);
    fr_object_free(s);
}

fr_scheduler *fr_scheduler_new(const fr_scheduler_kind *kind, fr_optim *o, const double *settings, int count)
{
    fr_scheduler *s = fr_object_new(kind->size);
    size_t bytes = (size_t)count * sizeof *settings;

    if (!s)
        return fr_fail_memory(kind->name);
    s->settings = malloc(bytes + 1);
    if (!s->settings || !make_room(s, 0, o->group_count)) {
        release(s);
        return fr_fail_memory(kind->name);
    }
    if (count > 0)
        memcpy(s->settings, settings, bytes);
    s->setting_count = count;
    s->kind = kind;
    s->optim = o;
    *link_to(o, NULL) = s;
    return s;
}

fr_scheduler *fr_scheduler_begin(fr_scheduler *s)
{
    if (s && !fr_scheduler_set_epoch(s->kind->name, s, 0, FR_LR_CURRENT)) {
        fr_scheduler_destroy(s);
        s = NULL;
    }
    return s;
}

fr_scheduler *fr_scheduler_make(const fr_scheduler_kind *kind, fr_optim *o, const double *settings, int count)
{
    return fr_scheduler_begin(fr_scheduler_new(kind, o, settings, count));
}

void fr_scheduler_destroy(fr_scheduler *s)
{
    if (!s || !fr_is_alive(s))
        return;
    if (s->kind->release)
        s->kind->release(s);
    if (s->optim)
        *link_to(s->optim, s) = s->next;
    release(s);
}

void fr_scheduler_free(fr_scheduler *s)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "scheduler_free");

    if (!fr_is_given("scheduler_free", s, "scheduler")) {
    } else if (s->is_part) {
        fr_fail("scheduler_free", "the %s is part of a sequential_lr, which owns it", s->kind->name);
    } else {
        fr_scheduler_destroy(s);
    }
    fr_finish(th, before);
}

/* --- Stepping ---------------------------------------------------------------------------------------------------- */

void fr_scheduler_note_lrs(fr_scheduler *s)
{
    for (int g = 0; g < (int)s->optim->group_count; g++)
        s->lrs[g].last = fr_optim_read_lr(s->optim, g);
}

/* The group's lr when its first scheduler was made: if there was none before, the current one. */
static double initial_lr(const fr_optim *o, int g)
{
    double initial = o->groups[g].initial_lr;

    return isnan(initial) ? fr_optim_read_lr(o, g) : initial;
}

/* Computes the group's next lr. */
static bool compute_next(const char *what, fr_scheduler *s, int64_t epoch, fr_lr_from from, int g)
{
    fr_group_lr *group = &s->lrs[g];
    double lr = fr_optim_read_lr(s->optim, g);

    if (isnan(group->base))
        group->base = initial_lr(s->optim, g);
    if (from == FR_LR_BASE)
        lr = group->base;
    else if (from == FR_LR_INITIAL)
        lr = initial_lr(s->optim, g);
    group->next = s->kind->get_lr(s, epoch, g, lr);
    if (group->next < 0 && group->next > -ROUNDING * group->base)
        group->next = 0;
    return fr_option_is_valid(s->optim->kind->options, group->next) ||
           fr_fail(what, "the rate of group %d at epoch %lld of the %s would be %g", g, (long long)epoch, s->kind->name,
                   group->next);
}

bool fr_scheduler_set_epoch(const char *what, fr_scheduler *s, int64_t epoch, fr_lr_from from)
{
    fr_optim *o = s->optim;

    if (!fr_scheduler_check_groups(what, s))
        return false;
    for (int g = 0; g < (int)o->group_count; g++)
        if (!compute_next(what, s, epoch, from, g))
            return false;
    s->epoch = epoch;
    for (int g = 0; g < (int)o->group_count; g++) {
        if (isnan(o->groups[g].initial_lr))
            o->groups[g].initial_lr = s->lrs[g].base;
        fr_optim_write_lr(o, g, s->lrs[g].next);
        if (s->kind->set_momentum)
            s->kind->set_momentum(s, g);
    }
    fr_scheduler_note_lrs(s);
    return true;
}

static bool step(const fr_action *a)
{
    const char *what = "scheduler_step";
    fr_scheduler *s = a->object;

    if (!fr_scheduler_check(what, s))
        return false;
    if (s->kind->wants_metric)
        return fr_fail(what, "a %s wants a metric: see fr_scheduler_step_metric", s->kind->name);
    return s->kind->step ? s->kind->step(what, s) : fr_scheduler_set_epoch(what, s, s->epoch + 1, FR_LR_CURRENT);
}

bool fr_scheduler_step(fr_scheduler *s)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "scheduler_step");
    bool ok = fr_act(th, &(fr_action){ .run = step, .object = s });

    fr_finish(th, before);
    return ok;
}

double fr_scheduler_lr(const fr_scheduler *s, int group)
{
    const char *what = "scheduler_lr";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    double lr = NAN;

    if (fr_check_argument(what, s, "scheduler") && (s->optim || fr_fail(what, "its optimiser was freed")) &&
        fr_optim_check_group(what, s->optim, group))
        lr = s->lrs[group].last;
    fr_finish(th, before);
    return lr;
}
