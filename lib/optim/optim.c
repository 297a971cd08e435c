/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What all optimisers share: making and freeing them, and their groups of parameters. */
#include <config.h>

#include "nn/module.h"
#include "optim/scheduler.h"

#include <frond/op.h>
#include <stdlib.h>

/* --- Groups ------------------------------------------------------------------------------------------------------ */

/* Appends a group with a copy of these options, and makes room for it in the schedulers. */
static fr_optim_group *new_group(const char *what, fr_optim *o, const void *options)
{
    void *copy;

    if (o->kind->step && o->group_count > 0)
        return fr_fail(what, "%s has one group for all parameters", o->kind->name);
    copy = malloc(o->kind->size);
    if (!copy || !fr_make_room(&o->groups, sizeof *o->groups, o->group_count, &o->group_capacity) ||
        !fr_schedulers_make_room(o, o->group_count + 1)) {
        free(copy);
        return fr_fail_memory(what);
    }
    memcpy(copy, options, o->kind->size);
    o->groups[o->group_count] = (fr_optim_group){ .options = copy, .initial_lr = NAN };
    return &o->groups[o->group_count++];
}

static void free_slot(fr_optim_slot *s)
{
    for (int k = 0; k < FR_OPTIM_STATES; k++)
        fr_unref(s->state[k]);
    fr_unref(s->copy);
    fr_unref(s->parameter);
    free(s->name);
}

/* Removes slots and groups from the end until so many are left. */
static void shrink(fr_optim *o, size_t count, size_t group_count)
{
    while (o->count > count)
        free_slot(&o->slots[--o->count]);
    while (o->group_count > group_count)
        free(o->groups[--o->group_count].options);
}

static fr_optim_slot *find_slot(const fr_optim *o, const fr_tensor *parameter)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->slots[i].parameter == parameter)
            return &o->slots[i];
    return NULL;
}

static bool add_slot(const char *what, fr_optim *o, fr_tensor *t, const char *name)
{
    const fr_optim_slot *there = find_slot(o, t);
    char text[FR_SHAPE_TEXT];

    if (o->averaging)
        return fr_fail(what, "\"%s\" comes after fr_optim_distributed: add parameters before", name);
    if (there)
        return fr_fail(what, "\"%s\" is in group %d already, as \"%s\"", name, there->group, there->name);
    if (fr_repeats_values(t))
        return fr_fail(what, "\"%s\" of shape %s is an expanded view: take fr_contiguous of it", name,
                       fr_shape_text(&t->shape, text));

    char *copy = strdup(name);

    if (!copy || !fr_make_room(&o->slots, sizeof *o->slots, o->count, &o->capacity)) {
        free(copy);
        return fr_fail_memory(what);
    }
    o->slots[o->count++] = (fr_optim_slot){ .parameter = fr_ref(t), .name = copy, .group = (int)o->group_count - 1 };
    return true;
}

static bool add_buffer(const char *what, fr_optim *o, fr_tensor *t)
{
    if (!fr_make_room(&o->buffers, sizeof *o->buffers, o->buffer_count, &o->buffer_capacity))
        return fr_fail_memory(what);
    o->buffers[o->buffer_count++] = fr_ref(t);
    return true;
}

/* Adds m's parameters to the last group. A parameter with several names is added under the first. */
static bool add_module(const char *what, fr_optim *o, fr_module *m)
{
    size_t before = o->count;
    int n = 0;
    const fr_named_tensor *state = fr_module_state(m, &n);

    if (!state)
        return false;
    for (int i = 0; i < n; i++) {
        const fr_optim_slot *there = find_slot(o, state[i].tensor);

        if (state[i].buffer
                ? !add_buffer(what, o, state[i].tensor)
                : !(there && there >= o->slots + before) && !add_slot(what, o, state[i].tensor, state[i].name))
            return false;
    }
    return o->count > before || fr_fail(what, "the module has no parameters");
}

enum { NAME_SIZE = 32 };

static const char *name_in_list(int i, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "parameters[%d]", i);
    return name;
}

static bool add_list(const char *what, fr_optim *o, fr_tensor *const *parameters, int n)
{
    char name[NAME_SIZE];

    for (int i = 0; i < n; i++)
        if (!fr_check_argument(what, parameters[i], name_in_list(i, name)) ||
            !fr_check_parameter(what, name, parameters[i]) || !add_slot(what, o, parameters[i], name))
            return false;
    return true;
}

static bool check_list(const char *what, const fr_optim *o, fr_tensor *const *parameters, int n)
{
    if (!fr_check_argument(what, o, "optimiser") || !fr_check_argument(what, parameters, "parameters"))
        return false;
    return n > 0 || fr_fail(what, "%d parameters given, expected 1 or more", n);
}

/* The number of the new group; if it could not be filled, -1 with everything as before. */
static int finish_group(fr_optim *o, bool ok, size_t count, size_t group_count)
{
    if (!ok)
        shrink(o, count, group_count);
    return ok ? (int)group_count : -1;
}

