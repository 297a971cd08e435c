/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Checkpoints: a function runs unrecorded first, and again, recorded, when its gradients are wanted.
 *
 * The first run leaves one node, which saves the inputs. In backward (run_checkpoint in backward.c) the graph of the
 * second run takes the node's place. It leads to the same inputs and to everything else that the function used, so a
 * module's parameters get their gradients without being named.
 *
 * A node is made only if there is something to differentiate by. To find that out, apply notes in the first run
 * (mode.probing) whether an op came by that would have been recorded. */
#include "graph/checkpoint.h"

#include "core/random.h"
#include "core/recorder.h"
#include "graph/jvp.h"

#include <frond/ops.h>

enum { MOST_INPUTS = 31 }; /* bits of fr_op.saves_inputs */

typedef struct {
    fr_function *f;
    void *user;
    fr_generator generator; /* as it was before the first run */
} attributes;

/* Never given to fr_apply: fr_checkpoint makes the node, and backward.c knows what to do with it. */
const fr_op fr_checkpoint_op = {
    .name = "checkpoint",
    .formula = "y = f(x), f being run again for its gradients",
    .inputs = -1,
    .outputs = 1,
    .saves_inputs = ~FR_SAVES_NOTHING,
    .attributes_size = sizeof(attributes),
};

/* Calls f in a scope of its own; only its result leaves the scope. While the user's function runs, errors are reported
 * where they happen, as in fr_forward. */
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

/* The result y, which has no history, as the output of a checkpoint node. */
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
    bool probing = th->mode.probing, found = th->graph->probe_found, wanted;
    fr_tensor *y;

    if (th->mode.no_grad)
        return run(th, "checkpoint", f, xs, user);
    if (th->stand_ins) /* which will be gone when f runs again */
        return fr_fail("checkpoint", "a checkpoint inside fr_functional_call");
    fr_generator_save(&a.generator);
    th->mode.no_grad = th->mode.probing = true;
    th->graph->probe_found = false;
    y = run(th, "checkpoint", f, xs, user);
    wanted = th->graph->probe_found || (y && fr_tracked(y));
    th->mode.no_grad = false;
    th->mode.probing = probing;
    th->graph->probe_found = found;
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
    else if (scope >= 0 && fr_check_function("checkpoint", f, xs, n) && fr_not_captured(th, "checkpoint"))
        y = fr_escape(checkpoint(th, f, xs, n, user));
    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}

fr_tensor *fr_checkpoint_run_again(const char *what, fr_thread *th, const fr_node *node)
{
    const attributes *a = node->attributes;
    const fr_metadata *meta = &node->results[0].meta;
    fr_tensor *xs[MOST_INPUTS], *y;
    bool no_grad = th->mode.no_grad;
    fr_generator now;
    char got[FR_SHAPE_TEXT], wanted[FR_SHAPE_TEXT];
    fr_shape expected;

    for (int i = 0; i < node->inputs; i++)
        xs[i] = node->edges[i].saved;
    fr_generator_save(&now);
    fr_generator_restore(&a->generator);
    th->mode.no_grad = false;
    y = run(th, what, a->f, xs, a->user);
    th->mode.no_grad = no_grad;
    fr_generator_restore(&now);
    fr_metadata_shape(meta, &expected);
    if (!y || (fr_shape_equal(&y->shape, &expected) && y->dtype == meta->dtype))
        return y;
    return fr_fail(what, "the function of a checkpoint gave shape %s, %s, when it was run again, %s, %s, before",
                   fr_shape_text(&y->shape, got), fr_dtype_name((fr_dtype)y->dtype), fr_shape_text(&expected, wanted),
                   fr_dtype_name((fr_dtype)meta->dtype));
}
