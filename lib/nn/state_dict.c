/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The parameters and buffers of a module and all below it: PyTorch's parameters() and state_dict(), one by its name,
 * how many values, freezing, dropping gradients. */
#include "nn/module.h"

#include <limits.h>
#include <stdlib.h>

/* --- The lists: made when first asked for, valid until something is added ----------------------------------------- */

void fr_module_free_lists(fr_module *m)
{
    free(m->parameters);
    free(m->state);
    free(m->names);
    m->parameters = NULL;
    m->state = NULL;
    m->names = NULL;
}

void fr_module_forget_lists(fr_module *m)
{
    for (; m; m = m->parent)
        fr_module_free_lists(m);
}

static bool in_list(fr_tensor *const *list, int n, const fr_tensor *t)
{
    for (int i = 0; i < n; i++)
        if (list[i] == t)
            return true;
    return false;
}

static bool list_parameters(const char *what, fr_module *root)
{
    size_t upper = 0; /* shared ones are listed once */

    for (const fr_module *m = root; m; m = fr_module_next(root, m))
        upper += m->parameter_count;

    fr_tensor **list = upper <= INT_MAX ? calloc(upper + 1, sizeof *list) : NULL;
    int n = 0;

    if (!list)
        return fr_fail_memory(what);
    for (const fr_module *m = root; m; m = fr_module_next(root, m))
        for (size_t i = 0; i < m->parameter_count; i++)
            if (!in_list(list, n, m->tensors[i].tensor))
                list[n++] = m->tensors[i].tensor;
    root->parameters = list;
    root->parameters_listed = n;
    return true;
}

fr_tensor *const *fr_module_parameters(fr_module *m, int *n)
{
    const char *what = "module_parameters";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, m, "module") && fr_check_argument(what, n, "n") &&
              (m->parameters || list_parameters(what, m));

    if (n)
        *n = ok ? m->parameters_listed : 0;
    fr_finish(th, before);
    return ok ? m->parameters : NULL;
}

/* The size in bytes of the full name, seen from root, of what m has under name. */
static size_t full_name_size(const fr_module *root, const fr_module *m, const char *name)
{
    size_t size = strlen(name) + 1;

    for (; m != root; m = m->parent)
        size += strlen(m->name) + 1;
    return size;
}

/* Writes that full name so that its last byte, the zero, is before end. */
static void write_full_name(char *end, const fr_module *root, const fr_module *m, const char *name)
{
    size_t length = strlen(name);

    *--end = '\0';
    end -= length;
    memcpy(end, name, length);
    for (; m != root; m = m->parent) {
        *--end = '.';
        length = strlen(m->name);
        end -= length;
        memcpy(end, m->name, length);
    }
}

static bool list_state(const char *what, fr_module *root)
{
    size_t n = 0, bytes = 0;

    for (const fr_module *m = root; m; m = fr_module_next(root, m))
        for (size_t i = 0; i < m->tensor_count; i++, n++)
            bytes += full_name_size(root, m, m->tensors[i].name);

    fr_named_tensor *list = n <= INT_MAX ? calloc(n + 1, sizeof *list) : NULL;
    char *name = malloc(bytes + 1);

    if (!list || !name) {
        free(list);
        free(name);
        return fr_fail_memory(what);
    }
    root->state = list;
    root->state_listed = (int)n;
    root->names = name;
    for (const fr_module *m = root; m; m = fr_module_next(root, m))
        for (size_t i = 0; i < m->tensor_count; i++) {
            *list = m->tensors[i];
            list++->name = name;
            name += full_name_size(root, m, m->tensors[i].name);
            write_full_name(name, root, m, m->tensors[i].name);
        }
    return true;
}

const fr_named_tensor *fr_module_state(fr_module *m, int *n)
{
    const char *what = "module_state";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok =
        fr_check_argument(what, m, "module") && fr_check_argument(what, n, "n") && (m->state || list_state(what, m));

    if (n)
        *n = ok ? m->state_listed : 0;
    fr_finish(th, before);
    return ok ? m->state : NULL;
}

/* --- One by its name ---------------------------------------------------------------------------------------------- */

/* Does not use the lists, which it would have to make: several threads may call it in forward. */
fr_named_tensor *fr_module_entry(const char *what, fr_module *m, const char *name, fr_module **owner)
{
    const char *rest = name, *dot;
    fr_module *at = m;

    while (at && (dot = strchr(rest, '.'))) {
        at = fr_module_child(at, rest, (size_t)(dot - rest));
        rest = dot + 1;
    }
    for (size_t i = 0; at && i < at->tensor_count; i++)
        if (strcmp(at->tensors[i].name, rest) == 0)
            return *owner = at, &at->tensors[i];
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): `at` may be NULL, m is not */
    return fr_fail(what, "%s has no parameter or buffer \"%s\"", m->type, name);
}

fr_tensor *fr_module_find(fr_module *m, const char *name)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_find");
    fr_named_tensor *entry = NULL;
    fr_module *owner;

    if (fr_check_argument("module_find", m, "module") && fr_check_argument("module_find", name, "name"))
        entry = fr_module_entry("module_find", m, name, &owner);
    fr_finish(th, before);
    return entry ? entry->tensor : NULL;
}

/* --- All parameters ----------------------------------------------------------------------------------------------- */

int64_t fr_module_count(fr_module *m)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_count");
    int64_t count = -1;

    if (fr_check_argument("module_count", m, "module") && (m->parameters || list_parameters("module_count", m))) {
        count = 0;
        for (int i = 0; i < m->parameters_listed; i++)
            count += m->parameters[i]->numel;
    }
    fr_finish(th, before);
    return count;
}

bool fr_module_freeze(fr_module *root, bool frozen)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_freeze");
    bool ok = fr_check_argument("module_freeze", root, "module");

    for (const fr_module *m = ok ? root : NULL; m; m = fr_module_next(root, m))
        for (size_t i = 0; i < m->parameter_count; i++)
            m->tensors[i].tensor->requires_grad = !frozen;
    fr_finish(th, before);
    return ok;
}

bool fr_module_zero_grad(fr_module *root)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_zero_grad");
    bool ok = fr_check_argument("module_zero_grad", root, "module");

    for (const fr_module *m = ok ? root : NULL; m; m = fr_module_next(root, m))
        for (size_t i = 0; i < m->parameter_count; i++)
            fr_zero_grad(m->tensors[i].tensor);
    fr_finish(th, before);
    return ok;
}
