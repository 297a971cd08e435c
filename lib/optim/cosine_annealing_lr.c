/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr = eta_min + (base - eta_min) (1 + cos(pi epoch / t_max)) / 2: Loshchilov and Hutter, "SGDR: Stochastic Gradient
 * Descent with Warm Restarts", 2017, without the restarts. */
#include "optim/scheduler.h"

static const char name[] = "cosine_annealing_lr";

enum { T_MAX, ETA_MIN };

/* The last lr times the ratio of the formula's values at this epoch and the last, as in PyTorch. There is no such ratio
 * if the last lr was eta_min. */
static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    double t_max = s->settings[T_MAX], eta_min = s->settings[ETA_MIN], now = (double)epoch;

    if (epoch == 0)
        return lr;
    if (fmod(now - 1 - t_max, 2 * t_max) == 0)
        return lr + (s->lrs[group].base - eta_min) * (1 - cos(M_PI / t_max)) / 2;
    return (1 + cos(M_PI * now / t_max)) / (1 + cos(M_PI * (now - 1) / t_max)) * (lr - eta_min) + eta_min;
}

static const fr_scheduler_kind kind = { .name = name, .size = sizeof(fr_scheduler), .get_lr = get_lr };

fr_scheduler *fr_cosine_annealing_lr(fr_optim *o, int64_t t_max, double eta_min)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = NULL;

    if (fr_check_argument(name, o, "optimiser") && fr_check_count(name, "t_max", t_max, 1) &&
        fr_check_option(name, "eta_min", eta_min, INFINITY))
        s = fr_scheduler_make(&kind, o, (double[]){ (double)t_max, eta_min }, 2);
    fr_finish(th, before);
    return s;
}
