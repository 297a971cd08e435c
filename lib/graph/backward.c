/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reverse mode: walks recorded nodes from the last made to the first, with a work list instead of recursion, adding up
 * what arrives at each before it is run. */
#include "graph/anomaly.h"
#include "graph/checkpoint.h"
#include "graph/hooks.h"
#include "graph/pass.h"

#include <frond/ops.h>
#include <pthread.h>

/* Whether gradients are computed in ops alone: for a graph of their own, or for the tangents that ops carry. */
static bool in_ops(const fr_pass *p)
{
    return p->flags & FR_CREATE_GRAPH || p->th->level;
}

/* --- Adding up --------------------------------------------------------------------------------------------------- */

#define ADD_VALUES(T)                                                                                                  \
    {                                                                                                                  \
        T *restrict a = (T *)sum->origin;                                                                              \
        const T *restrict b = (const T *)values->origin;                                                               \
        for (int64_t i = 0; i < sum->numel; i++)                                                                       \
            a[i] += b[i];                                                                                              \
    }

/* sum += values, both contiguous */
static void add_values(fr_tensor *sum, const fr_tensor *values)
{
    if (sum->dtype == FR_F64)
        ADD_VALUES(double)
    else
        ADD_VALUES(float)
}

/* sum += t; sum is contiguous and seen by nobody who would mind. */
static bool add_into(fr_pass *p, fr_tensor *sum, fr_tensor *t)
{
    fr_tensor *values = t->contiguous ? t : fr_tensor_copy(p->what, t);

    if (!values)
        return false;
    add_values(sum, values);
    if (values != t)
        fr_unref(values);
    return true;
}

/* take: grad is not needed by the caller any more. */
static bool arrive(fr_pass *p, fr_node *node, fr_tensor *leaf, int output, fr_tensor *grad, bool take)
{
    fr_pending *e = fr_queue_entry(&p->queue, node, leaf);

    if (!e)
        return fr_fail_memory(p->what);
    if (!e->slot[output].grad) {
        e->slot[output].grad = take ? fr_take(p->th, grad) : fr_ref(grad);
        return true;
    }
    if (e->slot[output].own)
        return add_into(p, e->slot[output].grad, grad);

    fr_tensor *sum = fr_add(e->slot[output].grad, grad);

    if (!sum)
        return false;
    fr_assign(&e->slot[output].grad, sum);
    e->slot[output].own = !in_ops(p) && sum->contiguous;
    return true;
}

/* --- One node ---------------------------------------------------------------------------------------------------- */

static bool changed(fr_pass *p, const fr_node *node, const char *kind, int i, const fr_tensor *saved, unsigned version)
{
    unsigned now = atomic_load_explicit(&saved->storage->version, memory_order_relaxed);
    char text[FR_SHAPE_TEXT];

    if (now == version)
        return false;
    fr_fail(p->what,
            "%s %d of %s, of shape %s, was saved for backward and has been changed in place since (version %u, "
            "saved at %u): change a copy (fr_clone), or change it after backward",
            kind, i, node->op->name, fr_shape_text(&saved->shape, text), now, version);
    return true;
}

/* An output handed back to its op's backward: a fresh tensor, with this node as its history where that is recorded. */
static fr_tensor *saved_result(fr_pass *p, fr_node *node, int i)
{
    const fr_tensor *saved = node->results[i].saved;
    fr_tensor *t = fr_hold(p->what, fr_tensor_share(p->what, saved, &saved->shape, saved->stride, 0));

    if (t && p->flags & FR_CREATE_GRAPH) {
        t->producer = &node->producer;
        t->output = (uint16_t)i;
        atomic_fetch_add_explicit(&node->producer.refs, 1, memory_order_relaxed);
    }
    return fr_tangents_share(p->what, t, saved);
}

static fr_tensor *contiguous(fr_pass *p, fr_tensor *t)
{
    return t->contiguous ? t : fr_hold(p->what, fr_tensor_copy(p->what, t));
}

