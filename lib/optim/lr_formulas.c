/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Schedulers that are a formula. Most are in PyTorch's recursive form, the next rate from the last, so that rates are
 * the same to the last bits and schedulers of one optimiser can be chained. */
#include "optim/scheduler.h"

#include <stdlib.h>

/* The formula whose settings are those `numbers` that follow, of an optimiser and a check. */
#define MAKE(NAME, o, check, ...)                                                                                      \
    fr_thread *th = fr_thread_self();                                                                                  \
    fr_site before = fr_begin(th, NAME##_kind.name);                                                                   \
    const double numbers[] = { __VA_ARGS__ };                                                                          \
    fr_scheduler *s = NULL;                                                                                            \
                                                                                                                       \
    if (fr_check_not_null(NAME##_kind.name, o, "optimiser") && (check))                                                \
        s = fr_scheduler_make(&NAME##_kind, o, numbers, (int)(sizeof numbers / sizeof *numbers));                      \
    fr_finish(th, before);                                                                                             \
    return s

/* --- Steps ------------------------------------------------------------------------------------------------------- */

enum { STEP_SIZE, STEP_GAMMA };

static double step_rate(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    (void)group;
    return epoch > 0 && epoch % (int64_t)s->settings[STEP_SIZE] == 0 ? lr * s->settings[STEP_GAMMA] : lr;
}

static const fr_scheduler_kind step_kind = { .name = "step_lr", .size = sizeof(fr_scheduler), .rate = step_rate };

fr_scheduler *fr_step_lr(fr_optim *o, int64_t step_size, double gamma)
{
    MAKE(step, o,
         fr_check_count("step_lr", "step_size", step_size, 1) && fr_check_option("step_lr", "gamma", gamma, INFINITY),
         (double)step_size, gamma);
}

/* --- Milestones -------------------------------------------------------------------------------------------------- */

/* The settings are gamma and then the milestones, one of which may be there several times. */
static double multi_step_rate(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    int times = 0;

    (void)group;
    for (int i = 1; i < s->setting_count; i++)
        times += s->settings[i] == (double)epoch;
    return times > 0 ? lr * pow(s->settings[0], times) : lr;
}

static const fr_scheduler_kind multi_step_kind = { .name = "multi_step_lr",
                                                   .size = sizeof(fr_scheduler),
                                                   .rate = multi_step_rate };

static fr_scheduler *make_multi_step(fr_optim *o, const int64_t *milestones, int n, double gamma)
{
    const char *what = "multi_step_lr";

    if (!fr_check_not_null(what, o, "optimiser") || !fr_check_count(what, "n", n, 0) ||
        (n > 0 && !fr_check_not_null(what, milestones, "milestones")) ||
        !fr_check_option(what, "gamma", gamma, INFINITY))
        return NULL;
    for (int i = 0; i < n; i++)
        if (!fr_check_count(what, "a milestone", milestones[i], i > 0 ? milestones[i - 1] : 0))
            return NULL;

    fr_scheduler *s = NULL;
    double *settings = malloc(((size_t)n + 1) * sizeof *settings);

    if (!settings)
        return fr_fail_memory(what);
    settings[0] = gamma;
    for (int i = 0; i < n; i++)
        settings[i + 1] = (double)milestones[i];
    s = fr_scheduler_make(&multi_step_kind, o, settings, n + 1);
    free(settings);
    return s;
}

fr_scheduler *fr_multi_step_lr(fr_optim *o, const int64_t *milestones, int n, double gamma)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "multi_step_lr");
    fr_scheduler *s = make_multi_step(o, milestones, n, gamma);

    fr_finish(th, before);
    return s;
}

/* --- Exponential ------------------------------------------------------------------------------------------------- */

static double exponential_rate(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    (void)group;
    return epoch > 0 ? lr * s->settings[0] : lr;
}

static const fr_scheduler_kind exponential_kind = { .name = "exponential_lr",
                                                    .size = sizeof(fr_scheduler),
                                                    .rate = exponential_rate };

fr_scheduler *fr_exponential_lr(fr_optim *o, double gamma)
{
    MAKE(exponential, o, fr_check_option("exponential_lr", "gamma", gamma, INFINITY), gamma);
}

/* --- Cosine ------------------------------------------------------------------------------------------------------ */

enum { T_MAX, ETA_MIN };

/* eta_min + (base - eta_min) (1 + cos(pi epoch / t_max)) / 2 by way of the ratio to the last, but for the epoch after a
 * rate that is eta_min, where there is none. */
static double cosine_rate(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    double t_max = s->settings[T_MAX], eta_min = s->settings[ETA_MIN], now = (double)epoch;

    if (epoch == 0)
        return lr;
    if (fmod(now - 1 - t_max, 2 * t_max) == 0)
        return lr + (s->rates[group].base - eta_min) * (1 - cos(M_PI / t_max)) / 2;
    return (1 + cos(M_PI * now / t_max)) / (1 + cos(M_PI * (now - 1) / t_max)) * (lr - eta_min) + eta_min;
}

static const fr_scheduler_kind cosine_kind = { .name = "cosine_annealing_lr",
                                               .size = sizeof(fr_scheduler),
                                               .rate = cosine_rate };

fr_scheduler *fr_cosine_annealing_lr(fr_optim *o, int64_t t_max, double eta_min)
{
    MAKE(cosine, o,
         fr_check_count("cosine_annealing_lr", "t_max", t_max, 1) &&
             fr_check_option("cosine_annealing_lr", "eta_min", eta_min, INFINITY),
         (double)t_max, eta_min);
}

/* --- Warm-up ----------------------------------------------------------------------------------------------------- */

enum { START_FACTOR, END_FACTOR, LINEAR_ITERS };

static double linear_rate(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    double start = s->settings[START_FACTOR], rise = s->settings[END_FACTOR] - start, now = (double)epoch;

    (void)group;
    if (epoch == 0)
        return lr * start;
    if (now > s->settings[LINEAR_ITERS])
        return lr;
    return lr * (1 + rise / (s->settings[LINEAR_ITERS] * start + (now - 1) * rise));
}

static const fr_scheduler_kind linear_kind = { .name = "linear_lr", .size = sizeof(fr_scheduler), .rate = linear_rate };

fr_scheduler *fr_linear_lr(fr_optim *o, double start_factor, double end_factor, int64_t total_iters)
{
    MAKE(linear, o,
         (start_factor != 0 || fr_fail("linear_lr", "start_factor is 0, expected a number in (0, 1]")) &&
             fr_check_between("linear_lr", "start_factor", start_factor, 0, 1) &&
             fr_check_between("linear_lr", "end_factor", end_factor, 0, 1) &&
             fr_check_count("linear_lr", "total_iters", total_iters, 1),
         start_factor, end_factor, (double)total_iters);
}

enum { FACTOR, CONSTANT_ITERS };

static double constant_rate(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    (void)group;
    if (epoch == 0)
        return lr * s->settings[FACTOR];
    return (double)epoch == s->settings[CONSTANT_ITERS] ? lr * (1 / s->settings[FACTOR]) : lr;
}

static const fr_scheduler_kind constant_kind = { .name = "constant_lr",
                                                 .size = sizeof(fr_scheduler),
                                                 .rate = constant_rate };

fr_scheduler *fr_constant_lr(fr_optim *o, double factor, int64_t total_iters)
{
    MAKE(constant, o,
         (factor != 0 || fr_fail("constant_lr", "factor is 0, expected a number in (0, 1]")) &&
             fr_check_between("constant_lr", "factor", factor, 0, 1) &&
             fr_check_count("constant_lr", "total_iters", total_iters, 1),
         factor, (double)total_iters);
}

/* --- The caller's own -------------------------------------------------------------------------------------------- */

typedef struct {
    fr_scheduler scheduler;
    fr_lr_function *factor;
    void *user;
} lambda_lr;

/* While the caller's function runs, errors are reported where they happen. */
static double lambda_rate(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    const lambda_lr *own = (const lambda_lr *)s;
    fr_thread *th = fr_thread_self();

    (void)lr;
    fr_report_errors(th);

    double factor = own->factor(epoch, group, own->user);

    fr_defer_errors(th);
    return s->rates[group].base * factor;
}

static const fr_scheduler_kind lambda_kind = { .name = "lambda_lr", .size = sizeof(lambda_lr), .rate = lambda_rate };

fr_scheduler *fr_lambda_lr(fr_optim *o, fr_lr_function *factor, void *user)
{
    const char *what = "lambda_lr";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_scheduler *s = NULL;

    if (fr_check_not_null(what, o, "optimiser") && (factor || fr_fail(what, "factor is NULL")))
        s = fr_scheduler_new(&lambda_kind, o, NULL, 0);
    if (s) {
        ((lambda_lr *)s)->factor = factor;
        ((lambda_lr *)s)->user = user;
        s = fr_scheduler_begin(s);
    }
    fr_finish(th, before);
    return s;
}
