/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A module's parameters and buffers to and from a safetensors file: fr_save, fr_load_into, fr_load_into_with. */
#include <config.h>

#include "files/module_state.h"

#include "core/options.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "files/safetensors.h"

#include <stdlib.h>

bool fr_state_of(const char *what, fr_module *m, const fr_named_tensor **state, int *n)
{
    const fr_thread *th = fr_thread_self();
    unsigned failures = th->errors.failures;

    *n = 0;
    if (!fr_check_not_null(what, m, "module"))
        return false;
    *state = fr_module_state(m, n);
    return th->errors.failures == failures;
}

/* --- Saving ------------------------------------------------------------------------------------------------------ */

/* Of all names of a tensor the first in alphabetical order, which safetensors' save_model keeps. */
static const char *kept_name(const fr_named_tensor *state, int n, const fr_tensor *t)
{
    const char *first = NULL;

    for (int i = 0; i < n; i++)
        if (state[i].tensor == t && (!first || strcmp(state[i].name, first) < 0))
            first = state[i].name;
    return first;
}

static int by_name(const void *a, const void *b)
{
    const fr_alias *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static bool save(fr_module *m, const char *path)
{
    const fr_named_tensor *state;
    int n, count = 0, alias_count = 0;

    if (!fr_state_of("save", m, &state, &n))
        return false;

    const char **names = calloc((size_t)n + 1, sizeof *names);
    fr_tensor **tensors = calloc((size_t)n + 1, sizeof *tensors);
    fr_alias *aliases = calloc((size_t)n + 1, sizeof *aliases);
    bool ok = (names && tensors && aliases) || fr_fail_memory("save");

    for (int i = 0; ok && i < n; i++) {
        const char *kept = kept_name(state, n, state[i].tensor);

        if (kept == state[i].name) {
            names[count] = kept;
            tensors[count++] = state[i].tensor;
        } else {
            aliases[alias_count++] = (fr_alias){ state[i].name, kept };
        }
    }
    if (ok) {
        qsort(aliases, (size_t)alias_count, sizeof *aliases, by_name);
        ok = fr_tensors_write_aliased("save", path, names, tensors, count, aliases, alias_count);
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

void fr_state_compare(fr_complaints *c, const fr_named_tensor *own, const fr_tensor *stored, fr_dtype dtype)
{
    const fr_tensor *t = own->tensor;

    if (fr_complain_unless_like(c, own->name, stored, dtype, &t->shape) && fr_has_history(t))
        fr_complain(c, "\"%.80s\" has a history in the module, which loading would break", own->name);
}

void fr_state_take(const fr_named_tensor *own, const fr_tensor *stored)
{
    fr_copy_values(own->tensor, stored);
    fr_storage_bump(own->tensor);
}

/* Values for the i-th, of which the file may hold one name alone where it has several. NULL: none. */
static const fr_tensor *stored_for(const fr_named_tensor *state, int n, int i, const fr_tensors *ts)
{
    const fr_tensor *stored = fr_tensors_find(ts, state[i].name);

    for (int k = 0; !stored && k < n; k++)
        if (state[k].tensor == state[i].tensor)
            stored = fr_tensors_find(ts, state[k].name);
    return stored;
}

/* Where the file does hold several, they must agree. */
static void compare_names(fr_complaints *c, const fr_named_tensor *state, int n, int i, const fr_tensors *ts)
{
    const fr_tensor *a = fr_tensors_find(ts, state[i].name), *b;

    for (int k = i + 1; a && k < n; k++) {
        if (state[k].tensor != state[i].tensor || !(b = fr_tensors_find(ts, state[k].name)))
            continue;
        if (a->dtype == b->dtype && fr_shape_equal(&a->shape, &b->shape) &&
            memcmp(a->origin, b->origin, a->storage->bytes) != 0)
            fr_complain(c, "\"%.80s\" and \"%.80s\" differ, but are one tensor in the module", state[i].name,
                        state[k].name);
    }
}

static bool in_state(const fr_named_tensor *state, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(state[i].name, name) == 0)
            return true;
    return false;
}

/* One load. */
typedef struct {
    const fr_named_tensor *state;
    int n;
    const fr_tensors *ts;
    const fr_load_options *options;
    fr_complaints complaints;
} loading;

static void tell(const loading *l, const char *name, fr_name_status status)
{
    if (l->options->on_name)
        l->options->on_name(name, status, l->options->user);
}

/* What differs, before what is missing. */
static void compare_values(loading *l)
{
    for (int i = 0; i < l->n; i++) {
        const fr_named_tensor *own = &l->state[i];
        const fr_tensor *stored = stored_for(l->state, l->n, i, l->ts);
        fr_dtype dtype = (fr_dtype)own->tensor->dtype;

        if (!stored)
            continue;
        if (dtype == FR_F64 && stored->dtype == FR_F32)
            dtype = FR_F32;
        if (stored->dtype != dtype || !fr_shape_equal(&stored->shape, &own->tensor->shape))
            tell(l, own->name, FR_NAME_DIFFERS);
        fr_state_compare(&l->complaints, own, stored, dtype);
        compare_names(&l->complaints, l->state, l->n, i, l->ts);
    }
}

static void note_missing(loading *l)
{
    for (int i = 0; i < l->n; i++) {
        if (stored_for(l->state, l->n, i, l->ts))
            continue;
        tell(l, l->state[i].name, FR_NAME_MISSING);
        if (!l->options->partial)
            fr_complain(&l->complaints, "\"%.80s\" is missing", l->state[i].name);
    }
}

static void note_unexpected(loading *l)
{
    for (int i = 0; i < l->ts->count; i++) {
        const char *name = l->ts->items[i].name;

        if (in_state(l->state, l->n, name))
            continue;
        tell(l, name, FR_NAME_UNEXPECTED);
        if (!l->options->partial)
            fr_complain(&l->complaints, "\"%.80s\" is not in the module", name);
    }
}

static bool load_into(const char *what, fr_module *m, const char *path, const fr_load_options *options)
{
    loading l = { .options = options };
    char where[FR_WHERE_SIZE];

    if (!fr_check_reserved(what, options->reserved) || !fr_state_of(what, m, &l.state, &l.n))
        return false;

    fr_tensors *ts = fr_tensors_read(what, path);

    if (!ts)
        return false;
    l.ts = ts;
    fr_complaints_share(&l.complaints, 1, 3);
    compare_values(&l);
    fr_complaints_share(&l.complaints, 2, 3);
    note_missing(&l);
    fr_complaints_share(&l.complaints, 3, 3);
    note_unexpected(&l);

    bool ok = !fr_complaints_fail(&l.complaints, fr_file_where(what, path, where), "does not agree with the module");

    for (int i = 0; ok && i < l.n; i++) {
        const fr_tensor *stored = stored_for(l.state, l.n, i, ts);

        if (stored)
            fr_state_take(&l.state[i], stored);
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