static bool fill_call(fr_pass *p, fr_pending *e, fr_op_call *call, fr_tensor **in, fr_tensor **grad_out, bool kernel)
{
    fr_node *node = e->node;

    for (int i = 0; i < node->inputs; i++) {
        fr_edge *edge = &node->edges[i];

        in[i] = edge->saved;
        if (in[i] && changed(p, node, "input", i, in[i], edge->kept.version))
            return false;
        if (in[i] && kernel && !(in[i] = contiguous(p, in[i])))
            return false;
    }
    for (int i = 0; i < node->outputs; i++) {
        const fr_node_output *r = &node->results[i];

        call->result[i] = NULL;
        if (r->saved &&
            (changed(p, node, "output", i, r->saved, r->kept.version) || !(call->result[i] = saved_result(p, node, i))))
            return false;
        grad_out[i] = e->slot[i].grad;
        if (!grad_out[i] && !node->op->null_gradients) {
            fr_shape shape;
            fr_tensor *zeros;

            fr_kept_shape(&r->kept, &shape);
            zeros = fr_tensor_alloc(p->what, &shape, (fr_dtype)r->kept.dtype);
            if (zeros)
                memset(zeros->origin, 0, zeros->storage->bytes);
            if (!(grad_out[i] = fr_hold(p->what, zeros)))
                return false;
        }
        if (grad_out[i] && kernel && !(grad_out[i] = contiguous(p, grad_out[i])))
            return false;
    }
    return true;
}

static bool run_kernel(fr_pass *p, fr_node *node, fr_op_call *call)
{
    for (int i = 0; i < node->inputs; i++) {
        if (!call->needs[i])
            continue;
        call->grad_in[i] =
            fr_hold(p->what, fr_tensor_alloc(node->op->name, &call->in_shape[i], (fr_dtype)node->edges[i].kept.dtype));
        if (!call->grad_in[i])
            return false;
    }
    node->op->backward_kernel(call);
    return true;
}

/* Whether input i's gradient is also that of a later one, or of too many to look at. */
static bool needed_later(const fr_op_call *call, int i)
{
    enum { FEW = 8 };

    for (int k = i + 1; k < call->inputs && k < FEW; k++)
        if (call->grad_in[k] == call->grad_in[i])
            return true;
    return call->inputs > FEW;
}

/* Sends each gradient on, having checked it here, once for all ops. */
static bool deliver(fr_pass *p, fr_node *node, const fr_op_call *call)
{
    for (int i = 0; i < node->inputs; i++) {
        const fr_edge *e = &node->edges[i];
        fr_tensor *g = call->grad_in[i];
        char got[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

        if (!call->needs[i] || !g)
            continue;
        if (!fr_shape_equal(&g->shape, &call->in_shape[i]) || g->dtype != e->kept.dtype)
            return fr_fail(p->what, "%s gave input %d a gradient of shape %s, %s, expected %s, %s", node->op->name, i,
                           fr_shape_text(&g->shape, got), fr_dtype_name((fr_dtype)g->dtype),
                           fr_shape_text(&call->in_shape[i], expected), fr_dtype_name((fr_dtype)e->kept.dtype));
        if (!arrive(p, e->node, e->leaf, e->output, g, !needed_later(call, i)))
            return false;
    }
    return true;
}

/* What run_in_room lays out for each input and output. */
typedef struct {
    fr_tensor *in, *grad_in, *x, *dx;
    fr_shape shape;
    bool needs;
} input_room;

typedef struct {
    fr_tensor *result, *grad_out, *y, *dy;
} output_room;

static bool run_in_room(fr_pass *p, fr_pending *e, char *room)
{
    fr_node *node = e->node;
    size_t n = (size_t)node->inputs, m = (size_t)node->outputs;
    fr_shape *shapes = (fr_shape *)room;
    fr_tensor **in = (fr_tensor **)(shapes + n), **grad_in = in + n, **result = grad_in + n, **grad_out = result + m;
    fr_tensor **scratch = grad_out + m;
    bool *needs = (bool *)(scratch + 2 * (n + m));
    bool kernel = node->op->backward_kernel && !in_ops(p);
    bool in_backward = p->th->in_backward;
    unsigned failures = p->th->failures;
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
        fr_kept_shape(&node->edges[i].kept, &shapes[i]);
        needs[i] =
            (node->edges[i].node || node->edges[i].leaf) && (!p->selective || fr_targets_want(&p->xs, &node->edges[i]));
        grad_in[i] = NULL;
    }
    ok = fill_call(p, e, &call, in, grad_out, kernel);
    p->th->in_backward = true;
    if (ok && kernel)
        ok = run_kernel(p, node, &call);
    else if (ok)
        ok = fr_backward_in_ops(p->what, p->flags, &call, in, scratch);
    p->th->in_backward = in_backward;
    ok = ok && p->th->failures == failures;
    if (FR_UNLIKELY(p->th->anomaly && !in_backward))
        ok = ok && fr_check_gradients(p->what, node, grad_out, grad_in);
    if (p->observer && ok)
        p->observer->at_node(p->observer->user, node, grad_out, grad_in);
    return ok && deliver(p, node, &call);
}

