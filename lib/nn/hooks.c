/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Hooks of modules.
 *
 * Forward hooks are a list of functions to call. For backward hooks the module gets a view of x and returns a view of
 * its result: the gradients of these views belong to this one run of the module, and hooks on them call the backward
 * hooks. A run may outlive the module, so both hold a reference to the lists of hooks. */
#include "core/recorder.h"
#include "graph/hooks.h"
#include "nn/module.h"

typedef struct hook {
    struct hook *next;
    bool removed;
    fr_forward_pre_hook *forward_pre; /* one of these is not NULL */
    fr_forward_hook *forward;
    fr_backward_hook *backward;
    void *user;
} hook;

typedef struct fr_module_hooks {
    atomic_int refs;   /* held by the module and by its runs */
    fr_module *module; /* NULL once it was freed */
    hook *forward_pre, *forward, *backward;
    int calling; /* > 0 while hooks are called: removed ones must stay in the lists */
} hook_lists;

/* --- Adding and removing ------------------------------------------------------------------------------------------ */

/* Frees the removed hooks of a list, or all. */
static void sweep(hook **list, bool all)
{
    while (*list) {
        hook *h = *list;

        if (all || h->removed) {
            *list = h->next;
            fr_free(h, sizeof *h);
        } else {
            list = &h->next;
        }
    }
}

static void sweep_removed(hook_lists *lists)
{
    if (lists->calling > 0)
        return;
    sweep(&lists->forward_pre, false);
    sweep(&lists->forward, false);
    sweep(&lists->backward, false);
}

static void lists_unref(hook_lists *lists)
{
    if (!fr_refcount_drop(&lists->refs))
        return;
    sweep(&lists->forward_pre, true);
    sweep(&lists->forward, true);
    sweep(&lists->backward, true);
    fr_free(lists, sizeof *lists);
}

void fr_module_hooks_free(fr_module *m)
{
    if (!m->hooks)
        return;
    m->hooks->module = NULL;
    lists_unref(m->hooks);
}

/* The list that h belongs in. */
static hook **list_of(hook_lists *lists, const hook *h)
{
    return h->forward_pre ? &lists->forward_pre : h->forward ? &lists->forward : &lists->backward;
}

static bool add_hook(const char *what, fr_module *m, hook h)
{
    hook **end, *copy;

    if (!fr_check_argument(what, m, "module"))
        return false;
    if (!h.forward_pre && !h.forward && !h.backward)
        return fr_fail(what, "hook is NULL");
    if (!m->hooks) {
        m->hooks = fr_alloc(sizeof *m->hooks);
        if (!m->hooks)
            return fr_fail_memory(what);
        *m->hooks = (hook_lists){ .refs = 1, .module = m };
    }
    copy = fr_alloc(sizeof *copy);
    if (!copy)
        return fr_fail_memory(what);
    *copy = h;
    for (end = list_of(m->hooks, &h); *end;)
        end = &(*end)->next;
    *end = copy;
    return true;
}

static bool remove_hook(const char *what, fr_module *m, hook which)
{
    if (!fr_check_argument(what, m, "module"))
        return false;
    for (hook *h = m->hooks ? *list_of(m->hooks, &which) : NULL; h; h = h->next) {
        if (h->removed || h->forward_pre != which.forward_pre || h->forward != which.forward ||
            h->backward != which.backward || h->user != which.user)
            continue;
        h->removed = true;
        sweep_removed(m->hooks);
        return true;
    }
    return fr_fail(what, "the %s has no such hook", m->type);
}

/* What the public functions do: change is add_hook or remove_hook. */
static bool change_hooks(const char *what, bool (*change)(const char *, fr_module *, hook), fr_module *m, hook h)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = change(what, m, h);

    fr_finish(th, before);
    return ok;
}

bool fr_module_on_forward_pre(fr_module *m, fr_forward_pre_hook *call, void *user)
{
    return change_hooks("module_on_forward_pre", add_hook, m, (hook){ .forward_pre = call, .user = user });
}

bool fr_module_off_forward_pre(fr_module *m, fr_forward_pre_hook *call, void *user)
{
    return change_hooks("module_off_forward_pre", remove_hook, m, (hook){ .forward_pre = call, .user = user });
}

bool fr_module_on_forward(fr_module *m, fr_forward_hook *call, void *user)
{
    return change_hooks("module_on_forward", add_hook, m, (hook){ .forward = call, .user = user });
}

