/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Modules whose children are named "0", "1", ...: Sequential, which runs them one after another, and ModuleList, which
 * the user runs. */
#include "nn/module.h"

int fr_scope_restart(int scope, fr_tensor *y)
{
    fr_ref(y);
    fr_scope_end(scope);
    scope = fr_scope_begin(); /* cannot fail: there is room, since a scope has just ended */
    fr_hold("forward", y);
    return scope;
}

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    int scope = fr_scope_begin();
    fr_tensor *y = scope < 0 ? NULL : x;

    for (size_t i = 0; y && i < m->child_count; i++) {
        y = fr_forward(m->children[i], y);
        scope = fr_scope_restart(scope, y);
    }
    y = fr_escape(y);
    fr_scope_end(scope);
    return y;
}

static bool is_among(fr_module *const *modules, int n, const fr_module *m)
{
    for (int i = 0; i < n; i++)
        if (modules[i] == m)
            return true;
    return false;
}

/* Frees the modules that have no parent, each once. The others belong to their parent. */
static void destroy_without_parent(int n, fr_module *const *modules)
{
    for (int i = 0; i < n; i++)
        if (modules[i] && !is_among(modules, i, modules[i]) && !modules[i]->parent)
            fr_module_destroy(modules[i]);
}

static fr_module *make(const char *what, const char *type, fr_forward_function *run, int n, fr_module *const *modules)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_module *m = NULL;
    bool ok = false;

    if (n < 0)
        fr_fail(what, "%d modules, expected 0 or more", n);
    else if (n == 0 || fr_check_argument(what, modules, "modules"))
        ok = (m = fr_module_new(type, 0, run)) != NULL;
    for (int i = 0; ok && i < n; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d", i);
        ok = fr_module_adopt(what, m, name, modules[i]);
    }
    if (!ok) {
        if (modules)
            destroy_without_parent(n, modules);
        fr_module_destroy(m);
        m = NULL;
    }
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_sequential(int n, fr_module *const *modules)
{
    return make("nn_sequential", "Sequential", forward, n, modules);
}

fr_module *fr_nn_module_list(int n, fr_module *const *modules)
{
    return make("nn_module_list", "ModuleList", NULL, n, modules);
}

/* --- What a module holds ------------------------------------------------------------------------------------------ */

int fr_module_children(const fr_module *m)
{
    return fr_is_given("module_children", m, "module") ? (int)m->child_count : -1;
}

fr_module *fr_module_at(const fr_module *m, int i)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_at");
    fr_module *child = NULL;

    if (fr_check_argument("module_at", m, "module")) {
        int64_t n = (int64_t)m->child_count, at = i < 0 ? i + n : i;

        if (at < 0 || at >= n)
            fr_fail("module_at", "index %d is out of range for the %lld modules in the %s", i, (long long)n, m->type);
        else
            child = m->children[at];
    }
    fr_finish(th, before);
    return child;
}
