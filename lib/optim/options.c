/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The options of optimisers: fields of their structs, which a table describes, and setting and getting them by name. */
#include "core/recorder.h"
#include "optim/optim.h"

#include <frond/op.h>

static const double COUNT_MOST = 0x1p53; /* a double counts exactly up to here */

/* --- In an options struct ----------------------------------------------------------------------------------------- */

const fr_optim_option *fr_optim_find_option(const fr_optim_kind *kind, const char *name)
{
    for (const fr_optim_option *option = kind->options; option->name; option++)
        if (strcmp(option->name, name) == 0)
            return option;
    return NULL;
}

bool fr_option_is_valid(const fr_optim_option *option, double value)
{
    if (option->flag)
        return value == 0 || value == 1;
    if (option->count)
        return value >= (option->default_value > 0) && value <= COUNT_MOST && value == floor(value);
    return value >= 0 && value < option->limit;
}

static bool check_value(const char *what, const fr_optim_option *option, double value)
{
    if (!option->flag && !option->count)
        return fr_check_option(what, option->name, value, option->limit);
    return fr_option_is_valid(option, value) || fr_fail(what, "%s is %g, expected %s", option->name, value,
                                                        option->flag ? "0 or 1" : "a whole number, 1 to 2^53");
}

static double read_option(const void *options, const fr_optim_option *option)
{
    const char *field = (const char *)options + option->offset;

    return option->flag    ? *(const bool *)field
           : option->count ? (double)*(const int64_t *)(const void *)field
                           : *(const double *)(const void *)field;
}

void fr_option_write(void *options, const fr_optim_option *option, double value)
{
    char *field = (char *)options + option->offset;

    if (option->flag)
        *(bool *)field = value != 0;
    else if (option->count)
        *(int64_t *)(void *)field = (int64_t)value;
    else
        *(double *)(void *)field = value;
}

double fr_optim_read(const fr_optim *o, int group, const fr_optim_option *option)
{
    return read_option(o->groups[group].options, option);
}

void fr_optim_write(fr_optim *o, int group, const fr_optim_option *option, double value)
{
    fr_option_write(o->groups[group].options, option, value);
}

double fr_optim_read_lr(const fr_optim *o, int group)
{
    return fr_optim_read(o, group, o->kind->options);
}

void fr_optim_write_lr(fr_optim *o, int group, double lr)
{
    fr_optim_write(o, group, o->kind->options, lr);
}

static bool check_agreement(const char *what, const fr_optim_kind *kind, const void *options)
{
    char error[FR_OPTIM_ERROR];

    return !kind->consistent || kind->consistent(options, error) || fr_fail(what, "%s", error);
}

bool fr_optim_set_defaults(const fr_optim_kind *kind, void *options)
{
    if (!fr_check_reserved(kind->name, (void *const *)(const void *)((char *)options + kind->reserved)))
        return false;
    for (const fr_optim_option *option = kind->options; option->name; option++) {
        double value = fr_option(read_option(options, option), option->default_value);

        if (!check_value(kind->name, option, value))
            return false;
        fr_option_write(options, option, value);
    }
    return check_agreement(kind->name, kind, options);
}

/* --- Of a group, by name ------------------------------------------------------------------------------------------ */

bool fr_optim_check_group(const char *what, const fr_optim *o, int group)
{
    if (group >= 0 && (size_t)group < o->group_count)
        return true;
    return fr_fail(what, "group %d, but the optimiser has %zu", group, o->group_count);
}

/* "lr, beta1, beta2" */
static const char *list_options(const fr_optim_kind *kind, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (const fr_optim_option *option = kind->options; option->name && used < size; option++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", option->name);
    return text;
}

static const fr_optim_option *option_named(const char *what, const fr_optim *o, int group, const char *name)
{
    char text[200];

    if (!fr_check_argument(what, o, "optimiser") || !fr_check_argument(what, name, "option") ||
        !fr_optim_check_group(what, o, group))
        return NULL;

    const fr_optim_option *option = fr_optim_find_option(o->kind, name);

    if (!option)
        fr_fail(what, "%s has no option \"%.40s\"; it has %s", o->kind->name, name,
                list_options(o->kind, text, sizeof text));
    return option;
}

static bool set(const char *what, fr_optim *o, int group, const char *name, double value)
{
    const fr_optim_option *option = option_named(what, o, group, name);

    value = fr_option(value, 0);
    if (!option || !check_value(what, option, value) || !fr_not_captured(fr_thread_self(), what))
        return false;

    double before = fr_optim_read(o, group, option);

    fr_optim_write(o, group, option, value);
    if (check_agreement(what, o->kind, o->groups[group].options))
        return true;
    fr_optim_write(o, group, option, before);
    return false;
}

static double get(const char *what, const fr_optim *o, int group, const char *name)
{
    const fr_optim_option *option = option_named(what, o, group, name);

    return option ? fr_optim_read(o, group, option) : NAN;
}

bool fr_optim_set(fr_optim *o, int group, const char *option, double value)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "optim_set");
    bool ok = set("optim_set", o, group, option, value);

    fr_finish(th, before);
    return ok;
}

double fr_optim_get(const fr_optim *o, int group, const char *option)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "optim_get");
    double value = get("optim_get", o, group, option);

    fr_finish(th, before);
    return value;
}

bool fr_optim_set_group_lr(fr_optim *o, int group, double lr)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "optim_set_group_lr");
    bool ok = set("optim_set_group_lr", o, group, "lr", lr);

    fr_finish(th, before);
    return ok;
}

double fr_optim_group_lr(const fr_optim *o, int group)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "optim_group_lr");
    double lr = get("optim_group_lr", o, group, "lr");

    fr_finish(th, before);
    return lr;
}

bool fr_optim_set_lr(fr_optim *o, double lr)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "optim_set_lr");
    bool ok = set("optim_set_lr", o, 0, "lr", lr);

    for (int group = 1; ok && group < fr_optim_groups(o); group++)
        fr_optim_write_lr(o, group, fr_optim_read_lr(o, 0));
    fr_finish(th, before);
    return ok;
}

double fr_optim_lr(const fr_optim *o)
{
    return fr_is_given("optim_lr", o, "optimiser") ? fr_optim_read_lr(o, 0) : NAN;
}
