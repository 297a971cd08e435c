/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The optimiser's part of a run, in the file:
 *
 *     optim.KIND.groups          (groups, 1 + options) float64: the rate that schedulers count from, NaN where there is
 *                                none, and the options
 *     optim.KIND.parameters      (parameters of the module, 3) int64: group, -1 for none; steps; which states it has
 *     optim.KIND.STATE.PARAMETER the state, as the parameter */
#include "checkpoint/checkpoint.h"

#include <stdlib.h>

enum { GROUP, STEPS, STATES, COLUMNS };

static const int64_t STEPS_MOST = 1LL << 53;

static int count_options(const fr_optim_kind *kind)
{
    int n = 0;

    while (kind->options[n].name)
        n++;
    return n;
}

static fr_optim_slot *slot_of(const fr_optim *o, const fr_tensor *parameter)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->slots[i].parameter == parameter)
            return &o->slots[i];
    return NULL;
}

/* --- Saving ------------------------------------------------------------------------------------------------------ */

static bool put_groups(const fr_optim *o, fr_checkpoint_writer *f)
{
    int options = count_options(o->kind);
    double *numbers =
        fr_checkpoint_add_float64(f, FR_SHAPE((int64_t)o->group_count, 1 + options), "optim.%s.groups", o->kind->name);

    for (int g = 0; numbers && g < (int)o->group_count; g++) {
        *numbers++ = o->groups[g].initial_lr;
        for (int i = 0; i < options; i++)
            *numbers++ = fr_optim_read(o, g, &o->kind->options[i]);
    }
    return numbers != NULL;
}

static bool put_slot(const fr_training_state *t, fr_checkpoint_writer *f, const fr_optim_slot *s, int64_t *row)
{
    const fr_optim_kind *kind = t->optim->kind;

    row[GROUP] = s->group;
    row[STEPS] = s->steps;
    for (int k = 0; k < FR_OPTIM_STATES; k++) {
        if (!s->state[k] || s->fresh >> k & 1)
            continue;
        row[STATES] |= 1LL << k;
        if (!fr_checkpoint_add(f, s->state[k], "optim.%s.%s.%s", kind->name, kind->states[k],
                               fr_checkpoint_parameter_name(t, s->parameter)))
            return false;
    }
    return true;
}

bool fr_optim_state_save(const fr_training_state *t, fr_checkpoint_writer *f)
{
    char name[64];

    if (!t->optim)
        return true;
    snprintf(name, sizeof name, "optim.%s.parameters", t->optim->kind->name);

    int64_t *rows = fr_checkpoint_add_int64(f, FR_SHAPE(t->parameter_count, COLUMNS), name);
    bool ok = rows && put_groups(t->optim, f);

    for (int i = 0; ok && i < t->parameter_count; i++) {
        const fr_optim_slot *s = slot_of(t->optim, t->parameters[i]);
        int64_t *row = rows + i * COLUMNS;

        row[GROUP] = -1;
        row[STEPS] = row[STATES] = 0;
        ok = !s || put_slot(t, f, s, row);
    }
    return ok;
}

/* --- Checking ---------------------------------------------------------------------------------------------------- */

/* A group's row, into options. */
static void check_group(fr_checkpoint_reader *f, const fr_optim *o, int g, const double *row, char *options)
{
    const fr_optim_kind *kind = o->kind;
    char why[FR_OPTIM_WHY];
    bool fit = true;

    memcpy(options, o->groups[g].options, kind->size);
    if (!isnan(row[0]) && !fr_optim_fits(kind->options, row[0]))
        fr_error_list_add(&f->complaints, "the rate that group %d began with is %g", g, row[0]);
    for (int i = 0; kind->options[i].name; i++) {
        const fr_optim_option *option = &kind->options[i];

        if (fr_optim_fits(option, row[1 + i])) {
            fr_option_write(options, option, row[1 + i]);
        } else {
            fr_error_list_add(&f->complaints, "%s of group %d is %g", option->name, g, row[1 + i]);
            fit = false;
        }
    }
    if (fit && kind->agree && !kind->agree(options, why))
        fr_error_list_add(&f->complaints, "group %d: %s", g, why);
}

