/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reverse mode: walks the recorded nodes from the last made to the first, with a queue instead of recursion, so that a
 * chain of a million nodes does not overflow the stack. What happens, in this order:
 *
 *     fr_backward_start    puts y's gradient (1 for a loss) into the queue, as a task for the node that made y
 *     fr_backward_run      takes one task after the other out of the queue, the node made last first
 *       run_task             calls the hooks
 *         run_node             runs the backward of the node's op: gradients of outputs in, gradients of inputs out
 *           send_gradients       adds each of these to the task of the node, or leaf, that made the input
 *       accumulate           at the end: adds what has come to the leaves to their grad
 *
 * Whatever reads an output of a node was made after the node. So when a node's turn comes, all readers of its outputs
 * have run, and the sums of what they sent are the complete gradients of its outputs. */
#include "graph/backward.h"

#include "core/locks.h"
#include "core/recorder.h"
#include "graph/anomaly.h"
#include "graph/checkpoint.h"
#include "graph/hooks.h"
#include "graph/trace.h"
#include "kernels/accumulate.h"

#include <frond/ops.h>

/* True if gradients must be computed by ops: because they get a graph of their own, or because ops carry tangents. */
static bool in_ops(const fr_backward_pass *p)
{
    return p->flags & FR_CREATE_GRAPH || p->th->levels.current;
}

/* --- Adding up --------------------------------------------------------------------------------------------------- */

/* into += from; both are contiguous. */
bool fr_add_values(const fr_action *a)
{
    fr_tensor *sum = a->into;

    fr_accumulate((fr_dtype)sum->dtype, sum->numel, sum->origin, a->from->origin);
    return true;
}

/* sum += t in place; sum is contiguous and belongs to the pass alone. */
static bool add_in_place(fr_backward_pass *p, fr_tensor *sum, fr_tensor *t)
{
    fr_tensor *values = t->contiguous ? t : fr_tensor_copy(p->what, t);

    if (!values)
        return false;
    fr_act(p->th, &(fr_action){ .run = fr_add_values, .into = sum, .from = values, .pure = true });
    if (values != t)
        fr_unref(values);
    return true;
}

/* Adds grad to the gradient of output `output` of node, or of leaf. take: the caller gives up its reference, so grad
 * may be modified in place later. */
static bool add_gradient(fr_backward_pass *p, fr_node *node, fr_tensor *leaf, int output, fr_tensor *grad, bool take)
{
    fr_backward_task *task = fr_backward_queue_task(&p->queue, node, leaf);

    if (!task)
        return fr_fail_memory(p->what);
    if (!task->slot[output].grad) {
        task->slot[output].grad = take ? fr_take(p->th, grad) : fr_ref(grad);
        return true;
    }
    if (task->slot[output].own)
        return add_in_place(p, task->slot[output].grad, grad);

    fr_tensor *sum = fr_add(task->slot[output].grad, grad);

    if (!sum)
        return false;
    fr_assign(&task->slot[output].grad, sum);
    task->slot[output].own = !in_ops(p) && sum->contiguous;
    return true;
}

/* --- One node: what its op's backward reads ---------------------------------------------------------------------- */

/* True, with an error, if a saved value has changed since it was saved. kind: "input", "output". */
static bool changed(fr_backward_pass *p, const fr_node *node, const char *kind, int i, const fr_tensor *saved,
                    unsigned version)
{
    unsigned now = fr_storage_version(saved);
    char text[FR_SHAPE_TEXT];

    if (now == version)
        return false;
    fr_fail(p->what,
            "%s %d of %s, of shape %s, was saved for backward and has been changed in place since (version %u, "
            "saved at %u): change a copy (fr_clone), or change it after backward",
            kind, i, node->op->name, fr_shape_text(&saved->shape, text), now, version);
    return true;
}

/* Output i as backward reads it: a new tensor over the saved values. If the gradients are to have a graph of their own,
 * this node is its history. */
static fr_tensor *saved_result(fr_backward_pass *p, fr_node *node, int i)
{
    fr_tensor *saved = node->results[i].saved;
    fr_tensor *t = fr_hold(p->what, fr_tensor_share(p->what, saved, &saved->shape, saved->stride, 0));

    if (t && p->flags & FR_CREATE_GRAPH) {
        t->producer = &node->producer;
        t->output = (uint16_t)i;
        fr_refcount_add(&node->producer.refs);
    }
    if (FR_UNLIKELY(p->th->trace != NULL) && t)
        fr_trace_saved(p->th, t, saved);
    return fr_tangents_share(p->what, t, saved);
}

