/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One op's backward, computed in ops: by the op's own backward, or by differentiating its definition. */
#include "graph/backward.h"

#include <frond/ops.h>

/* Runs the op's definition, recorded, and takes the gradients of what it makes. Its inputs are replaced by views, or by
 * leaves where no graph is wanted. So each input gets the gradient of its own part, even if one was made from another.
 */
static bool run_definition(const char *what, int flags, fr_op_call *call, fr_tensor **in, fr_tensor **scratch)
{
    fr_thread *th = fr_thread_self();
    bool create = flags & FR_CREATE_GRAPH, before = th->mode.no_grad;
    fr_tensor **xs = scratch, **dxs = xs + call->inputs, **ys = dxs + call->inputs, **dys = ys + call->outputs;
    int n = 0, count = 0;
    fr_op_call inner = *call;
    bool ok = true;

    th->mode.no_grad = false;
    for (int i = 0; i < call->inputs && ok; i++) {
        fr_tensor *x = in[i];

        if (!call->needs[i] || !x) {
            ok = !call->needs[i] || fr_op_fail(call, "has a definition, but does not save input %d for it", i);
            continue;
        }
        in[i] = create && fr_tracked(x) ? fr_reshape(x, x->shape)
                                        : fr_requires_grad(fr_tangents_share(what, fr_detach(x), x));
        ok = (xs[n++] = in[i]) != NULL;
    }
    if (ok) {
        memset(inner.result, 0, (size_t)call->outputs * sizeof *inner.result);
        call->op->definition(&inner);
        ok = !inner.failed;
    }
    for (int i = 0; i < call->outputs && ok; i++) {
        if (!inner.result[i] || !call->grad_out[i] || !fr_tracked(inner.result[i]))
            continue;
        ys[count] = inner.result[i];
        dys[count++] = call->grad_out[i];
    }
    ok = ok && fr_gradients_of_many(what, ys, dys, count, xs, n, dxs, create ? FR_CREATE_GRAPH : 0);
    th->mode.no_grad = before;
    for (int i = 0, k = 0; i < call->inputs && ok; i++)
        call->grad_in[i] = call->needs[i] ? dxs[k++] : NULL;
    return ok;
}

bool fr_backward_in_ops(const char *what, int flags, fr_op_call *call, fr_tensor **in, fr_tensor **scratch)
{
    if (!call->op->backward && !call->op->definition)
        return fr_op_fail(call, "has a backward_kernel alone, so no derivatives beyond the first");
    if (!call->op->backward)
        return run_definition(what, flags, call, in, scratch);
    call->op->backward(call);
    return !call->failed;
}
