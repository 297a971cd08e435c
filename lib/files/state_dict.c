/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Saves and loads a module's state dict as a safetensors file: fr_save, fr_load_into, fr_load_into_with. */
#include <config.h>

#include "files/state_dict.h"

#include "core/call_site.h"
#include "core/error.h"
#include "core/options.h"
#include "core/shape.h"
#include "core/thread.h"
#include "files/safetensors.h"

#include <stdlib.h>

bool fr_state_dict(const char *what, fr_module *m, const fr_named_tensor **state, int *n)
{
    const fr_thread *th = fr_thread_self();
    unsigned failures = th->errors.failures;

    *n = 0;
    if (!fr_check_argument(what, m, "module"))
        return false;
    *state = fr_module_state(m, n);
    return th->errors.failures == failures;
}

/* --- Saving ------------------------------------------------------------------------------------------------------ */

/* The name that a tensor with several names is saved under: the first in alphabetical order, as in save_model of
 * Python's safetensors. */
static const char *primary_name(const fr_named_tensor *state, int n, const fr_tensor *t)
{
    const char *first = NULL;

    for (int i = 0; i < n; i++)
        if (state[i].tensor == t && (!first || strcmp(state[i].name, first) < 0))
            first = state[i].name;
    return first;
}

static int compare_aliases(const void *a, const void *b)
{
    const fr_tensor_alias *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static bool save(fr_module *m, const char *path)
{
    const fr_named_tensor *state;
    int n, count = 0, alias_count = 0;

    if (!fr_state_dict("save", m, &state, &n))
        return false;

    const char **names = calloc((size_t)n + 1, sizeof *names);
    fr_tensor **tensors = calloc((size_t)n + 1, sizeof *tensors);
    fr_tensor_alias *aliases = calloc((size_t)n + 1, sizeof *aliases);
    bool ok = (names && tensors && aliases) || fr_fail_memory("save");

    for (int i = 0; ok && i < n; i++) {
        const char *primary = primary_name(state, n, state[i].tensor);

        if (primary == state[i].name) {
            names[count] = primary;
            tensors[count++] = state[i].tensor;
        } else {
            aliases[alias_count++] = (fr_tensor_alias){ state[i].name, primary };
        }
    }
    if (ok) {
        qsort(aliases, (size_t)alias_count, sizeof *aliases, compare_aliases);
        ok = fr_safetensors_save_aliased("save", path, names, tensors, count, aliases, alias_count);
    }
    free(names);
    free(tensors);
    free(aliases);
    return ok;
}

bool fr_save(fr_module *m, const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "save");
    bool ok = save(m, path);

    fr_finish(th, before);
    return ok;
}

/* --- Loading ----------------------------------------------------------------------------------------------------- */

void fr_state_check(fr_error_list *list, const fr_named_tensor *entry, const fr_tensor *value, fr_dtype dtype)
{
    const fr_tensor *t = entry->tensor;

    if (fr_error_list_check_tensor(list, entry->name, value, dtype, &t->shape) && fr_has_history(t))
        fr_error_list_add(list, "\"%.80s\" has a history in the module, which loading would break", entry->name);
}

void fr_state_assign(const fr_named_tensor *entry, const fr_tensor *value)
{
    fr_copy_values(entry->tensor, value);
    fr_storage_bump(entry->tensor);
}

/* The file's values for entry i, under its name or another name of the same tensor (tied weights). NULL: none. */
static const fr_tensor *find_value(const fr_named_tensor *state, int n, int i, const fr_tensors *ts)
{
    const fr_tensor *value = fr_tensors_find(ts, state[i].name);

    for (int k = 0; !value && k < n; k++)
        if (state[k].tensor == state[i].tensor)
            value = fr_tensors_find(ts, state[k].name);
    return value;
}

