/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Hooks of modules.
 *
 * Forward hooks are a list to be called. For backward hooks x and the result are handed on as views, whose gradients
 * are those of this run of the module and of nothing else; gradient hooks on the views do the rest. Runs may outlive
 * the module: they share what the module has of hooks. */
#include "graph/hooks.h"
#include "nn/module.h"

typedef struct hook {
    struct hook *next;
    bool removed;
    fr_forward_hook *forward; /* this or */
    fr_backward_hook *backward;
    void *user;
} hook;

typedef struct fr_module_hooks {
    atomic_int refs;   /* the module's and those of its runs */
    fr_module *module; /* NULL: freed */
    hook *forward, *backward;
    int calling; /* > 0: removed hooks must stay where they are */
} hooks;

/* --- Putting on and taking off ------------------------------------------------------------------------------------ */

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

static void sweep_removed(hooks *of)
{
    if (of->calling > 0)
        return;
    sweep(&of->forward, false);
    sweep(&of->backward, false);
}

static void hooks_unref(hooks *of)
{
    if (!fr_refcount_drop(&of->refs))
        return;
    sweep(&of->forward, true);
    sweep(&of->backward, true);
    fr_free(of, sizeof *of);
}

void fr_module_hooks_free(fr_module *m)
{
    if (!m->hooks)
        return;
    m->hooks->module = NULL;
    hooks_unref(m->hooks);
}

static bool put_on(const char *what, fr_module *m, hook h)
{
    hook **end, *kept;

    if (!fr_check_not_null(what, m, "module"))
        return false;
    if (!h.forward && !h.backward)
        return fr_fail(what, "hook is NULL");
    if (!m->hooks) {
        m->hooks = fr_alloc(sizeof *m->hooks);
        if (!m->hooks)
            return fr_fail_memory(what);
        *m->hooks = (hooks){ .refs = 1, .module = m };
    }
    kept = fr_alloc(sizeof *kept);
    if (!kept)
        return fr_fail_memory(what);
    *kept = h;
    for (end = h.forward ? &m->hooks->forward : &m->hooks->backward; *end;)
        end = &(*end)->next;
    *end = kept;
    return true;
}

static bool take_off(const char *what, fr_module *m, hook which)
{
    if (!fr_check_not_null(what, m, "module"))
        return false;
    for (hook *h = !m->hooks ? NULL : which.forward ? m->hooks->forward : m->hooks->backward; h; h = h->next) {
        if (h->removed || h->forward != which.forward || h->backward != which.backward || h->user != which.user)
            continue;
        h->removed = true;
        sweep_removed(m->hooks);
        return true;
    }
    return fr_fail(what, "the %s has no such hook", m->type);
}

/* The public functions: change is put_on or take_off. */
static bool change_hooks(const char *what, bool (*change)(const char *, fr_module *, hook), fr_module *m, hook h)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = change(what, m, h);

    fr_finish(th, before);
    return ok;
}

bool fr_module_on_forward(fr_module *m, fr_forward_hook *call, void *user)
{
    return change_hooks("module_on_forward", put_on, m, (hook){ .forward = call, .user = user });
}

bool fr_module_off_forward(fr_module *m, fr_forward_hook *call, void *user)
{
    return change_hooks("module_off_forward", take_off, m, (hook){ .forward = call, .user = user });
}

bool fr_module_on_backward(fr_module *m, fr_backward_hook *call, void *user)
{
    return change_hooks("module_on_backward", put_on, m, (hook){ .backward = call, .user = user });
}

bool fr_module_off_backward(fr_module *m, fr_backward_hook *call, void *user)
{
    return change_hooks("module_off_backward", take_off, m, (hook){ .backward = call, .user = user });
}

/* --- Calling ------------------------------------------------------------------------------------------------------ */

static fr_tensor *call_forward(hooks *of, fr_tensor *x, fr_tensor *y)
{
    of->calling++;
    for (hook *h = of->forward; h && y; h = h->next) {
        fr_tensor *other = h->removed ? NULL : h->forward(of->module, x, y, h->user);

        if (other)
            y = other;
    }
    of->calling--;
    sweep_removed(of);
    return y;
}

/* One run of a module, for its backward. */
typedef struct {
    atomic_int refs; /* of the gradient hooks on the views */
    hooks *of;
    bool has_input;      /* x wants a gradient, and the backward hooks wait for it */
    fr_tensor *grad_out; /* from when it has arrived until that of x is there; has no history: that might lead here */
} run;

static void run_unref(void *user)
{
    run *r = user;

    if (!fr_refcount_drop(&r->refs))
        return;
    fr_unref(r->grad_out);
    hooks_unref(r->of);
    fr_free(r, sizeof *r);
}

static fr_tensor *at_input(fr_tensor *gradient, void *user)
{
    run *r = user;
    fr_tensor *now = gradient;

    r->of->calling++;
    for (hook *h = r->of->backward; h && r->of->module && r->grad_out; h = h->next) {
        fr_tensor *other = h->removed ? NULL : h->backward(r->of->module, now, r->grad_out, h->user);

        if (other && r->has_input)
            now = other;
    }
    r->of->calling--;
    sweep_removed(r->of);
    fr_assign(&r->grad_out, NULL);
    return now == gradient ? NULL : now;
}

static fr_tensor *at_output(fr_tensor *gradient, void *user)
{
    run *r = user;

    fr_assign(&r->grad_out, fr_detach(gradient));
    if (!r->has_input)
        at_input(NULL, r);
    return NULL;
}

/* Puts the hooks on the views; input is NULL where it wants no gradient. */
static bool watch(hooks *of, fr_tensor *input, fr_tensor *output)
{
    run *r = fr_alloc(sizeof *r);
    bool ok;

    if (!r)
        return fr_fail_memory("forward");
    atomic_fetch_add_explicit(&of->refs, 1, memory_order_relaxed);
    *r = (run){ .refs = 1, .of = of, .has_input = input != NULL };
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    ok = fr_hook_add("forward", output, at_output, r, run_unref);
    if (!ok)
        run_unref(r);
    if (ok && input) {
        atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
        ok = fr_hook_add("forward", input, at_input, r, run_unref);
        if (!ok)
            run_unref(r);
    }
    run_unref(r);
    return ok;
}

fr_tensor *fr_module_call(fr_module *m, fr_tensor *x)
{
    hooks *of = m->hooks;
    bool watched = of->backward && fr_grad_enabled();
    fr_tensor *input = watched && fr_tracked(x) ? fr_reshape(x, x->shape) : NULL, *y;

    if (watched && fr_tracked(x) && !input)
        return NULL;
    x = input ? input : x;
    y = call_forward(of, x, m->forward(m, x));
    if (!watched || !y || !fr_tracked(y))
        return y;
    y = fr_reshape(y, y->shape);
    return y && watch(of, input, y) ? y : NULL;
}
