/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One cycle: Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates",
 * 2018, as PyTorch has it. There are two phases:
 *
 *     up       lr from max_lr / div_factor to max_lr                       momentum from max_momentum to base_momentum
 *     down     lr from max_lr to max_lr / div_factor / final_div_factor    momentum from base_momentum to max_momentum
 *
 * or three: up; down to the first lr; from there to the last lr, with momentum at max_momentum. */
#include "optim/scheduler.h"

#include <stdlib.h>

/* The settings. From GROUPS on there are WIDTH for each group, or WIDTH for all groups together. */
enum { STEPS, PCT_START, DIV, FINAL_DIV, LINEAR, THREE_PHASE, KEEP_MOMENTUM, GROUPS };
enum { MAX_LR, BASE_MOMENTUM, MAX_MOMENTUM, WIDTH };

/* --- The curve --------------------------------------------------------------------------------------------------- */

typedef struct {
    int phases, phase;
    double progress; /* in the phase, from 0 to 1 */
} position;

static position position_of(const fr_scheduler *s, double epoch)
{
    const double *o = s->settings;
    double rise = o[PCT_START] * o[STEPS] - 1, start = 0, ends[] = { rise, o[STEPS] - 1, o[STEPS] - 1 };
    position at = { .phases = o[THREE_PHASE] != 0 ? 3 : 2 };

    if (at.phases == 3)
        ends[1] = 2 * o[PCT_START] * o[STEPS] - 2;
    while (at.phase < at.phases - 1 && epoch > ends[at.phase])
        start = ends[at.phase++];
    /* A phase of no length is at its end. */
    at.progress = ends[at.phase] == start ? 1 : (epoch - start) / (ends[at.phase] - start);
    return at;
}

/* From start to end along half a cosine, or along a line. */
static double anneal(const fr_scheduler *s, double start, double end, double progress)
{
    if (s->settings[LINEAR] != 0)
        return (end - start) * progress + start;
    return end + (start - end) / 2 * (cos(M_PI * progress) + 1);
}

/* One step after the last is allowed, as in PyTorch. A line goes on there, maybe below 0. */
static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    double high = fr_scheduler_group_settings(s, group, GROUPS, WIDTH)[MAX_LR];
    double first = high / s->settings[DIV], last = first / s->settings[FINAL_DIV];
    const double corners[2][4] = { { first, high, last }, { first, high, first, last } };
    position at = position_of(s, (double)epoch);
    const double *from = &corners[at.phases - 2][at.phase];

    if ((double)epoch > s->settings[STEPS])
        return fr_fail("scheduler_step", "step %lld, but the one_cycle_lr has %g steps", (long long)epoch,
                       s->settings[STEPS]),
               NAN;
    lr = anneal(s, from[0], from[1], at.progress);
    return lr < 0 ? 0 : lr;
}

/* --- Momentum ---------------------------------------------------------------------------------------------------- */

/* The step after the last takes max_momentum if a line leads out of [0, 1). */
static void cycle_momentum(fr_scheduler *s, int group)
{
    const double *group_settings = fr_scheduler_group_settings(s, group, GROUPS, WIDTH);
    double low = group_settings[BASE_MOMENTUM], high = group_settings[MAX_MOMENTUM];
    position at = position_of(s, (double)s->epoch);
    double momentum = at.phase == 0   ? anneal(s, high, low, at.progress)
                      : at.phase == 1 ? anneal(s, low, high, at.progress)
                                      : high;

    if (s->settings[KEEP_MOMENTUM] == 0)
        fr_optim_write(s->optim, group, fr_scheduler_momentum(s->optim->kind),
                       momentum >= 0 && momentum < 1 ? momentum : high);
}

/* --- Making ------------------------------------------------------------------------------------------------------ */

static const fr_scheduler_kind one_cycle_kind = {
    .name = "one_cycle_lr", .size = sizeof(fr_scheduler), .get_lr = get_lr, .set_momentum = cycle_momentum
};

static const char name[] = "one_cycle_lr";

