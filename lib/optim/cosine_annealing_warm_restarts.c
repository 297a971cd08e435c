/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr = eta_min + (base - eta_min) (1 + cos(pi t / T)) / 2, t epochs after the last restart; T is t_0 at first, and
 * t_mult times as long after each restart: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm
 * Restarts", 2017. */
#include "optim/scheduler.h"

static const char name[] = "cosine_annealing_warm_restarts";

enum { T_0, T_MULT, ETA_MIN };

static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    double t = (double)epoch, length = s->settings[T_0], eta_min = s->settings[ETA_MIN];

    (void)lr;
    if (s->settings[T_MULT] == 1)
        t = fmod(t, length);
    for (; t >= length; length *= s->settings[T_MULT])
        t -= length;
    return eta_min + (s->lrs[group].base - eta_min) * (1 + cos(M_PI * t / length)) / 2;
}

static const fr_scheduler_kind kind = { .name = name, .size = sizeof(fr_scheduler), .get_lr = get_lr };

fr_scheduler *fr_cosine_annealing_warm_restarts(fr_optim *o, int64_t t_0, int64_t t_mult, double eta_min)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = NULL;

    if (fr_check_argument(name, o, "optimiser") && fr_check_count(name, "t_0", t_0, 1) &&
        fr_check_count(name, "t_mult", t_mult, 1) && fr_check_option(name, "eta_min", eta_min, INFINITY))
        s = fr_scheduler_make(&kind, o, (double[]){ (double)t_0, (double)t_mult, eta_min }, 3);
    fr_finish(th, before);
    return s;
}