static fr_tensor *contiguous(fr_backward_pass *p, fr_tensor *t)
{
    return t->contiguous ? t : fr_hold(p->what, fr_tensor_copy(p->what, t));
}

/* True if all values are one. */
static bool is_one_number(const fr_tensor *t)
{
    for (int i = 0; i < t->shape.ndim; i++)
        if (t->stride[i] != 0)
            return false;
    return t->numel > 0;
}

/* A gradient as the op's backward_kernel takes it. */
static fr_tensor *for_kernel(fr_backward_pass *p, const fr_op *op, fr_tensor *gradient)
{
    return op->expanded_gradients && is_one_number(gradient) ? gradient : contiguous(p, gradient);
}

static fr_tensor *zeros_like_output(fr_backward_pass *p, const fr_node *node, int i)
{
    const fr_metadata *meta = &node->results[i].meta;
    fr_shape shape;
    fr_tensor *zeros;

    fr_metadata_shape(meta, &shape);
    zeros = fr_tensor_alloc(p->what, &shape, (fr_dtype)meta->dtype);
    if (zeros)
        memset(zeros->origin, 0, zeros->storage->bytes);
    fr_note_constant(p->th, zeros);
    return fr_hold(p->what, zeros);
}

/* Sets in[] to the saved inputs. kernel: a backward_kernel will read them, so they must be contiguous. */
static bool fill_inputs(fr_backward_pass *p, fr_node *node, fr_tensor **in, bool kernel)
{
    for (int i = 0; i < node->inputs; i++) {
        fr_edge *edge = &node->edges[i];

        in[i] = edge->saved;
        if (in[i] && changed(p, node, "input", i, in[i], edge->meta.version))
            return false;
        if (in[i] && kernel && !(in[i] = contiguous(p, in[i])))
            return false;
    }
    return true;
}

/* Sets result[] to the saved outputs and grad_out[] to the gradients that have come: zeros for an output that none has
 * come to, unless the op takes NULL for that. */
static bool fill_outputs(fr_backward_pass *p, fr_backward_task *task, fr_tensor **result, fr_tensor **grad_out,
                         bool kernel)
{
    fr_node *node = task->node;

    for (int i = 0; i < node->outputs; i++) {
        const fr_node_output *r = &node->results[i];

        result[i] = NULL;
        if (r->saved &&
            (changed(p, node, "output", i, r->saved, r->meta.version) || !(result[i] = saved_result(p, node, i))))
            return false;
        grad_out[i] = task->slot[i].grad;
        if (!grad_out[i] && !node->op->null_gradients && !(grad_out[i] = zeros_like_output(p, node, i)))
            return false;
        if (grad_out[i] && kernel && !(grad_out[i] = for_kernel(p, node->op, grad_out[i])))
            return false;
    }
    return true;
}

/* --- One node: running its op's backward, and what becomes of the gradients --------------------------------------- */

/* Allocates the gradients that are wanted and has the op's backward_kernel fill them. */
static bool run_kernel(fr_backward_pass *p, fr_node *node, fr_op_call *call)
{
    for (int i = 0; i < node->inputs; i++) {
        if (!call->needs[i])
            continue;
        call->grad_in[i] =
            fr_hold(p->what, fr_tensor_alloc(node->op->name, &call->in_shape[i], (fr_dtype)node->edges[i].meta.dtype));
        if (!call->grad_in[i])
            return false;
    }
    fr_recorder *recorder = p->th->recorder;

    p->th->recorder = NULL;
    node->op->backward_kernel(call);
    p->th->recorder = recorder;
    if (FR_UNLIKELY(recorder != NULL))
        fr_trace_note_backward(p->th, call);
    return true;
}

/* True if a later input receives the very same gradient tensor, as both inputs of add do: it may not be taken over yet.
 * Assumed true for ops with more than 8 inputs. */
static bool is_shared(const fr_op_call *call, int i)
{
    enum { FEW = 8 };

    for (int k = i + 1; k < call->inputs && k < FEW; k++)
        if (call->grad_in[k] == call->grad_in[i])
            return true;
    return call->inputs > FEW;
}

/* Adds the gradient of each input to the task of what made the input. Checks its shape and dtype here, once for all
 * ops.
 */