/* The gradient of y, from which the pass goes on. */
bool fr_pass_start(fr_pass *p, fr_tensor *y, fr_tensor *gradient)
{
    fr_start *s = fr_alloc(sizeof *s);

    if (!s)
        return fr_fail_memory(p->what);
    *s = (fr_start){ .next = p->starts, .node = fr_node_of(y), .leaf = y->producer ? NULL : fr_ref(y) };
    if (s->node)
        atomic_fetch_add_explicit(&s->node->producer.refs, 1, memory_order_relaxed);
    p->starts = s;
    return arrive(p, s->node, s->leaf, y->output, gradient, false);
}

/* The gradient goes on into what the checkpoint's function records now: those nodes are newer than all that wait, so
 * they come next, in order, and lead to what the checkpoint was made from. */
static bool run_checkpoint(fr_pass *p, fr_pending *e)
{
    fr_node *node = e->node;
    fr_tensor *y;

    for (int i = 0; i < node->inputs; i++)
        if (changed(p, node, "input", i, node->edges[i].saved, node->edges[i].kept.version))
            return false;
    y = fr_checkpoint_run_again(p->what, p->th, node);
    if (!y || !fr_tracked(y))
        return y != NULL;
    if (p->selective && !fr_targets_find(&p->xs, &y, 1))
        return fr_fail_memory(p->what);
    return fr_pass_start(p, y, e->slot[0].grad);
}

static bool run_node(fr_pass *p, fr_pending *e)
{
    fr_node *node = e->node;
    size_t room = (size_t)node->inputs * sizeof(input_room) + (size_t)node->outputs * sizeof(output_room);
    char few[1024] __attribute__((aligned(16))), *space = few;
    int scope;
    bool ok;

    if (node->saved && node->released)
        return fr_fail(p->what,
                       "backward through %s a second time: what it had saved is gone; fr_detach a state that "
                       "is kept across steps, or retain the graph (FR_RETAIN_GRAPH)",
                       node->op->name);
    if (room > sizeof few && !(space = fr_alloc(room)))
        return fr_fail_memory(p->what);
    scope = fr_scope_begin();
    ok = scope >= 0 && (node->op == &fr_checkpoint_op ? run_checkpoint(p, e) : run_in_room(p, e, space));
    fr_scope_end(scope);
    if (space != few)
        fr_free(space, room);
    if (ok && !(p->flags & (FR_RETAIN_GRAPH | FR_CREATE_GRAPH)))
        fr_node_release_saved(node);
    return ok;
}

/* --- Arrived: hooks, results, leaves ----------------------------------------------------------------------------- */

