/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The optimiser's part of a checkpoint. In the file:
 *
 *     optim.KIND.groups           (groups, 1 + options) float64: the learning rate that schedulers start from, NaN if
 *                                 there is none; the group's options
 *     optim.KIND.parameters       (parameters of the module, 3) int64: group, or -1; steps; bit k is set for state k
 *     optim.KIND.STATE.PARAMETER  the state, of the parameter's shape and dtype
 *     optim.KIND.shared.I         state of the whole optimiser, as its rule has it */
#include "checkpoint/checkpoint.h"

#include <stdlib.h>

enum { GROUP, STEPS, STATES, COLUMNS }; /* of optim.KIND.parameters */

static const int64_t STEPS_MAX = 1LL << 53; /* a double counts exactly up to here */

static int count_options(const fr_optim_kind *kind)
{
    int n = 0;

    while (kind->options[n].name)
        n++;
    return n;
}

static fr_optim_slot *find_slot(const fr_optim *o, const fr_tensor *parameter)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->slots[i].parameter == parameter)
            return &o->slots[i];
    return NULL;
}

/* --- Saving ------------------------------------------------------------------------------------------------------ */

static bool save_groups(const fr_optim *o, fr_checkpoint_writer *w)
{
    int options = count_options(o->kind);
    double *numbers =
        fr_checkpoint_add_float64(w, FR_SHAPE((int64_t)o->group_count, 1 + options), "optim.%s.groups", o->kind->name);

    for (int g = 0; numbers && g < (int)o->group_count; g++) {
        *numbers++ = o->groups[g].initial_lr;
        for (int i = 0; i < options; i++)
            *numbers++ = fr_optim_read(o, g, &o->kind->options[i]);
    }
    return numbers != NULL;
}

static bool save_slot(const fr_training_state *t, fr_checkpoint_writer *w, const fr_optim_slot *s, int64_t *row)
{
    const fr_optim_kind *kind = t->optim->kind;

    row[GROUP] = s->group;
    row[STEPS] = s->steps;
    for (int k = 0; k < FR_OPTIM_STATES; k++) {
        if (!s->state[k] || s->fresh >> k & 1)
            continue;
        row[STATES] |= 1LL << k;
        if (!fr_checkpoint_add(w, s->state[k], "optim.%s.%s.%s", kind->name, kind->states[k],
                               fr_checkpoint_parameter_name(t, s->parameter)))
            return false;
    }
    return true;
}

bool fr_optim_state_save(const fr_training_state *t, fr_checkpoint_writer *w)
{
    if (!t->optim)
        return true;

    fr_shape shape = FR_SHAPE(t->parameter_count, COLUMNS);
    int64_t *rows = fr_checkpoint_add_int64(w, shape, "optim.%s.parameters", t->optim->kind->name);
    bool ok = rows && save_groups(t->optim, w);

    for (int i = 0; ok && i < t->parameter_count; i++) {
        const fr_optim_slot *s = find_slot(t->optim, t->parameters[i]);
        int64_t *row = rows + i * COLUMNS;

        row[GROUP] = -1;
        row[STEPS] = row[STATES] = 0;
        ok = !s || save_slot(t, w, s, row);
    }
    for (size_t i = 0; ok && i < t->optim->shared_count; i++)
        ok = fr_checkpoint_add(w, t->optim->shared[i], "optim.%s.shared.%zu", t->optim->kind->name, i);
    return ok;
}

/* --- Checking ---------------------------------------------------------------------------------------------------- */

/* Checks group g's row of optim.KIND.groups and writes its options to `options`. */
static void check_group(fr_checkpoint_reader *r, const fr_optim *o, int g, const double *row, char *options)
{
    const fr_optim_kind *kind = o->kind;
    char why[FR_OPTIM_ERROR];
    bool valid = true;

    memcpy(options, o->groups[g].options, kind->size);
    if (!isnan(row[0]) && !fr_option_is_valid(kind->options, row[0]))
        fr_error_list_add(&r->errors, "the learning rate that group %d began with is %g", g, row[0]);
    for (int i = 0; kind->options[i].name; i++) {
        const fr_optim_option *option = &kind->options[i];

        if (fr_option_is_valid(option, row[1 + i])) {
            fr_option_write(options, option, row[1 + i]);
        } else {
            fr_error_list_add(&r->errors, "%s of group %d is %g", option->name, g, row[1 + i]);
            valid = false;
        }
    }
    if (valid && kind->consistent && !kind->consistent(options, why))
        fr_error_list_add(&r->errors, "group %d: %s", g, why);
}

static bool check_groups(fr_checkpoint_reader *r, const fr_optim *o, fr_staged_state *staged)
{
    int options = count_options(o->kind);
    fr_shape shape = FR_SHAPE((int64_t)o->group_count, 1 + options);
    const fr_tensor *rows = fr_checkpoint_get(r, FR_F64, shape, "optim.%s.groups", o->kind->name);

    staged->options = calloc(o->group_count, o->kind->size);
    staged->initial_lrs = calloc(o->group_count, sizeof *staged->initial_lrs);
    if (!staged->options || !staged->initial_lrs)
        return fr_fail_memory(r->where);
    for (int g = 0; rows && g < (int)o->group_count; g++) {
        const double *row = (const double *)rows->origin + g * (1 + options);

        staged->initial_lrs[g] = row[0];
        check_group(r, o, g, row, staged->options + (size_t)g * o->kind->size);
    }
    return true;
}