static bool send_gradients(fr_backward_pass *p, fr_node *node, const fr_op_call *call)
{
    for (int i = 0; i < node->inputs; i++) {
        const fr_edge *e = &node->edges[i];
        fr_tensor *g = call->grad_in[i];
        char got[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

        if (!call->needs[i] || !g)
            continue;
        if (!fr_shape_equal(&g->shape, &call->in_shape[i]) || g->dtype != e->meta.dtype)
            return fr_fail(p->what, "%s gave input %d a gradient of shape %s, %s, expected %s, %s", node->op->name, i,
                           fr_shape_text(&g->shape, got), fr_dtype_name((fr_dtype)g->dtype),
                           fr_shape_text(&call->in_shape[i], expected), fr_dtype_name((fr_dtype)e->meta.dtype));
        if (!add_gradient(p, e->node, e->leaf, e->output, g, !is_shared(call, i)))
            return false;
    }
    return true;
}

/* The arrays of a call: for each input and for each output one of everything. */
typedef struct {
    fr_tensor *in, *grad_in, *x, *dx; /* x, dx, y, dy: scratch of fr_backward_in_ops */
    fr_shape shape;
    bool needs;
} input_workspace;

typedef struct {
    fr_tensor *result, *grad_out, *y, *dy;
} output_workspace;

/* Has the op's backward, by kernel or in ops, compute call->grad_in. in, scratch: as in fr_backward_in_ops. */
static bool compute(fr_backward_pass *p, fr_node *node, fr_op_call *call, bool kernel, fr_tensor **in,
                    fr_tensor **scratch)
{
    bool in_backward = p->th->mode.in_backward, ok;
    unsigned failures = p->th->errors.failures;
    fr_module_path *path = p->th->module_path;

    p->th->mode.in_backward = true;
    if (FR_UNLIKELY(p->th->trace != NULL))
        p->th->module_path = node->module_path; /* the steps that it notes belong there */
    ok = kernel ? run_kernel(p, node, call) : fr_backward_in_ops(p->what, p->flags, call, in, scratch);
    p->th->mode.in_backward = in_backward;
    p->th->module_path = path;
    ok = ok && p->th->errors.failures == failures;
    if (FR_UNLIKELY(p->th->graph->anomaly && !in_backward))
        ok = ok && fr_check_gradients(p->what, node, call->grad_out, call->grad_in);
    return ok;
}

/* Notes the backward of task's node as one step. grad_out: room for the gradients as they came. */
static void trace_backward(const fr_backward_pass *p, const fr_backward_task *task, const fr_op_call *call,
                           fr_tensor **grad_out)
{
    for (int i = 0; i < task->node->outputs; i++)
        grad_out[i] = task->slot[i].grad;
    fr_trace_backward(p->th, task->node, call, grad_out);
}

/* Runs the op's backward and sends on what it gives. workspace: memory for the structs above, laid out as arrays. */
static bool run_op(fr_backward_pass *p, fr_backward_task *task, char *workspace)
{
    fr_node *node = task->node;
    size_t n = (size_t)node->inputs, m = (size_t)node->outputs;
    fr_shape *shapes = (fr_shape *)workspace;
    fr_tensor **in = (fr_tensor **)(shapes + n), **grad_in = in + n, **result = grad_in + n, **grad_out = result + m;
    fr_tensor **scratch = grad_out + m;
    bool *needs = (bool *)(scratch + 2 * (n + m));
    bool whole = FR_UNLIKELY(p->th->trace != NULL) && fr_trace_takes_backward(p->th, node->op);
    bool kernel = node->op->backward_kernel && (!in_ops(p) || whole);
    fr_op_call call = { .op = node->op,
                        .attributes = node->attributes,
                        .inputs = node->inputs,
                        .outputs = node->outputs,
                        .in = in,
                        .in_shape = shapes,
                        .result = result,
                        .grad_out = grad_out,
                        .grad_in = grad_in,
                        .needs = needs };
    bool ok;

    for (size_t i = 0; i < n; i++) {
        const fr_edge *e = &node->edges[i];

        fr_metadata_shape(&e->meta, &shapes[i]);
        needs[i] = (e->node || e->leaf) && (!p->selective || fr_needed_edge(&p->xs, e));
        grad_in[i] = NULL;
    }
    ok = fill_inputs(p, node, in, kernel) && fill_outputs(p, task, result, grad_out, kernel) &&
         compute(p, node, &call, kernel, in, scratch);
    if (whole && ok)
        trace_backward(p, task, &call, scratch);
    if (p->observer && ok)
        p->observer->at_node(p->observer->user, node, grad_out, grad_in);
    return ok && send_gradients(p, node, &call);
}

/* Runs a checkpoint's function again, which records its nodes now, and gives its result the gradient. Those nodes are
 * newer than all that wait in the queue, so they come next, in order, and lead back to the checkpoint's inputs. */
static bool run_checkpoint(fr_backward_pass *p, fr_backward_task *task)
{
    fr_node *node = task->node;
    fr_tensor *y;

    for (int i = 0; i < node->inputs; i++)
        if (changed(p, node, "input", i, node->edges[i].saved, node->edges[i].meta.version))
            return false;
    y = fr_checkpoint_run_again(p->what, p->th, node);
    if (!y || !fr_tracked(y))
        return y != NULL;
    if (p->selective && !fr_needed_nodes_find(&p->xs, &y, 1))
        return fr_fail_memory(p->what);
    return fr_backward_start(p, y, task->slot[0].grad);
}

/* In a scope of its own, so that what backward makes on the way is freed node by node. */
static bool run_node(fr_backward_pass *p, fr_backward_task *task)
{
    fr_node *node = task->node;
    size_t bytes = (size_t)node->inputs * sizeof(input_workspace) + (size_t)node->outputs * sizeof(output_workspace);
    char few[1024] __attribute__((aligned(16))), *workspace = few;
    int scope;
    bool ok;

    if (node->saved && node->released)
        return fr_fail(p->what,
                       "backward through %s a second time: what it had saved is gone; fr_detach a state that "
                       "is kept across steps, or retain the graph (FR_RETAIN_GRAPH)",
                       node->op->name);
    if (bytes > sizeof few && !(workspace = fr_alloc(bytes)))
        return fr_fail_memory(p->what);
    scope = fr_scope_begin();
    ok = scope >= 0 && (node->op == &fr_checkpoint_op ? run_checkpoint(p, task) : run_op(p, task, workspace));
    fr_scope_end(scope);
    if (workspace != few)
        fr_free(workspace, bytes);
    if (ok && !(p->flags & (FR_RETAIN_GRAPH | FR_CREATE_GRAPH)))
        fr_node_release_saved(node);
    return ok;
}

/* --- One task: its gradients are complete ------------------------------------------------------------------------ */

/* Calls a hook with the gradient in its slot, and puts what it returns in the gradient's place. */
static bool call_hook(fr_backward_pass *p, fr_hook *hook, fr_backward_task *task)
{
    fr_tensor **slot = &task->slot[hook->output].grad;
    unsigned failures = p->th->errors.failures;
    fr_tensor *other;

    hook->running++;
    other = hook->call(*slot, hook->user);
    hook->running--;
    if (p->th->errors.failures != failures)
        return false;
    if (other && (!fr_shape_equal(&other->shape, &(*slot)->shape) || other->dtype != (*slot)->dtype)) {
        char got[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

        return fr_fail(p->what, "a gradient hook gave shape %s, %s, expected %s, %s", fr_shape_text(&other->shape, got),
                       fr_dtype_name((fr_dtype)other->dtype), fr_shape_text(&(*slot)->shape, expected),
                       fr_dtype_name((fr_dtype)(*slot)->dtype));
    }
    if (other) {
        fr_assign(slot, other);
        task->slot[hook->output].own = false;
    }
    return true;
}

/* Hooks may remove themselves and others, and add new ones, so those removed are freed after all were called. */
static bool call_hooks(fr_backward_pass *p, fr_backward_task *task)
{
    fr_hook **list = task->node ? &task->node->hooks : &task->leaf->hooks;
    int scope = fr_scope_begin(); /* for what the hooks make */
    bool ok = scope >= 0 && fr_not_captured(p->th, "a gradient hook");

    for (fr_hook *h = *list; h && ok; h = h->next)
        if (h->call && task->slot[h->output].grad)
            ok = call_hook(p, h, task);
    if (scope >= 0)
        fr_hooks_sweep(list);
    fr_scope_end(scope);
    return ok;
}

/* Selective passes: keeps the gradients of those xs that are outputs of this node, or this leaf. */
static void capture(fr_backward_pass *p, const fr_backward_task *task)
{
    for (int i = 0; i < p->xs.n; i++) {
        const fr_tensor *x = p->xs.xs[i];

        if (task->leaf ? x == task->leaf : x->producer && fr_node_of(x) == task->node)
            fr_assign(&p->out[i], task->slot[task->leaf ? 0 : x->output].grad);
    }
}

/* A leaf's gradient owns contiguous storage. What has come is used as it is if nothing else holds it, else copied. */
static bool own_gradient(fr_backward_pass *p, fr_backward_task *task)
{
    fr_tensor *g = task->slot[0].grad, *copy;

    if (FR_UNLIKELY(p->th->levels.current && g->tangents))
        return fr_fail(p->what, "inside fr_jvp a leaf would accumulate the gradient without its tangent: take "
                                "fr_gradients");
    if (g->contiguous && g->refs == 1 && g->storage->refs == 1 && g->storage->block && !fr_tracked(g))
        return true;
    copy = fr_tensor_copy(p->what, g);
    if (copy) {
        fr_unref(g);
        task->slot[0].grad = copy;
    }
    return copy != NULL;
}

static bool run_task(fr_backward_pass *p, fr_backward_task *task)
{
    if ((task->node ? task->node->hooks : task->leaf->hooks) && !call_hooks(p, task))
        return false;
    if (p->selective)
        capture(p, task);
    if (task->leaf && p->observer) {
        p->observer->at_leaf(p->observer->user, task->leaf, task->slot[0].grad);
        return true;
    }
    if (task->leaf)
        return p->selective ||
               (own_gradient(p, task) && fr_gradient_sets_note(p->what, &p->sets, task->leaf, task->slot[0].grad));
    if (p->selective && !fr_needed_nodes_has(&p->xs, task->node))
        return true;
    return run_node(p, task);
}

/* --- The whole pass ---------------------------------------------------------------------------------------------- */

bool fr_backward_start(fr_backward_pass *p, fr_tensor *y, fr_tensor *gradient)
{
    fr_backward_root *root = fr_alloc(sizeof *root);

    if (!root)
        return fr_fail_memory(p->what);
    *root = (fr_backward_root){ .next = p->roots, .node = fr_node_of(y), .leaf = y->producer ? NULL : fr_ref(y) };
    if (root->node)
        fr_refcount_add(&root->node->producer.refs);
    p->roots = root;
    return add_gradient(p, root->node, root->leaf, y->output, gradient, false);
}

static void add_to_leaf(fr_tensor *leaf, fr_tensor *gradient)
{
    if (leaf->grad) {
        fr_storage_bump(leaf->grad);
        fr_add_values(&(fr_action){ .into = leaf->grad, .from = gradient });
    } else {
        leaf->grad = fr_ref(gradient);
    }
}

bool fr_accumulate_gradient(const fr_action *a)
{
    fr_lock(FR_LOCK_GRADIENTS);
    add_to_leaf(a->leaf, a->from);
    fr_unlock(FR_LOCK_GRADIENTS);
    return true;
}

/* Adds the gradient of each leaf in the list to its grad. Graphs of several threads may share leaves. Nothing here can
 * fail. */
static void accumulate(fr_thread *th, fr_backward_task *leaves)
{
    if (FR_UNLIKELY(th->recorder != NULL)) {
        for (fr_backward_task *task = leaves; task; task = task->next)
            fr_act(th, &(fr_action){ .run = fr_accumulate_gradient, .leaf = task->leaf, .from = task->slot[0].grad });
        return;
    }
    fr_lock(FR_LOCK_GRADIENTS);
    for (fr_backward_task *task = leaves; task; task = task->next)
        add_to_leaf(task->leaf, task->slot[0].grad);
    fr_unlock(FR_LOCK_GRADIENTS);
}

static void free_pass(fr_backward_pass *p)
{
    fr_backward_queue_free(&p->queue);
    fr_needed_nodes_free(&p->xs);
    for (fr_backward_root *root = p->roots, *next; root; root = next) {
        next = root->next;
        if (root->node)
            fr_node_unref(root->node);
        fr_unref(root->leaf);
        fr_free(root, sizeof *root);
    }
}

static bool stopped(const fr_backward_pass *p)
{
    return p->observer && p->observer->stop && *p->observer->stop;
}

/* Leaves accumulate only when the walk is over, so that a pass that fails changes none of them. */
bool fr_backward_run(fr_backward_pass *p, bool started)
{
    fr_thread *th = p->th;
    fr_backward_task *leaves = NULL, *next;
    bool no_grad = th->mode.no_grad, ok = started;

    th->mode.no_grad = !(p->flags & FR_CREATE_GRAPH);
    for (fr_backward_task *task; ok && !stopped(p) && (task = fr_backward_queue_pop(&p->queue));) {
        ok = run_task(p, task);
        if (task->leaf) {
            task->next = leaves;
            leaves = task;
        } else {
            fr_backward_task_free(task);
        }
    }
    th->mode.no_grad = no_grad;
    ok = fr_gradient_sets_finish(p->what, p->sets, ok);
    if (ok && !p->selective && !p->observer)
        accumulate(th, leaves);
    for (; leaves; leaves = next) {
        next = leaves->next;
        fr_backward_task_free(leaves);
    }
    free_pass(p);
    return ok;
}
