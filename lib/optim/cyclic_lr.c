/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr goes along lines from base_lr to max_lr in step_size_up epochs and back in step_size_down, again and again;
 * momentum goes the opposite way: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017. */
#include "core/options.h"
#include "optim/scheduler.h"

static const char name[] = "cyclic_lr";

enum { BASE_LR, MAX_LR, UP, DOWN, TRIANGULAR2, GAMMA, KEEP_MOMENTUM, BASE_MOMENTUM, MAX_MOMENTUM, SETTINGS };

/* How far the cycle has come from its low to its high end, 0 to 1, times what is left of its height: triangular2 halves
 * it after each cycle, gamma shrinks it by that factor at each epoch. x is the place in the cycle, 0 to 1. */
static double height_at(const fr_scheduler *s, double epoch)
{
    double total = s->settings[UP] + s->settings[DOWN], up = s->settings[UP] / total;
    double cycle = floor(1 + epoch / total), x = 1 + epoch / total - cycle;
    double height = x <= up ? x / up : (x - 1) / (up - 1);

    return height * (s->settings[TRIANGULAR2] != 0 ? 1 / pow(2, cycle - 1) : 1) * pow(s->settings[GAMMA], epoch);
}

static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    (void)group;
    (void)lr;
    return s->settings[BASE_LR] + (s->settings[MAX_LR] - s->settings[BASE_LR]) * height_at(s, (double)epoch);
}

static void cycle_momentum(fr_scheduler *s, int group)
{
    double low = s->settings[BASE_MOMENTUM], high = s->settings[MAX_MOMENTUM];
    double momentum = high - (high - low) * height_at(s, (double)s->epoch);

    if (s->settings[KEEP_MOMENTUM] == 0)
        fr_optim_write(s->optim, group, fr_scheduler_momentum(s->optim->kind),
                       momentum >= 0 && momentum < 1 ? momentum : high);
}

static const fr_scheduler_kind kind = {
    .name = name, .size = sizeof(fr_scheduler), .get_lr = get_lr, .set_momentum = cycle_momentum
};

static bool check(const fr_optim *o, const double *settings)
{
    return fr_check_option(name, "base_lr", settings[BASE_LR], INFINITY) &&
           fr_check_option(name, "max_lr", settings[MAX_LR], INFINITY) &&
           fr_check_option(name, "gamma", settings[GAMMA], INFINITY) &&
           fr_check_option(name, "base_momentum", settings[BASE_MOMENTUM], 1) &&
           fr_check_option(name, "max_momentum", settings[MAX_MOMENTUM], 1) &&
           (settings[KEEP_MOMENTUM] != 0 || fr_scheduler_check_momentum(name, o));
}

fr_scheduler *fr_cyclic_lr(fr_optim *optim, double base_lr, double max_lr, const fr_cyclic_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_cyclic_options o = options ? *options : (fr_cyclic_options){ 0 };
    int64_t up = o.step_size_up ? o.step_size_up : 2000, down = o.step_size_down ? o.step_size_down : up;
    double settings[SETTINGS] = { [BASE_LR] = fr_option(base_lr, 0),
                                  [MAX_LR] = fr_option(max_lr, 0),
                                  [UP] = (double)up,
                                  [DOWN] = (double)down,
                                  [TRIANGULAR2] = o.triangular2,
                                  [GAMMA] = fr_option(o.gamma, 1),
                                  [KEEP_MOMENTUM] = o.keep_momentum,
                                  [BASE_MOMENTUM] = fr_option(o.base_momentum, 0.8),
                                  [MAX_MOMENTUM] = fr_option(o.max_momentum, 0.9) };
    fr_scheduler *s = NULL;

    if (fr_check_argument(name, optim, "optimiser") && fr_check_reserved(name, o.reserved) &&
        fr_check_count(name, "step_size_up", up, 1) && fr_check_count(name, "step_size_down", down, 1) &&
        check(optim, settings))
        s = fr_scheduler_new(&kind, optim, settings, SETTINGS);
    for (size_t g = 0; s && g < optim->group_count; g++)
        s->lrs[g].base = settings[BASE_LR]; /* whatever lr the groups had */
    s = fr_scheduler_begin(s);
    fr_finish(th, before);
    return s;
}
