/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Leaves whose gradients are changed together, from the side of backward. */
#include "graph/gradient_set.h"

#include "core/recorder.h"
#include "graph/hooks.h"

bool fr_gradient_set_attach(const char *what, fr_gradient_set *s)
{
    for (int i = 0; i < s->n; i++) {
        fr_hook *hook = fr_alloc(sizeof *hook);

        if (!hook) {
            fr_gradient_set_detach(s);
            return fr_fail_memory(what);
        }
        *hook = (fr_hook){ .next = s->leaves[i]->hooks, .output = i, .set = s };
        s->leaves[i]->hooks = hook;
    }
    return true;
}

void fr_gradient_set_detach(fr_gradient_set *s)
{
    for (int i = 0; i < s->n; i++) {
        for (fr_hook *h = s->leaves[i]->hooks; h; h = h->next)
            if (h->set == s)
                h->set = NULL;
        fr_hooks_sweep(&s->leaves[i]->hooks);
    }
}

static bool note(const char *what, fr_gradient_set **met, fr_gradient_set *s, int i, fr_tensor *gradient)
{
    while (*met && *met != s && (*met)->number <= s->number)
        met = &(*met)->next;
    if (*met != s) {
        s->next = *met;
        *met = s;
        memset(s->gradients, 0, (size_t)s->n * sizeof(fr_tensor *));
        if (!s->begin(s, what))
            return false;
    }
    s->gradients[i] = gradient;
    return s->ready(s, what, i);
}

bool fr_gradient_sets_note(const char *what, fr_gradient_set **met, const fr_tensor *leaf, fr_tensor *gradient)
{
    bool ok = true;

    for (const fr_hook *h = leaf->hooks; h && ok; h = h->next)
        if (h->set)
            ok = note(what, met, h->set, h->output, gradient);
    return ok;
}

bool fr_gradient_sets_finish(const char *what, fr_gradient_set *met, bool ok)
{
    for (fr_gradient_set *s = met; s; s = s->next)
        ok = ok && s->finish(s, what);
    for (fr_gradient_set *s = met; s; s = s->next)
        s->end(s, ok);
    return ok;
}
