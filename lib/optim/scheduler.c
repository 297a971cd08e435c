/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What all schedulers share: making, stepping and freeing them. */
#include "optim/scheduler.h"

#include <stdlib.h>

static const int64_t COUNT_MOST = 1LL << 53; /* counts are kept as doubles */
static const double ROUNDING = 1e-14;        /* of base: a rate that comes down to 0 may end that far below it */

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

bool fr_scheduler_check(const char *what, const fr_scheduler *s)
{
    if (!fr_check_not_null(what, s, "scheduler"))
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

const double *fr_scheduler_of_group(const fr_scheduler *s, int group, int first, int width)
{
    return s->settings + first + (s->setting_count - first == width ? 0 : group * width);
}

/* --- The optimiser's list ---------------------------------------------------------------------------------------- */

static bool make_room(fr_scheduler *s, size_t before, size_t groups)
{
    fr_rate *rates = realloc(s->rates, groups * sizeof *rates);

    if (!rates)
        return false;
    s->rates = rates;
    for (size_t g = before; g < groups; g++)
        rates[g] = (fr_rate){ .base = NAN, .last = NAN };
    return true;
}

bool fr_schedulers_make_room(fr_optim *o, size_t groups)
{
    for (fr_scheduler *s = o->schedulers; s; s = s->next)
        if (!make_room(s, o->group_count, groups))
            return false;
    return true;
}

void fr_schedulers_let_go(fr_optim *o)
{
    for (fr_scheduler *s = o->schedulers; s; s = s->next)
        s->optim = NULL;
}

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
    free(s->rates);
    free(s->settings);
    free(s);
}

fr_scheduler *fr_scheduler_new(const fr_scheduler_kind *kind, fr_optim *o, const double *settings, int count)
{
    fr_scheduler *s = calloc(1, kind->size);
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
    if (s && !fr_scheduler_move(s->kind->name, s, 0, FR_FROM_NOW)) {
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
    if (!s)
        return;
    if (s->kind->release)
        s->kind->release(s);
    if (s->optim)
        *link_to(s->optim, s) = s->next;
    release(s);
}

void fr_scheduler_free(fr_scheduler *s)
{
    if (s && s->is_part)
        fr_fail("scheduler_free", "the %s is part of a sequential_lr, which owns it", s->kind->name);
    else
        fr_scheduler_destroy(s);
}

/* --- Stepping ---------------------------------------------------------------------------------------------------- */

void fr_scheduler_note(fr_scheduler *s)
{
    for (int g = 0; g < (int)s->optim->group_count; g++)
        s->rates[g].last = fr_optim_read_lr(s->optim, g);
}

/* What schedulers count from is the rate that a group has when the first of them meets it. */
static double initial_of(const fr_optim *o, int g)
{
    double initial = o->groups[g].initial_lr;

    return isnan(initial) ? fr_optim_read_lr(o, g) : initial;
}

/* Computes the group's next rate. */
static bool compute(const char *what, fr_scheduler *s, int64_t epoch, fr_rate_from from, int g)
{
    fr_rate *rate = &s->rates[g];
    double lr;

    if (isnan(rate->base))
        rate->base = initial_of(s->optim, g);
    lr = from == FR_FROM_BASE      ? rate->base
         : from == FR_FROM_INITIAL ? initial_of(s->optim, g)
                                   : fr_optim_read_lr(s->optim, g);
    rate->next = s->kind->rate(s, epoch, g, lr);
    if (rate->next < 0 && rate->next > -ROUNDING * rate->base)
        rate->next = 0;
    return fr_option_is_valid(s->optim->kind->options, rate->next) ||
           fr_fail(what, "the rate of group %d at epoch %lld of the %s would be %g", g, (long long)epoch, s->kind->name,
                   rate->next);
}

bool fr_scheduler_move(const char *what, fr_scheduler *s, int64_t epoch, fr_rate_from from)
{
    fr_optim *o = s->optim;

    if (!fr_scheduler_check_groups(what, s))
        return false;
    for (int g = 0; g < (int)o->group_count; g++)
        if (!compute(what, s, epoch, from, g))
            return false;
    s->epoch = epoch;
    for (int g = 0; g < (int)o->group_count; g++) {
        if (isnan(o->groups[g].initial_lr))
            o->groups[g].initial_lr = s->rates[g].base;
        fr_optim_write_lr(o, g, s->rates[g].next);
        if (s->kind->also)
            s->kind->also(s, g);
    }
    fr_scheduler_note(s);
    return true;
}

static bool step(fr_scheduler *s)
{
    const char *what = "scheduler_step";

    if (!fr_scheduler_check(what, s))
        return false;
    if (s->kind->wants_metric)
        return fr_fail(what, "a %s wants a metric: see fr_scheduler_step_metric", s->kind->name);
    return s->kind->step ? s->kind->step(what, s) : fr_scheduler_move(what, s, s->epoch + 1, FR_FROM_NOW);
}

bool fr_scheduler_step(fr_scheduler *s)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "scheduler_step");
    bool ok = step(s);

    fr_finish(th, before);
    return ok;
}

double fr_scheduler_lr(const fr_scheduler *s, int group)
{
    const char *what = "scheduler_lr";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    double lr = NAN;

    if (fr_check_not_null(what, s, "scheduler") && (s->optim || fr_fail(what, "its optimiser was freed")) &&
        fr_optim_check_group(what, s->optim, group))
        lr = s->rates[group].last;
    fr_finish(th, before);
    return lr;
}