static bool check_options(const fr_optim *o, int64_t total_steps, const fr_one_cycle_options *options)
{
    if (!fr_check_reserved(name, options->reserved) || !fr_check_count(name, "total_steps", total_steps, 1) ||
        !fr_check_between(name, "pct_start", options->pct_start, 0, 1) ||
        !fr_check_option(name, "div_factor", options->div_factor, INFINITY) ||
        !fr_check_option(name, "final_div_factor", options->final_div_factor, INFINITY))
        return false;
    if (options->div_factor == 0 || options->final_div_factor == 0)
        return fr_fail(name, "div_factor is %g and final_div_factor %g, expected numbers above 0", options->div_factor,
                       options->final_div_factor);
    return options->keep_momentum || fr_scheduler_check_momentum(name, o);
}

/* The group's value if there is one for each group, else the value for all. */
static double value_of(const double *each, size_t group, double all)
{
    return each ? each[group] : all;
}

static bool set_group_settings(double *settings, size_t g, double max_lr, const fr_one_cycle_options *o)
{
    settings[MAX_LR] = value_of(o->max_lrs, g, max_lr);
    settings[BASE_MOMENTUM] = value_of(o->base_momentums, g, o->base_momentum);
    settings[MAX_MOMENTUM] = value_of(o->max_momentums, g, o->max_momentum);
    return fr_check_option(name, "max_lr", settings[MAX_LR], INFINITY) &&
           fr_check_option(name, "base_momentum", settings[BASE_MOMENTUM], 1) &&
           fr_check_option(name, "max_momentum", settings[MAX_MOMENTUM], 1);
}

/* From now on all schedulers start from the cycle's first lr, whatever lr the groups had. */
static fr_scheduler *begin(fr_scheduler *s)
{
    fr_optim *o = s->optim;

    for (size_t g = 0; g < o->group_count; g++)
        s->lrs[g].base = fr_scheduler_group_settings(s, (int)g, GROUPS, WIDTH)[MAX_LR] / s->settings[DIV];
    s = fr_scheduler_begin(s);
    for (size_t g = 0; s && g < o->group_count; g++)
        o->groups[g].initial_lr = s->lrs[g].base;
    return s;
}

static fr_scheduler *make(fr_optim *optim, double max_lr, int64_t total_steps, const fr_one_cycle_options *o)
{
    bool each = o->max_lrs || o->base_momentums || o->max_momentums;
    size_t groups = each ? optim->group_count : 1;
    double *settings = calloc(GROUPS + groups * WIDTH, sizeof *settings);
    fr_scheduler *s = NULL;
    bool ok = true;

    if (!settings)
        return fr_fail_memory(name);
    settings[STEPS] = (double)total_steps;
    settings[PCT_START] = o->pct_start;
    settings[DIV] = o->div_factor;
    settings[FINAL_DIV] = o->final_div_factor;
    settings[LINEAR] = o->linear;
    settings[THREE_PHASE] = o->three_phase;
    settings[KEEP_MOMENTUM] = o->keep_momentum;
    for (size_t g = 0; ok && g < groups; g++)
        ok = set_group_settings(settings + GROUPS + g * WIDTH, g, max_lr, o);
    if (ok)
        s = fr_scheduler_new(&one_cycle_kind, optim, settings, GROUPS + (int)groups * WIDTH);
    free(settings);
    if (!s)
        return NULL;
    s->groups = each ? groups : 0;
    return begin(s);
}

fr_scheduler *fr_one_cycle_lr(fr_optim *optim, double max_lr, int64_t total_steps, const fr_one_cycle_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_one_cycle_options o = options ? *options : (fr_one_cycle_options){ 0 };
    fr_scheduler *s = NULL;

    o.pct_start = fr_option(o.pct_start, 0.3);
    o.base_momentum = fr_option(o.base_momentum, 0.85);
    o.max_momentum = fr_option(o.max_momentum, 0.95);
    o.div_factor = fr_option(o.div_factor, 25);
    o.final_div_factor = fr_option(o.final_div_factor, 1e4);
    if (fr_check_argument(name, optim, "optimiser") && check_options(optim, total_steps, &o))
        s = make(optim, fr_option(max_lr, 0), total_steps, &o);
    fr_finish(th, before);
    return s;
}
