/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The public functions of reverse mode: they check their arguments, start a pass (backward.c) and hand out its results.
 */
#include "graph/backward.h"
#include "graph/checkpoint.h"
#include "graph/history.h"

#include <frond/ops.h>

/* The gradient of y that the pass starts with: the given one, checked, or ones if y is a scalar. One reference, or NULL
 * with an error. */
static fr_tensor *seed(const char *what, const fr_tensor *y, fr_tensor *gradient)
{
    char text[FR_SHAPE_TEXT], other[FR_SHAPE_TEXT];

    if (!gradient) {
        if (y->numel != 1)
            return fr_fail(what,
                           "a tensor of shape %s is not a scalar: give its gradient (fr_backward_with, "
                           "fr_gradients_with)",
                           fr_shape_text(&y->shape, text));
        fr_tensor *one = fr_ones_like(y);

        return fr_ref(one);
    }
    if (!fr_shape_equal(&gradient->shape, &y->shape) || gradient->dtype != y->dtype)
        return fr_fail(what, "the gradient is of shape %s, %s, the tensor of %s, %s",
                       fr_shape_text(&gradient->shape, text), fr_dtype_name((fr_dtype)gradient->dtype),
                       fr_shape_text(&y->shape, other), fr_dtype_name((fr_dtype)y->dtype));
    return fr_ref(gradient);
}

static bool start(fr_backward_pass *p, fr_tensor *y, fr_tensor *gradient)
{
    int scope = fr_scope_begin();
    fr_tensor *g = scope < 0 ? NULL : seed(p->what, y, gradient);
    bool ok = g && fr_backward_start(p, y, g);

    fr_scope_end(scope);
    fr_unref(g);
    return ok;
}

/* In a group of processes a leaf's turn comes as soon as all nodes that read it have run, so that its gradient is on
 * its way to the others while the walk goes on. Who reads what inside a checkpoint is not known yet: then all leaves
 * come last, as they do elsewhere. */
static bool hurry_leaves(fr_backward_pass *p, fr_tensor *y)
{
    fr_history all = { 0 };
    bool ok = fr_history_collect_nodes(&all, &y, 1), known = true;

    for (size_t i = 0; i < all.node_count; i++)
        known = known && all.nodes[i]->op != &fr_checkpoint_op;
    for (size_t i = 0; ok && known && i < all.node_count; i++)
        for (int k = 0; ok && k < all.nodes[i]->inputs; k++) {
            const fr_tensor *leaf = all.nodes[i]->edges[k].leaf;

            if (leaf && leaf->hooks && !fr_table_find(&p->queue.first_readers, leaf))
                ok = fr_table_put(&p->queue.first_readers, leaf, (void *)all.nodes[i]);
        }
    fr_history_free(&all);
    return ok || fr_fail_memory(p->what);
}

static bool backward(fr_thread *th, fr_tensor *t, fr_tensor *gradient, int flags)
{
    fr_backward_pass p = { .what = "backward", .th = th, .flags = flags };

    if (!fr_check_argument(p.what, t, "tensor"))
        return false;
    if (flags & ~FR_RETAIN_GRAPH)
        return fr_fail(p.what, "flags %d: only FR_RETAIN_GRAPH is for backward; use fr_gradients for FR_CREATE_GRAPH",
                       flags);
    if (!fr_tracked(t) && (gradient || t->numel == 1))
        return fr_fail(p.what, "the tensor wants no gradient: nothing it was made from was marked with "
                               "fr_requires_grad, it was made under FR_NO_GRAD, or by an op without a backward");
    fr_growth_step(&th->graph->growth, th->graph->clock);
    return fr_backward_run(&p, start(&p, t, gradient) && (!th->group || hurry_leaves(&p, t)));
}

bool fr_backward_observed_many(const char *what, fr_tensor *const *ts, fr_tensor *const *gradients, int n,
                               const fr_observer *observer)
{
    fr_backward_pass p = { .what = what, .th = fr_thread_self(), .flags = FR_RETAIN_GRAPH, .observer = observer };
    int scope = fr_scope_begin();
    bool ok = scope >= 0;

    for (int i = 0; i < n && ok; i++)
        ok = start(&p, ts[i], gradients[i] ? gradients[i] : fr_ones_like(ts[i]));
    ok = fr_backward_run(&p, ok);
    fr_scope_end(scope);
    return ok;
}