bool fr_module_off_forward(fr_module *m, fr_forward_hook *call, void *user)
{
    return change_hooks("module_off_forward", remove_hook, m, (hook){ .forward = call, .user = user });
}

bool fr_module_on_backward(fr_module *m, fr_backward_hook *call, void *user)
{
    return change_hooks("module_on_backward", add_hook, m, (hook){ .backward = call, .user = user });
}

bool fr_module_off_backward(fr_module *m, fr_backward_hook *call, void *user)
{
    return change_hooks("module_off_backward", remove_hook, m, (hook){ .backward = call, .user = user });
}

/* --- Calling ------------------------------------------------------------------------------------------------------ */

static fr_tensor *call_forward_pre(hook_lists *lists, fr_tensor *x)
{
    lists->calling++;
    for (hook *h = lists->forward_pre; h; h = h->next) {
        fr_tensor *other = h->removed ? NULL : h->forward_pre(lists->module, x, h->user);

        x = other ? other : x;
    }
    lists->calling--;
    sweep_removed(lists);
    return x;
}

static fr_tensor *call_forward(hook_lists *lists, fr_tensor *x, fr_tensor *y)
{
    lists->calling++;
    for (hook *h = lists->forward; h && y; h = h->next) {
        fr_tensor *other = h->removed ? NULL : h->forward(lists->module, x, y, h->user);

        if (other)
            y = other;
    }
    lists->calling--;
    sweep_removed(lists);
    return y;
}

/* One run of a module, for its backward hooks. */
typedef struct {
    atomic_int refs; /* held by the hooks on the two views */
    hook_lists *lists;
    bool has_input; /* x wants a gradient, which the backward hooks wait for */
    /* The gradient of the result, until that of x arrives. Detached: its history might refer to this run. */
    fr_tensor *grad_out;
} run;

static void run_unref(void *user)
{
    run *r = user;

    if (!fr_refcount_drop(&r->refs))
        return;
    fr_unref(r->grad_out);
    lists_unref(r->lists);
    fr_free(r, sizeof *r);
}

/* The gradient of x has arrived, or of the result if x wants none. */
static fr_tensor *on_grad_in(fr_tensor *gradient, void *user)
{
    run *r = user;
    fr_tensor *grad_in = gradient;

    r->lists->calling++;
    for (hook *h = r->lists->backward; h && r->lists->module && r->grad_out; h = h->next) {
        fr_tensor *other = h->removed ? NULL : h->backward(r->lists->module, grad_in, r->grad_out, h->user);

        if (other && r->has_input)
            grad_in = other;
    }
    r->lists->calling--;
    sweep_removed(r->lists);
    fr_assign(&r->grad_out, NULL);
    return grad_in == gradient ? NULL : grad_in;
}

static fr_tensor *on_grad_out(fr_tensor *gradient, void *user)
{
    run *r = user;

    fr_assign(&r->grad_out, fr_detach(gradient));
    if (!r->has_input)
        on_grad_in(NULL, r);
    return NULL;
}

/* Puts the hooks on the views. input: NULL if x wants no gradient. */
static bool watch(hook_lists *lists, fr_tensor *input, fr_tensor *output)
{
    run *r = fr_alloc(sizeof *r);
    bool ok;

    if (!r)
        return fr_fail_memory("forward");
    atomic_fetch_add_explicit(&lists->refs, 1, memory_order_relaxed);
    *r = (run){ .refs = 1, .lists = lists, .has_input = input != NULL };
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    ok = fr_hook_add("forward", output, on_grad_out, r, run_unref);
    if (!ok)
        run_unref(r);
    if (ok && input) {
        atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
        ok = fr_hook_add("forward", input, on_grad_in, r, run_unref);
        if (!ok)
            run_unref(r);
    }
    run_unref(r);
    return ok;
}

fr_tensor *fr_module_call_with_hooks(fr_module *m, fr_tensor *x)
{
    hook_lists *lists = m->hooks;
    bool watched = lists->backward && fr_grad_enabled();
    fr_tensor *input, *y;

    if (!fr_not_captured(fr_thread_self(), "a hook of a module"))
        return NULL;
    x = call_forward_pre(lists, x);
    input = watched && fr_tracked(x) ? fr_reshape(x, x->shape) : NULL;
    if (watched && fr_tracked(x) && !input)
        return NULL;
    x = input ? input : x;
    y = call_forward(lists, x, m->forward(m, x));
    if (!watched || !y || !fr_tracked(y))
        return y;
    y = fr_reshape(y, y->shape);
    return y && watch(lists, input, y) ? y : NULL;
}