/* What hook gives in place of the gradient in slot. */
static bool call_hook(fr_pass *p, fr_hook *hook, fr_pending *e)
{
    fr_tensor **slot = &e->slot[hook->output].grad;
    unsigned failures = p->th->failures;
    fr_tensor *other;

    hook->running++;
    other = hook->call(*slot, hook->user);
    hook->running--;
    if (p->th->failures != failures)
        return false;
    if (other && (!fr_shape_equal(&other->shape, &(*slot)->shape) || other->dtype != (*slot)->dtype)) {
        char got[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

        return fr_fail(p->what, "a gradient hook gave shape %s, %s, expected %s, %s", fr_shape_text(&other->shape, got),
                       fr_dtype_name((fr_dtype)other->dtype), fr_shape_text(&(*slot)->shape, expected),
                       fr_dtype_name((fr_dtype)(*slot)->dtype));
    }
    if (other) {
        fr_assign(slot, other);
        e->slot[hook->output].own = false;
    }
    return true;
}

/* Hooks may take themselves and others off, and put new ones on. */
static bool call_hooks(fr_pass *p, fr_pending *e)
{
    fr_hook **list = e->node ? &e->node->hooks : &e->leaf->hooks;
    bool ok = true;

    for (fr_hook *h = *list; h && ok; h = h->next)
        if (h->call && e->slot[h->output].grad)
            ok = call_hook(p, h, e);
    fr_hooks_sweep(list);
    return ok;
}

static void capture(fr_pass *p, const fr_pending *e)
{
    for (int i = 0; i < p->xs.n; i++) {
        const fr_tensor *x = p->xs.tensors[i];

        if (e->leaf ? x == e->leaf : x->producer && fr_node_of(x) == e->node)
            fr_assign(&p->out[i], e->slot[e->leaf ? 0 : x->output].grad);
    }
}

/* Makes what arrived at a leaf contiguous storage of its own: as it is where nothing else holds it, else a copy. */
static bool own_gradient(fr_pass *p, fr_pending *e)
{
    fr_tensor *g = e->slot[0].grad, *copy;

    if (FR_UNLIKELY(p->th->level && g->tangents))
        return fr_fail(p->what, "inside fr_jvp a leaf would accumulate the gradient without its tangent: take "
                                "fr_gradients");
    if (g->contiguous && g->refs == 1 && g->storage->refs == 1 && g->storage->block && !fr_tracked(g))
        return true;
    copy = fr_tensor_copy(p->what, g);
    if (copy) {
        fr_unref(g);
        e->slot[0].grad = copy;
    }
    return copy != NULL;
}

static bool process(fr_pass *p, fr_pending *e)
{
    if (e->node ? e->node->hooks : e->leaf->hooks) {
        int scope = fr_scope_begin(); /* for what hooks make */
        bool ok = scope >= 0 && call_hooks(p, e);

        fr_scope_end(scope);
        if (!ok)
            return false;
    }
    if (p->selective)
        capture(p, e);
    if (e->leaf && p->observer) {
        p->observer->at_leaf(p->observer->user, e->leaf, e->slot[0].grad);
        return true;
    }
    if (e->leaf)
        return p->selective || own_gradient(p, e);
    if (p->selective && !fr_targets_led_to_by(&p->xs, e->node))
        return true;
    return run_node(p, e);
}

/* One at a time: graphs of several threads may share leaves. */
static pthread_mutex_t accumulating = PTHREAD_MUTEX_INITIALIZER;

/* Adds what the leaves of the list own to what they have; nothing here can fail. */
static void accumulate(fr_pending *leaves)
{
    pthread_mutex_lock(&accumulating);
    for (fr_pending *e = leaves; e; e = e->next) {
        if (e->leaf->grad) {
            fr_storage_bump(e->leaf->grad);
            add_values(e->leaf->grad, e->slot[0].grad);
        } else {
            e->leaf->grad = fr_ref(e->slot[0].grad);
        }
    }
    pthread_mutex_unlock(&accumulating);
}

/* Frees what the pass still has. */
static void finish(fr_pass *p)
{
    fr_queue_free(&p->queue);
    fr_targets_free(&p->xs);
    for (fr_start *s = p->starts, *next; s; s = next) {
        next = s->next;
        if (s->node)
            fr_node_unref(s->node);
        fr_unref(s->leaf);
        fr_free(s, sizeof *s);
    }
}

/* Leaves get their gradients when all are there, so that a pass that fails leaves none changed. */
bool fr_pass_walk(fr_pass *p, bool ok)
{
    fr_thread *th = p->th;
    fr_pending *leaves = NULL, *next;
    bool no_grad = th->no_grad;

    th->no_grad = !(p->flags & FR_CREATE_GRAPH);
    for (fr_pending *e; ok && (e = fr_queue_pop(&p->queue));) {
        ok = process(p, e);
        if (e->leaf) {
            e->next = leaves;
            leaves = e;
        } else {
            fr_pending_free(e);
        }
    }
    th->no_grad = no_grad;
    if (ok && !p->selective && !p->observer)
        accumulate(leaves);
    for (; leaves; leaves = next) {
        next = leaves->next;
        fr_pending_free(leaves);
    }
    finish(p);
    return ok;
}