bool fr_backward_observed(const char *what, fr_tensor *t, const fr_observer *observer)
{
    return fr_backward_observed_many(what, &t, &(fr_tensor *){ NULL }, 1, observer);
}

bool fr_backward_with(fr_tensor *t, fr_tensor *gradient, int flags)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "backward_with");
    bool ok = backward(th, t, gradient, flags);

    fr_finish(th, before);
    return ok;
}

bool fr_backward(fr_tensor *scalar)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "backward");
    bool ok = backward(th, scalar, NULL, 0);

    fr_finish(th, before);
    return ok;
}

/* Hands what the pass captured to the open scope: zeros for an x that y does not depend on; all NULL after an error.
 * Without FR_CREATE_GRAPH the results are views without history. */
static bool hand_out(fr_backward_pass *p, bool ok)
{
    for (int i = 0; i < p->xs.n; i++) {
        fr_tensor *g = p->out[i];

        if (ok && g && p->flags & FR_CREATE_GRAPH) {
            g = fr_hold(p->what, g);
        } else if (ok && g) {
            g = fr_hold(p->what, fr_tensor_share(p->what, g, &g->shape, g->stride, 0));
            g = fr_tangents_share(p->what, g, p->out[i]);
            fr_unref(p->out[i]);
        } else if (ok) {
            g = fr_zeros_like(p->xs.xs[i]);
        } else {
            fr_unref(g);
            g = NULL;
        }
        p->out[i] = g;
        ok = ok && g;
    }
    for (int i = 0; !ok && i < p->xs.n; i++)
        p->out[i] = NULL;
    return ok;
}

bool fr_gradients_of_many(const char *what, fr_tensor *const *ys, fr_tensor *const *dys, int count,
                          fr_tensor *const *xs, int n, fr_tensor **out, int flags)
{
    fr_backward_pass p = {
        .what = what, .th = fr_thread_self(), .flags = flags, .xs = { .xs = xs, .n = n }, .out = out, .selective = true
    };
    bool ok = true;

    for (int i = 0; i < n; i++)
        out[i] = NULL;
    for (int i = 0; i < n && ok; i++) {
        ok = fr_check_argument(what, xs[i], "an x");
        if (ok && !fr_tracked(xs[i]))
            ok = fr_fail(what, "x %d wants no gradient: mark it with fr_requires_grad", i);
    }
    if (flags & ~(FR_RETAIN_GRAPH | FR_CREATE_GRAPH))
        ok = fr_fail(what, "flags %d: expected FR_RETAIN_GRAPH, FR_CREATE_GRAPH", flags);
    ok = ok && (fr_needed_nodes_find(&p.xs, ys, count) || fr_fail_memory(what));
    for (int i = 0; i < count && ok; i++)
        ok = start(&p, ys[i], dys[i]);
    return hand_out(&p, fr_backward_run(&p, ok));
}

static bool gradients(const char *what, fr_tensor *y, fr_tensor *dy, fr_tensor *const *xs, int n, fr_tensor **out,
                      int flags)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = false;

    if (out && n > 0)
        memset(out, 0, (size_t)n * sizeof *out);
    if (n < 0 || !xs || !out)
        fr_fail(what, "xs and out must be arrays of n >= 0");
    else if (!fr_check_argument(what, y, "y"))
        ok = false;
    else if (!fr_tracked(y) && (dy || y->numel == 1))
        fr_fail(what, "y wants no gradient: nothing it was made from was marked with fr_requires_grad, it was made "
                      "under FR_NO_GRAD, or by an op without a backward");
    else
        ok = fr_gradients_of_many(what, &y, &dy, 1, xs, n, out, flags);
    fr_finish(th, before);
    return ok;
}

bool fr_gradients(fr_tensor *y, fr_tensor *const *xs, int n, fr_tensor **out, int flags)
{
    return gradients("gradients", y, NULL, xs, n, out, flags);
}

bool fr_gradients_with(fr_tensor *y, fr_tensor *dy, fr_tensor *const *xs, int n, fr_tensor **out, int flags)
{
    return gradients("gradients_with", y, dy, xs, n, out, flags);
}
