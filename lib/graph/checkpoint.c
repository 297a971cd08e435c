/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Checkpoints: a function is run unrecorded, and again, recorded, when its gradients are wanted.
 *
 * What is recorded is one node that saves the inputs. In backward (run_checkpoint there) the function's own graph takes
 * its place: it hangs on the same inputs, and on whatever else the function used, so that a module's parameters get
 * their gradients without being named. Whether there is anything to differentiate by is found in the first run, by ops
 * that would have been recorded. */
#include "graph/checkpoint.h"

#include "core/random.h"
#include "graph/jvp.h"

#include <frond/ops.h>

enum { MOST_INPUTS = 31 }; /* bits of fr_op.saves_inputs */

typedef struct {
    fr_function *f;
    void *user;
    fr_generator generator; /* as it was before the first run */
} attributes;

/* Never given to fr_apply: fr_checkpoint makes the call and backward.c runs it. */
const fr_op fr_checkpoint_op = {
    .name = "checkpoint",
    .formula = "y = f(x), f being run again for its gradients",
    .inputs = -1,
    .outputs = 1,
    .saves_inputs = ~FR_SAVES_NOTHING,
    .attributes_size = sizeof(attributes),
};

/* In a scope of its own, out of which the result alone comes. While the user's function runs, errors are reported where
 * they happen, as in fr_forward. */
static fr_tensor *run(fr_thread *th, const char *what, fr_function *f, fr_tensor *const *xs, void *user)
{
    int scope = fr_scope_begin();
    fr_tensor *y;

    if (scope < 0)
        return NULL;
    fr_report_errors(th);
    y = f(xs, user);
    fr_defer_errors(th);
    if (!y && !fr_failed_before(th))
        fr_fail(what, "the function gave NULL");
    fr_ref(y);
    fr_scope_end(scope);
    return fr_hold(what, y);
}

/* A result without history that has the checkpoint for one. */
static fr_tensor *record(fr_thread *th, fr_tensor *y, fr_tensor *const *xs, int n, const attributes *a)
{
    fr_tensor *view = fr_detach(y);
    fr_op_call call = { .op = &fr_checkpoint_op,
                        .attributes = a,
                        .inputs = n,
                        .outputs = 1,
                        .in = xs,
                        .result = &view,
                        .recording = true };

    if (!view || !fr_tangents_share("checkpoint", view, y) || !fr_node_record(th, &call))
        return NULL;
    return view;
}

static fr_tensor *checkpoint(fr_thread *th, fr_function *f, fr_tensor *const *xs, int n, void *user)
{
    attributes a = { .f = f, .user = user };
    bool probing = th->probing, found = th->probe_found, wanted;
    fr_tensor *y;

    if (th->no_grad)
        return run(th, "checkpoint", f, xs, user);
    fr_generator_save(&a.generator);
    th->no_grad = th->probing = true;
    th->probe_found = false;
    y = run(th, "checkpoint", f, xs, user);
    wanted = th->probe_found || (y && fr_tracked(y));
    th->no_grad = false;
    th->probing = probing;
    th->probe_found = found;
    return y && wanted && y->dtype != FR_I64 ? record(th, y, xs, n, &a) : y;
}

fr_tensor *fr_checkpoint(fr_function *f, fr_tensor *const *xs, int n, void *user)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "checkpoint");
    int scope = fr_scope_begin();
    fr_tensor *y = NULL;

    if (n > MOST_INPUTS)
        fr_fail("checkpoint", "%d inputs, expected at most %d: hand others over through user", n, MOST_INPUTS);
    else if (scope >= 0 && fr_check_function("checkpoint", f, xs, n))
        y = fr_escape(checkpoint(th, f, xs, n, user));
    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}

fr_tensor *fr_checkpoint_run_again(const char *what, fr_thread *th, const fr_node *node)
{
    const attributes *a = node->attributes;
    const fr_kept *kept = &node->results[0].kept;
    fr_tensor *xs[MOST_INPUTS], *y;
    bool no_grad = th->no_grad;
    fr_generator now;
    char got[FR_SHAPE_TEXT], wanted[FR_SHAPE_TEXT];
    fr_shape expected;

    for (int i = 0; i < node->inputs; i++)
        xs[i] = node->edges[i].saved;
    fr_generator_save(&now);
    fr_generator_restore(&a->generator);
    th->no_grad = false;
    y = run(th, what, a->f, xs, a->user);
    th->no_grad = no_grad;
    fr_generator_restore(&now);
    fr_kept_shape(kept, &expected);
    if (!y || (fr_shape_equal(&y->shape, &expected) && y->dtype == kept->dtype))
        return y;
    return fr_fail(what, "the function of a checkpoint gave shape %s, %s, when it was run again, %s, %s, before",
                   fr_shape_text(&y->shape, got), fr_dtype_name((fr_dtype)y->dtype), fr_shape_text(&expected, wanted),
                   fr_dtype_name((fr_dtype)kept->dtype));
}