static bool check_groups(fr_checkpoint_reader *f, const fr_optim *o, fr_staged_state *r)
{
    int options = count_options(o->kind);
    fr_shape shape = FR_SHAPE((int64_t)o->group_count, 1 + options);
    const fr_tensor *rows = fr_checkpoint_get(f, FR_F64, shape, "optim.%s.groups", o->kind->name);

    r->options = calloc(o->group_count, o->kind->size);
    r->initial_lrs = calloc(o->group_count, sizeof *r->initial_lrs);
    if (!r->options || !r->initial_lrs)
        return fr_fail_memory(f->where);
    for (int g = 0; rows && g < (int)o->group_count; g++) {
        const double *row = (const double *)rows->origin + g * (1 + options);

        r->initial_lrs[g] = row[0];
        check_group(f, o, g, row, r->options + (size_t)g * o->kind->size);
    }
    return true;
}

static void check_slot(const fr_training_state *t, fr_checkpoint_reader *f, const int64_t *row, fr_staged_slot *saved)
{
    const fr_optim_kind *kind = t->optim->kind;
    const fr_tensor *p = saved->slot->parameter;
    const char *name = fr_checkpoint_parameter_name(t, p);
    int64_t unknown = row[STATES];

    for (int k = 0; k < FR_OPTIM_STATES && kind->states[k]; k++)
        unknown &= ~(1LL << k);
    if (unknown != 0)
        fr_error_list_add(&f->complaints, "\"%.80s\" has states %lld, which %s has not", name, (long long)row[STATES],
                          kind->name);
    saved->steps = row[STEPS];
    if (row[STEPS] < 0 || row[STEPS] > STEPS_MOST)
        fr_error_list_add(&f->complaints, "\"%.80s\" has taken %lld steps", name, (long long)row[STEPS]);
    for (int k = 0; k < FR_OPTIM_STATES && kind->states[k]; k++)
        if (row[STATES] >> k & 1)
            saved->state[k] =
                fr_checkpoint_get(f, (fr_dtype)p->dtype, p->shape, "optim.%s.%s.%s", kind->name, kind->states[k], name);
}

bool fr_optim_state_check(const fr_training_state *t, fr_checkpoint_reader *f, fr_staged_state *r)
{
    if (!t->optim)
        return true;
    if (!check_groups(f, t->optim, r))
        return false;

    const fr_tensor *rows = fr_checkpoint_get(f, FR_I64, FR_SHAPE(t->parameter_count, COLUMNS), "optim.%s.parameters",
                                              t->optim->kind->name);

    r->slots = calloc((size_t)t->parameter_count + 1, sizeof *r->slots);
    if (!r->slots)
        return fr_fail_memory(f->where);
    for (int i = 0; rows && i < t->parameter_count; i++) {
        const int64_t *row = (const int64_t *)rows->origin + i * COLUMNS;
        fr_optim_slot *s = slot_of(t->optim, t->parameters[i]);
        int group = s ? s->group : -1;

        if (row[GROUP] != group)
            fr_error_list_add(&f->complaints, "\"%.80s\" is in group %lld, expected %d (-1: none)",
                              fr_checkpoint_parameter_name(t, t->parameters[i]), (long long)row[GROUP], group);
        if (s) {
            r->slots[r->slot_count].slot = s;
            check_slot(t, f, row, &r->slots[r->slot_count++]);
        }
    }
    return true;
}

/* --- Resuming ---------------------------------------------------------------------------------------------------- */

void fr_optim_state_restore(const fr_training_state *t, const fr_staged_state *r)
{
    fr_optim *o = t->optim;

    for (size_t g = 0; o && g < o->group_count; g++) {
        memcpy(o->groups[g].options, r->options + g * o->kind->size, o->kind->size);
        o->groups[g].initial_lr = r->initial_lrs[g];
    }
    for (int i = 0; i < r->slot_count; i++) {
        fr_staged_slot *saved = &r->slots[i];

        saved->slot->steps = saved->steps;
        saved->slot->fresh = 0;
        for (int k = 0; k < FR_OPTIM_STATES; k++)
            fr_assign(&saved->slot->state[k], saved->state[k]);
    }
}