static void check_slot(const fr_training_state *t, fr_checkpoint_reader *r, const int64_t *row, fr_staged_slot *staged)
{
    const fr_optim_kind *kind = t->optim->kind;
    const fr_tensor *p = staged->slot->parameter;
    const char *name = fr_checkpoint_parameter_name(t, p);
    int64_t unknown = row[STATES]; /* bits of states that the optimiser does not have */

    for (int k = 0; k < FR_OPTIM_STATES && kind->states[k]; k++)
        unknown &= ~(1LL << k);
    if (unknown != 0)
        fr_error_list_add(&r->errors, "\"%.80s\" has states %lld, which %s does not have", name, (long long)row[STATES],
                          kind->name);
    staged->steps = row[STEPS];
    if (row[STEPS] < 0 || row[STEPS] > STEPS_MAX)
        fr_error_list_add(&r->errors, "\"%.80s\" has taken %lld steps", name, (long long)row[STEPS]);
    for (int k = 0; k < FR_OPTIM_STATES && kind->states[k]; k++)
        if (row[STATES] >> k & 1)
            staged->state[k] =
                fr_checkpoint_get(r, (fr_dtype)p->dtype, p->shape, "optim.%s.%s.%s", kind->name, kind->states[k], name);
}

/* What o has of shared state depends on the steps taken, so all that the file has is taken. */
static bool check_shared(fr_checkpoint_reader *r, const fr_optim *o, fr_staged_state *staged)
{
    fr_tensor *t;

    if (!o->kind->check_shared)
        return true;
    staged->shared = calloc((size_t)r->tensors->count + 1, sizeof *staged->shared);
    if (!staged->shared)
        return fr_fail_memory(r->where);
    while ((t = fr_checkpoint_find(r, "optim.%s.shared.%zu", o->kind->name, staged->shared_count)))
        staged->shared[staged->shared_count++] = t;
    if (!o->kind->check_shared(o, staged->shared, staged->shared_count))
        fr_error_list_add(&r->errors, "the %zu tensors \"optim.%s.shared\" are not a state of this optimiser",
                          staged->shared_count, o->kind->name);
    return true;
}

bool fr_optim_state_check(const fr_training_state *t, fr_checkpoint_reader *r, fr_staged_state *staged)
{
    if (!t->optim)
        return true;
    if (!check_groups(r, t->optim, staged) || !check_shared(r, t->optim, staged))
        return false;

    const fr_tensor *rows = fr_checkpoint_get(r, FR_I64, FR_SHAPE(t->parameter_count, COLUMNS), "optim.%s.parameters",
                                              t->optim->kind->name);

    staged->slots = calloc((size_t)t->parameter_count + 1, sizeof *staged->slots);
    if (!staged->slots)
        return fr_fail_memory(r->where);
    for (int i = 0; rows && i < t->parameter_count; i++) {
        const int64_t *row = (const int64_t *)rows->origin + i * COLUMNS;
        fr_optim_slot *s = find_slot(t->optim, t->parameters[i]);
        int group = s ? s->group : -1;

        if (row[GROUP] != group)
            fr_error_list_add(&r->errors, "\"%.80s\" is in group %lld, expected %d (-1: none)",
                              fr_checkpoint_parameter_name(t, t->parameters[i]), (long long)row[GROUP], group);
        if (s) {
            staged->slots[staged->slot_count].slot = s;
            check_slot(t, r, row, &staged->slots[staged->slot_count++]);
        }
    }
    return true;
}

/* --- Resuming ---------------------------------------------------------------------------------------------------- */

/* Exchanges the arrays: staged's is freed with it. */
static void restore_shared(fr_optim *o, fr_staged_state *staged)
{
    fr_tensor **old = o->shared;

    for (size_t i = 0; i < staged->shared_count; i++)
        fr_ref(staged->shared[i]);
    for (size_t i = 0; i < o->shared_count; i++)
        fr_unref(old[i]);
    o->shared = staged->shared;
    o->shared_count = o->shared_capacity = staged->shared_count;
    staged->shared = old;
}

void fr_optim_state_restore(const fr_training_state *t, fr_staged_state *staged)
{
    fr_optim *o = t->optim;

    for (size_t g = 0; o && g < o->group_count; g++) {
        memcpy(o->groups[g].options, staged->options + g * o->kind->size, o->kind->size);
        o->groups[g].initial_lr = staged->initial_lrs[g];
    }
    if (staged->shared)
        restore_shared(o, staged);
    for (int i = 0; i < staged->slot_count; i++) {
        const fr_staged_slot *saved = &staged->slots[i];

        saved->slot->steps = saved->steps;
        saved->slot->fresh = 0;
        for (int k = 0; k < FR_OPTIM_STATES; k++)
            fr_assign(&saved->slot->state[k], saved->state[k]);
    }
}
