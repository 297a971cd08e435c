/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Turning recording off and on; leaves and their gradients; fr_detach. */
#include "core/recorder.h"
#include "graph/trace.h"

int fr_no_grad_begin(void)
{
    fr_thread *th = fr_thread_self();
    int before = th->mode.no_grad;

    th->mode.no_grad = true;
    return before;
}

void fr_no_grad_end(int before)
{
    fr_thread_self()->mode.no_grad = before != 0;
}

void fr_no_grad_leave(const int *before)
{
    if (before)
        fr_no_grad_end(*before);
}

bool fr_grad_enabled(void)
{
    return !fr_thread_self()->mode.no_grad;
}

bool fr_wants_grad(const fr_tensor *t)
{
    return fr_is_given("wants_grad", t, "tensor") && fr_tracked(t);
}

bool fr_is_leaf(const fr_tensor *t)
{
    return fr_is_given("is_leaf", t, "tensor") && !t->producer;
}

fr_tensor *fr_requires_grad(fr_tensor *leaf)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "requires_grad");

    if (!fr_check_argument("requires_grad", leaf, "tensor"))
        leaf = NULL;
    else if (leaf->producer)
        leaf = fr_fail("requires_grad", "the tensor is a result of %s, not a leaf: take fr_detach of it",
                       leaf->producer->name);
    else if (leaf->dtype == FR_I64)
        leaf = fr_fail("requires_grad", "int64 has no gradients, expected float32 or float64");
    else
        leaf->requires_grad = true;
    fr_finish(th, before);
    return leaf;
}

/* Why there is no gradient, for who prints it. */
static const char *reason_for_none(const fr_tensor *leaf)
{
    if (leaf->producer)
        return "its tensor is the result of an op, and backward leaves gradients with leaves alone: take fr_gradients "
               "or a hook";
    if (!leaf->requires_grad)
        return "its leaf does not want one: mark it with fr_requires_grad, or make it a parameter";
    return fr_grad_enabled() ? "no backward has reached its leaf since that was made or its gradient zeroed"
                             : "no backward has reached its leaf, and nothing is recorded here (FR_NO_GRAD)";
}

fr_tensor *fr_grad(const fr_tensor *leaf)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "grad");
    fr_tensor *grad = NULL;

    if (fr_check_argument("grad", leaf, "leaf")) {
        th->no_gradient = leaf->grad ? NULL : reason_for_none(leaf);
        grad = fr_hold("grad", fr_ref(leaf->grad));
    }
    fr_finish(th, before);
    return grad;
}

static bool drop_gradient(const fr_action *a)
{
    fr_assign(&a->leaf->grad, NULL);
    return true;
}

void fr_zero_grad(fr_tensor *leaf)
{
    if (fr_is_given("zero_grad", leaf, "tensor"))
        fr_act(fr_thread_self(), &(fr_action){ .run = drop_gradient, .leaf = leaf });
}

fr_tensor *fr_detach(const fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "detach");
    fr_tensor *view = NULL;

    if (fr_check_argument("detach", t, "tensor"))
        view = fr_hold("detach", fr_tensor_share("detach", t, &t->shape, t->stride, 0));
    if (FR_UNLIKELY(th->trace != NULL) && view)
        fr_trace_alias(th, view, (fr_tensor *)t);
    fr_finish(th, before);
    return view;
}
