/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A module's parameters and buffers to and from a safetensors file: fr_save, fr_load_into. */
#include <config.h>

#include "io/module_state.h"
#include "io/safetensors.h"

#include <stdlib.h>

bool fr_state_of(const char *what, fr_module *m, const fr_named_tensor **state, int *n)
{
    const fr_thread *th = fr_thread_self();
    unsigned failures = th->failures;

    *n = 0;
    if (!fr_check_not_null(what, m, "module"))
        return false;
    *state = fr_module_state(m, n);
    return th->failures == failures;
}

/* --- Saving ------------------------------------------------------------------------------------------------------ */

static bool save(fr_module *m, const char *path)
{
    const fr_named_tensor *state;
    int n;

    if (!fr_state_of("save", m, &state, &n))
        return false;

    const char **names = calloc((size_t)n + 1, sizeof *names);
    fr_tensor **tensors = calloc((size_t)n + 1, sizeof *tensors);
    bool ok = (names && tensors) || fr_fail_memory("save");

    for (int i = 0; ok && i < n; i++) {
        names[i] = state[i].name;
        tensors[i] = state[i].tensor;
    }
    ok = ok && fr_tensors_write("save", path, names, tensors, n);
    free(names);
    free(tensors);
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

void fr_state_compare(fr_complaints *c, const fr_named_tensor *own, const fr_tensor *stored)
{
    const fr_tensor *t = own->tensor;

    if (fr_complain_unless_like(c, own->name, stored, (fr_dtype)t->dtype, &t->shape) && fr_has_history(t))
        fr_complain(c, "\"%.80s\" has a history in the module, which loading would break", own->name);
}

void fr_state_take(const fr_named_tensor *own, const fr_tensor *stored)
{
    fr_copy_values(own->tensor, stored);
    fr_storage_bump(own->tensor);
}

static bool in_state(const fr_named_tensor *state, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(state[i].name, name) == 0)
            return true;
    return false;
}

static void compare_all(fr_complaints *c, const fr_named_tensor *state, int n, const fr_tensors *ts)
{
    int found = 0;

    for (int i = 0; i < n; i++) {
        const fr_tensor *stored = fr_tensors_find(ts, state[i].name);

        found += stored != NULL;
        fr_state_compare(c, &state[i], stored);
    }
    for (int i = 0; found < ts->count && i < ts->count; i++)
        if (!in_state(state, n, ts->items[i].name))
            fr_complain(c, "\"%.80s\" is not in the module", ts->items[i].name);
}

static bool load_into(fr_module *m, const char *path)
{
    const fr_named_tensor *state;
    int n;
    fr_complaints c = { .used = 0 };
    char where[FR_WHERE_SIZE];

    if (!fr_state_of("load_into", m, &state, &n))
        return false;

    fr_tensors *ts = fr_tensors_read("load_into", path);

    if (!ts)
        return false;
    compare_all(&c, state, n, ts);

    bool ok = !fr_complaints_fail(&c, fr_file_where("load_into", path, where), "does not agree with the module");

    for (int i = 0; ok && i < n; i++)
        fr_state_take(&state[i], fr_tensors_find(ts, state[i].name));
    fr_tensors_free(ts);
    return ok;
}

bool fr_load_into(fr_module *m, const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "load_into");
    bool ok = load_into(m, path);

    fr_finish(th, before);
    return ok;
}