int fr_optim_add_group(fr_optim *o, fr_module *m)
{
    const char *what = "optim_add_group";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int group = -1;

    if (fr_check_argument(what, o, "optimiser") && fr_check_argument(what, m, "module")) {
        size_t count = o->count, groups = o->group_count;

        group = finish_group(o, new_group(what, o, o->groups[0].options) && add_module(what, o, m), count, groups);
    }
    fr_finish(th, before);
    return group;
}

int fr_optim_add_parameters(fr_optim *o, fr_tensor *const *parameters, int n)
{
    const char *what = "optim_add_parameters";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int group = -1;

    if (check_list(what, o, parameters, n)) {
        size_t count = o->count, groups = o->group_count;

        group = finish_group(o, new_group(what, o, o->groups[0].options) && add_list(what, o, parameters, n), count,
                             groups);
    }
    fr_finish(th, before);
    return group;
}

/* The group that all these parameters are in; -1 with an error. */
static int group_of(const char *what, const fr_optim *o, fr_tensor *const *parameters, int n)
{
    int group = -1;
    char name[NAME_SIZE];

    for (int i = 0; i < n; i++) {
        const fr_optim_slot *s = find_slot(o, parameters[i]);

        if (!fr_check_argument(what, parameters[i], name_in_list(i, name)))
            return -1;
        if (!s)
            return fr_fail(what, "%s is not in the optimiser", name), -1;
        if (i > 0 && s->group != group)
            return fr_fail(what, "%s is \"%s\" of group %d, but parameters[0] is in group %d", name, s->name, s->group,
                           group),
                   -1;
        for (int k = 0; k < i; k++)
            if (parameters[k] == parameters[i])
                return fr_fail(what, "\"%s\" is given twice, as parameters[%d] and [%d]", s->name, k, i), -1;
        group = s->group;
    }
    return group;
}

/* Moves parameters into a group of their own. Its options, and its state in the schedulers, are those of the group that
 * they come from, so that schedules go on. */
static bool split(const char *what, fr_optim *o, fr_tensor *const *parameters, int n)
{
    int from = group_of(what, o, parameters, n);
    fr_optim_group *group = from < 0 ? NULL : new_group(what, o, o->groups[from].options);

    if (!group)
        return false;
    group->initial_lr = o->groups[from].initial_lr;
    for (fr_scheduler *s = o->schedulers; s; s = s->next)
        s->lrs[o->group_count - 1] = s->lrs[from];
    for (int i = 0; i < n; i++) {
        fr_optim_slot *moved = find_slot(o, parameters[i]);

        if (moved) /* as group_of found */
            moved->group = (int)o->group_count - 1;
    }
    return true;
}

int fr_optim_split(fr_optim *o, fr_tensor *const *parameters, int n)
{
    const char *what = "optim_split";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = check_list(what, o, parameters, n) && split(what, o, parameters, n);

    fr_finish(th, before);
    return ok ? (int)o->group_count - 1 : -1;
}

int fr_optim_groups(const fr_optim *o)
{
    return fr_is_given("optim_groups", o, "optimiser") ? (int)o->group_count : -1;
}

/* --- Making and freeing ------------------------------------------------------------------------------------------ */

static fr_optim *make(const fr_optim_kind *kind, fr_module *m, const void *options)
{
    fr_optim *o = fr_object_new(sizeof *o);
    void *own = calloc(1, kind->size);

    if (!o || !own) {
        free(o);
        free(own);
        return fr_fail_memory(kind->name);
    }
    if (options)
        memcpy(own, options, kind->size);
    o->kind = kind;

    bool ok = fr_optim_set_defaults(kind, own) && new_group(kind->name, o, own) && add_module(kind->name, o, m);

    free(own);
    if (!ok) {
        fr_optim_free(o);
        return NULL;
    }
    return o;
}

fr_optim *fr_optim_make(const fr_optim_kind *kind, fr_module *m, const void *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, kind->name);
    fr_optim *o = fr_check_argument(kind->name, m, "module") ? make(kind, m, options) : NULL;

    fr_finish(th, before);
    return o;
}

bool fr_optim_share(const char *what, fr_optim *o, fr_tensor *const *ts, int n)
{
    for (int i = 0; i < n; i++)
        if (!fr_make_room(&o->shared, sizeof *o->shared, o->shared_count + (size_t)i, &o->shared_capacity))
            return fr_fail_memory(what);
    for (int i = 0; i < n; i++)
        o->shared[o->shared_count++] = fr_ref(ts[i]);
    return true;
}

static void release(void *object)
{
    fr_optim *o = object;

    if (o->averaging)
        o->end_averaging(o->averaging);
    fr_schedulers_detach(o);
    shrink(o, 0, 0);
    while (o->shared_count > 0)
        fr_unref(o->shared[--o->shared_count]);
    while (o->buffer_count > 0)
        fr_unref(o->buffers[--o->buffer_count]);
    free(o->shared);
    free(o->buffers);
    free(o->slots);
    free(o->groups);
}

void fr_optim_free(fr_optim *o)
{
    fr_object_end("optim_free", o, "optimiser", release);
}
