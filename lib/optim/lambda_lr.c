/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lr = base factor(epoch), with the caller's function. */
#include "optim/scheduler.h"

static const char name[] = "lambda_lr";

typedef struct {
    fr_scheduler scheduler;
    fr_lr_function *factor;
    void *user;
} lambda_lr;

/* While the caller's function runs, errors are reported at once, not when the public function returns. */
static double get_lr(const fr_scheduler *s, int64_t epoch, int group, double lr)
{
    const lambda_lr *l = (const lambda_lr *)s;
    fr_thread *th = fr_thread_self();

    (void)lr;
    fr_report_errors(th);

    double factor = l->factor(epoch, group, l->user);

    fr_defer_errors(th);
    return s->lrs[group].base * factor;
}

static const fr_scheduler_kind kind = { .name = name, .size = sizeof(lambda_lr), .get_lr = get_lr };

fr_scheduler *fr_lambda_lr(fr_optim *o, fr_lr_function *factor, void *user)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fr_scheduler *s = NULL;

    if (fr_check_argument(name, o, "optimiser") && (factor || fr_fail(name, "factor is NULL")))
        s = fr_scheduler_new(&kind, o, NULL, 0);
    if (s) {
        ((lambda_lr *)s)->factor = factor;
        ((lambda_lr *)s)->user = user;
        s = fr_scheduler_begin(s);
    }
    fr_finish(th, before);
    return s;
}
