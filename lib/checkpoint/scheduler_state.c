/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The schedulers' part of a checkpoint: all schedulers of the optimiser, in the order in which they were made,
 * including those inside a sequential one. In the file, for scheduler number I:
 *
 *     scheduler.I.KIND.settings  (settings) float64: the arguments that it was made with
 *     scheduler.I.KIND.state     (1 + states) float64: the epoch, and what else it counts
 *     scheduler.I.KIND.rates     (groups, 2) float64: the learning rate that the formula starts from, and the one that
 *                                was set last; NaN if there is none */
#include "checkpoint/checkpoint.h"

#include <stdlib.h>

static const double EPOCH_MAX = 0x1p53; /* a double counts exactly up to here */

static fr_scheduler *first_scheduler(const fr_training_state *t)
{
    return t->optim ? t->optim->schedulers : NULL;
}

/* --- Saving ------------------------------------------------------------------------------------------------------ */

static bool save_scheduler(const fr_scheduler *s, int i, fr_checkpoint_writer *w)
{
    const char *kind = s->kind->name;
    int64_t groups = (int64_t)s->optim->group_count;
    double *settings = fr_checkpoint_add_float64(w, FR_SHAPE(s->setting_count), "scheduler.%d.%s.settings", i, kind);
    double *state = fr_checkpoint_add_float64(w, FR_SHAPE(1 + FR_SCHEDULER_STATES), "scheduler.%d.%s.state", i, kind);
    double *rates = fr_checkpoint_add_float64(w, FR_SHAPE(groups, 2), "scheduler.%d.%s.rates", i, kind);

    if (!settings || !state || !rates)
        return false;
    for (int k = 0; k < s->setting_count; k++)
        settings[k] = s->settings[k];
    state[0] = (double)s->epoch;
    for (int k = 0; k < FR_SCHEDULER_STATES; k++)
        state[1 + k] = s->states[k];
    for (int64_t g = 0; g < groups; g++) {
        rates[2 * g] = s->lrs[g].base;
        rates[2 * g + 1] = s->lrs[g].last;
    }
    return true;
}

bool fr_scheduler_state_save(const fr_training_state *t, fr_checkpoint_writer *w)
{
    int i = 0;

    for (const fr_scheduler *s = first_scheduler(t); s; s = s->next, i++)
        if (!save_scheduler(s, i, w))
            return false;
    return true;
}

/* --- Checking ---------------------------------------------------------------------------------------------------- */

static void check_settings(const fr_scheduler *s, int i, fr_checkpoint_reader *r)
{
    const char *kind = s->kind->name;
    fr_shape shape = FR_SHAPE(s->setting_count);
    const fr_tensor *saved = fr_checkpoint_get(r, FR_F64, shape, "scheduler.%d.%s.settings", i, kind);

    for (int k = 0; saved && k < s->setting_count; k++) {
        double setting = ((const double *)saved->origin)[k];

        if (setting != s->settings[k])
            fr_error_list_add(&r->errors, "scheduler %d, a %s, was made with %g as setting %d, expected %g", i, kind,
                              setting, k, s->settings[k]);
    }
}

static bool is_valid_epoch(const fr_scheduler *s, double epoch)
{
    return epoch == floor(epoch) && epoch >= (s->is_part ? -1 : 0) && epoch <= EPOCH_MAX;
}

/* Returns the tensor, borrowed from the file. */
static fr_tensor *check_state(const fr_scheduler *s, int i, fr_checkpoint_reader *r)
{
    const char *kind = s->kind->name;
    fr_tensor *saved =
        fr_checkpoint_get(r, FR_F64, FR_SHAPE(1 + FR_SCHEDULER_STATES), "scheduler.%d.%s.state", i, kind);
    const double *state = saved ? (const double *)saved->origin : NULL;

    if (state && !is_valid_epoch(s, state[0]))
        fr_error_list_add(&r->errors, "scheduler %d, a %s, is at epoch %g", i, kind, state[0]);
    for (int k = 0; state && k < FR_SCHEDULER_STATES; k++)
        if (s->kind->states[k] ? isnan(state[1 + k]) : state[1 + k] != 0)
            fr_error_list_add(&r->errors, "scheduler %d, a %s, has a %s of %g", i, kind,
                              s->kind->states[k] ? s->kind->states[k] : "count", state[1 + k]);
    return saved;
}

static fr_tensor *check_rates(const fr_scheduler *s, int i, fr_checkpoint_reader *r)
{
    const char *kind = s->kind->name;
    int64_t groups = (int64_t)s->optim->group_count;
    fr_tensor *saved = fr_checkpoint_get(r, FR_F64, FR_SHAPE(groups, 2), "scheduler.%d.%s.rates", i, kind);
    const double *rates = saved ? (const double *)saved->origin : NULL;

    for (int64_t k = 0; rates && k < 2 * groups; k++)
        if (!isnan(rates[k]) && !fr_option_is_valid(s->optim->kind->options, rates[k]))
            fr_error_list_add(&r->errors, "scheduler %d, a %s, has a rate of %g", i, kind, rates[k]);
    return saved;
}

bool fr_scheduler_state_check(const fr_training_state *t, fr_checkpoint_reader *r, fr_staged_state *staged)
{
    size_t n = 0;
    int i = 0;

    for (const fr_scheduler *s = first_scheduler(t); s; s = s->next)
        n++;
    staged->schedulers = calloc(2 * n + 1, sizeof *staged->schedulers);
    if (!staged->schedulers)
        return fr_fail_memory(r->where);
    for (const fr_scheduler *s = first_scheduler(t); s; s = s->next, i++) {
        check_settings(s, i, r);
        staged->schedulers[2 * i] = check_state(s, i, r);
        staged->schedulers[2 * i + 1] = check_rates(s, i, r);
    }
    return true;
}

/* --- Resuming ---------------------------------------------------------------------------------------------------- */

void fr_scheduler_state_restore(const fr_training_state *t, const fr_staged_state *staged)
{
    fr_tensor *const *saved = staged->schedulers;

    for (fr_scheduler *s = first_scheduler(t); s; s = s->next, saved += 2) {
        const double *state = (const double *)saved[0]->origin, *rates = (const double *)saved[1]->origin;

        s->epoch = (int64_t)state[0];
        for (int k = 0; k < FR_SCHEDULER_STATES; k++)
            s->states[k] = state[1 + k];
        for (size_t g = 0; g < s->optim->group_count; g++) {
            s->lrs[g].base = rates[2 * g];
            s->lrs[g].last = rates[2 * g + 1];
        }
    }
}