/* If the file has values under several names of one tensor, they must be equal. */
static void check_tied_values(fr_error_list *list, const fr_named_tensor *state, int n, int i, const fr_tensors *ts)
{
    const fr_tensor *a = fr_tensors_find(ts, state[i].name), *b;

    for (int k = i + 1; a && k < n; k++) {
        if (state[k].tensor != state[i].tensor || !(b = fr_tensors_find(ts, state[k].name)))
            continue;
        if (a->dtype == b->dtype && fr_shape_equal(&a->shape, &b->shape) &&
            memcmp(a->origin, b->origin, a->storage->bytes) != 0)
            fr_error_list_add(list, "\"%.80s\" and \"%.80s\" differ, but are one tensor in the module", state[i].name,
                              state[k].name);
    }
}

static bool has_name(const fr_named_tensor *state, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(state[i].name, name) == 0)
            return true;
    return false;
}

typedef struct {
    const fr_named_tensor *state;
    int n;
    const fr_tensors *ts;
    const fr_load_options *options;
    fr_error_list errors;
} loading;

static void report(const loading *l, const char *name, fr_name_status status)
{
    if (l->options->on_name)
        l->options->on_name(name, status, l->options->user);
}

static void check_values(loading *l)
{
    for (int i = 0; i < l->n; i++) {
        const fr_named_tensor *entry = &l->state[i];
        const fr_tensor *value = find_value(l->state, l->n, i, l->ts);
        fr_dtype dtype = (fr_dtype)entry->tensor->dtype;

        if (!value)
            continue;
        if (dtype == FR_F64 && value->dtype == FR_F32) /* the conversion is exact */
            dtype = FR_F32;
        if (value->dtype != dtype || !fr_shape_equal(&value->shape, &entry->tensor->shape))
            report(l, entry->name, FR_NAME_DIFFERS);
        fr_state_check(&l->errors, entry, value, dtype);
        check_tied_values(&l->errors, l->state, l->n, i, l->ts);
    }
}

static void check_missing(loading *l)
{
    for (int i = 0; i < l->n; i++) {
        if (find_value(l->state, l->n, i, l->ts))
            continue;
        report(l, l->state[i].name, FR_NAME_MISSING);
        if (!l->options->partial)
            fr_error_list_add(&l->errors, "\"%.80s\" is missing", l->state[i].name);
    }
}

static void check_unexpected(loading *l)
{
    for (int i = 0; i < l->ts->count; i++) {
        const char *name = l->ts->items[i].name;

        if (has_name(l->state, l->n, name))
            continue;
        report(l, name, FR_NAME_UNEXPECTED);
        if (!l->options->partial)
            fr_error_list_add(&l->errors, "\"%.80s\" is not in the module", name);
    }
}

static bool load_into(const char *what, fr_module *m, const char *path, const fr_load_options *options)
{
    loading l = { .options = options };
    char where[FR_WHERE_SIZE];

    if (!fr_check_reserved(what, options->reserved) || !fr_state_dict(what, m, &l.state, &l.n))
        return false;

    fr_tensors *ts = fr_safetensors_load(what, path);

    if (!ts)
        return false;
    l.ts = ts;
    fr_error_list_limit(&l.errors, 1, 3); /* each kind of error gets a third of the message */
    check_values(&l);
    fr_error_list_limit(&l.errors, 2, 3);
    check_missing(&l);
    fr_error_list_limit(&l.errors, 3, 3);
    check_unexpected(&l);

    bool ok = !fr_error_list_fail(&l.errors, fr_file_where(what, path, where), "does not agree with the module");

    for (int i = 0; ok && i < l.n; i++) {
        const fr_tensor *value = find_value(l.state, l.n, i, ts);

        if (value)
            fr_state_assign(&l.state[i], value);
    }
    fr_tensors_free(ts);
    return ok;
}

bool fr_load_into_with(fr_module *m, const char *path, const fr_load_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "load_into_with");
    bool ok = load_into("load_into_with", m, path, options ? options : &(fr_load_options){ .partial = false });

    fr_finish(th, before);
    return ok;
}

bool fr_load_into(fr_module *m, const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "load_into");
    bool ok = load_into("load_into", m, path, &(fr_load_options){ .partial = false });

    fr_finish(th, before);
    return ok;
}
