/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Gradient hooks: adding and removing them. backward.c calls them. */
#include "graph/hooks.h"

static fr_hook **list_of(fr_tensor *t)
{
    return t->producer ? &fr_node_of(t)->hooks : &t->hooks;
}

bool fr_hook_add(const char *what, fr_tensor *t, fr_gradient_hook *call, void *user, void (*release)(void *user))
{
    fr_hook **end = list_of(t), *hook = fr_alloc(sizeof *hook);

    if (!hook)
        return fr_fail_memory(what);
    while (*end)
        end = &(*end)->next;
    *hook = (fr_hook){ .output = t->output, .call = call, .user = user, .release = release };
    *end = hook;
    return true;
}

void fr_hooks_sweep(fr_hook **list)
{
    while (*list) {
        fr_hook *h = *list;

        if (h->call || h->set || h->running) {
            list = &h->next;
        } else {
            *list = h->next;
            h->next = NULL;
            fr_hooks_free(h);
        }
    }
}

static bool can_have_hooks(const char *what, const fr_tensor *t, fr_gradient_hook *call)
{
    if (!fr_check_argument(what, t, "tensor"))
        return false;
    if (!fr_tracked(t))
        return fr_fail(what, "the tensor wants no gradient: mark a leaf with fr_requires_grad");
    return call || fr_fail(what, "hook is NULL");
}

bool fr_on_gradient(fr_tensor *t, fr_gradient_hook *call, void *user)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "on_gradient");
    bool ok = can_have_hooks("on_gradient", t, call) && fr_hook_add("on_gradient", t, call, user, NULL);

    fr_finish(th, before);
    return ok;
}

static bool take_off(fr_tensor *t, fr_gradient_hook *call, const void *user)
{
    for (fr_hook *h = *list_of(t); h; h = h->next) {
        if (h->call != call || h->user != user || h->output != t->output)
            continue;
        h->call = NULL;
        fr_hooks_sweep(list_of(t));
        return true;
    }
    return fr_fail("off_gradient", "the tensor has no such hook");
}

bool fr_off_gradient(fr_tensor *t, fr_gradient_hook *call, void *user)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "off_gradient");
    bool ok = can_have_hooks("off_gradient", t, call) && take_off(t, call, user);

    fr_finish(th, before);
    return ok;
}
