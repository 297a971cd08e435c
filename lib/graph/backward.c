/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reverse mode: walks recorded nodes from the last made to the first, with a work list instead of recursion, adding up
 * what arrives at each before it is run. */
#include "graph/anomaly.h"
#include "graph/checkpoint.h"
#include "graph/growth.h"
#include "graph/hooks.h"
#include "graph/pass.h"
#include "graph/targets.h"

#include <frond/ops.h>
#include <pthread.h>
#include <stdlib.h>

/* Where the pass started, a node or a leaf: held, and with it all that it was made from, whatever hooks do. */
typedef struct fr_start {
    struct fr_start *next;
    fr_node *node;
    fr_tensor *leaf;
} fr_start;

typedef struct {
    const char *what; /* the public function, for errors */
    fr_thread *th;
    int flags;
    fr_queue queue;
    fr_start *starts;
    bool selective;              /* fr_gradients: only what leads to its xs; */
    fr_targets xs;               /* ... which these are, */
    fr_tensor **out;             /* ... and what came of each */
    const fr_observer *observer; /* or NULL */
} pass;

/* Whether gradients are computed in ops alone: for a graph of their own, or for the tangents that ops carry. */
static bool in_ops(const pass *p)
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
static bool add_into(pass *p, fr_tensor *sum, fr_tensor *t)
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
static bool arrive(pass *p, fr_node *node, fr_tensor *leaf, int output, fr_tensor *grad, bool take)
{
    fr_pending *e = fr_queue_entry(&p->queue, node, leaf);

    if (!e)
        return fr_fail_memory(p->what), false;
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

static bool changed(pass *p, const fr_node *node, const char *kind, int i, const fr_tensor *saved, unsigned version)
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
static fr_tensor *saved_result(pass *p, fr_node *node, int i)
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

static fr_tensor *contiguous(pass *p, fr_tensor *t)
{
    return t->contiguous ? t : fr_hold(p->what, fr_tensor_copy(p->what, t));
}

static bool fill_call(pass *p, fr_pending *e, fr_op_call *call, fr_tensor **in, fr_tensor **grad_out, bool kernel)
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

static bool run_kernel(pass *p, fr_node *node, fr_op_call *call)
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

/* Backward of an op that has a definition: differentiates that. Its inputs stand in as views (or, where no graph leads
 * to them, as leaves) of their own, so that each gets its own part although one may have been made from another. */
static bool run_definition(const char *what, int flags, fr_op_call *call, fr_tensor **in, fr_tensor **scratch)
{
    fr_thread *th = fr_thread_self();
    bool create = flags & FR_CREATE_GRAPH, before = th->no_grad;
    fr_tensor **xs = scratch, **dxs = xs + call->inputs, **ys = dxs + call->inputs, **dys = ys + call->outputs;
    int n = 0, count = 0;
    fr_op_call inner = *call;
    bool ok = true;

    th->no_grad = false;
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
    }
    for (int i = 0; i < call->outputs && ok; i++) {
        if (!inner.result[i] || !call->grad_out[i] || !fr_tracked(inner.result[i]))
            continue;
        ys[count] = inner.result[i];
        dys[count++] = call->grad_out[i];
    }
    ok = ok && fr_gradients_of_many(what, ys, dys, count, xs, n, dxs, create ? FR_CREATE_GRAPH : 0);
    th->no_grad = before;
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
static bool deliver(pass *p, fr_node *node, const fr_op_call *call)
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
                           fr_shape_text(&call->in_shape[i], expected), fr_dtype_name((fr_dtype)e->kept.dtype)),
                   false;
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

static bool run_in_room(pass *p, fr_pending *e, char *room)
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
static bool start_from(pass *p, fr_tensor *y, fr_tensor *gradient)
{
    fr_start *s = fr_alloc(sizeof *s);

    if (!s)
        return fr_fail_memory(p->what), false;
    *s = (fr_start){ .next = p->starts, .node = fr_node_of(y), .leaf = y->producer ? NULL : fr_ref(y) };
    if (s->node)
        atomic_fetch_add_explicit(&s->node->producer.refs, 1, memory_order_relaxed);
    p->starts = s;
    return arrive(p, s->node, s->leaf, y->output, gradient, false);
}

/* The gradient goes on into what the checkpoint's function records now: those nodes are newer than all that wait, so
 * they come next, in order, and lead to what the checkpoint was made from. */
static bool run_checkpoint(pass *p, fr_pending *e)
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
        return fr_fail_memory(p->what), false;
    return start_from(p, y, e->slot[0].grad);
}

static bool run_node(pass *p, fr_pending *e)
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
                       node->op->name),
               false;
    if (room > sizeof few && !(space = fr_alloc(room)))
        return fr_fail_memory(p->what), false;
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
static bool call_hook(pass *p, fr_hook *hook, fr_pending *e)
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
                       fr_dtype_name((fr_dtype)(*slot)->dtype)),
               false;
    }
    if (other) {
        fr_assign(slot, other);
        e->slot[hook->output].own = false;
    }
    return true;
}

/* Hooks may take themselves and others off, and put new ones on. */
static bool call_hooks(pass *p, fr_pending *e)
{
    fr_hook **list = e->node ? &e->node->hooks : &e->leaf->hooks;
    bool ok = true;

    for (fr_hook *h = *list; h && ok; h = h->next)
        if (h->call && e->slot[h->output].grad)
            ok = call_hook(p, h, e);
    fr_hooks_sweep(list);
    return ok;
}

static void capture(pass *p, const fr_pending *e)
{
    for (int i = 0; i < p->xs.n; i++) {
        const fr_tensor *x = p->xs.tensors[i];

        if (e->leaf ? x == e->leaf : x->producer && fr_node_of(x) == e->node)
            fr_assign(&p->out[i], e->slot[e->leaf ? 0 : x->output].grad);
    }
}

/* Makes what arrived at a leaf contiguous storage of its own: as it is where nothing else holds it, else a copy. */
static bool own_gradient(pass *p, fr_pending *e)
{
    fr_tensor *g = e->slot[0].grad, *copy;

    if (FR_UNLIKELY(p->th->level && g->tangents))
        return fr_fail(p->what, "inside fr_jvp a leaf would accumulate the gradient without its tangent: take "
                                "fr_gradients"),
               false;
    if (g->contiguous && g->refs == 1 && g->storage->refs == 1 && g->storage->block && !fr_tracked(g))
        return true;
    copy = fr_tensor_copy(p->what, g);
    if (copy) {
        fr_unref(g);
        e->slot[0].grad = copy;
    }
    return copy != NULL;
}

static bool process(pass *p, fr_pending *e)
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

/* Frees what the pass still has; false. */
static bool finish(pass *p)
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
    return false;
}

/* Leaves get their gradients when all are there, so that a pass that fails leaves none changed. */
static bool walk(pass *p)
{
    fr_thread *th = p->th;
    fr_pending *leaves = NULL, *next;
    bool no_grad = th->no_grad, ok = true;

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

/* --- The public functions ---------------------------------------------------------------------------------------- */

/* gradient, or ones for a scalar, checked against y; one reference, or NULL with an error. */
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

static bool start(pass *p, fr_tensor *y, fr_tensor *gradient)
{
    int scope = fr_scope_begin();
    fr_tensor *g = scope < 0 ? NULL : seed(p->what, y, gradient);
    bool ok = g && start_from(p, y, g);

    fr_scope_end(scope);
    fr_unref(g);
    return ok;
}

static bool backward(fr_thread *th, fr_tensor *t, fr_tensor *gradient, int flags)
{
    pass p = { .what = "backward", .th = th, .flags = flags };
    bool ok;

    if (!fr_check_not_null(p.what, t, "tensor"))
        return false;
    if (flags & ~FR_RETAIN_GRAPH)
        return fr_fail(p.what, "flags %d: only FR_RETAIN_GRAPH is for backward; use fr_gradients for FR_CREATE_GRAPH",
                       flags),
               false;
    if (!fr_tracked(t) && (gradient || t->numel == 1))
        return fr_fail(p.what, "the tensor wants no gradient: nothing it was made from was marked with "
                               "fr_requires_grad, or it was made under FR_NO_GRAD"),
               false;
    fr_growth_step(th);
    ok = start(&p, t, gradient);
    return ok ? walk(&p) : finish(&p);
}

bool fr_backward_observed(const char *what, fr_tensor *t, const fr_observer *observer)
{
    pass p = { .what = what, .th = fr_thread_self(), .flags = FR_RETAIN_GRAPH, .observer = observer };
    int scope = fr_scope_begin();
    bool ok = scope >= 0 && start(&p, t, fr_ones_like(t));

    ok = ok ? walk(&p) : finish(&p);
    fr_scope_end(scope);
    return ok;
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

/* What the pass captured, or zeros, held by the open scope; with an error all NULL. */
static bool hand_out(pass *p, bool ok)
{
    for (int i = 0; i < p->xs.n; i++) {
        fr_tensor *g = p->out[i];

        if (ok && g && p->flags & FR_CREATE_GRAPH) {
            g = fr_hold(p->what, g); /* with its history, for the next derivative */
        } else if (ok && g) {
            g = fr_hold(p->what, fr_tensor_share(p->what, g, &g->shape, g->stride, 0));
            g = fr_tangents_share(p->what, g, p->out[i]);
            fr_unref(p->out[i]);
        } else if (ok) {
            g = fr_zeros_like(p->xs.tensors[i]);
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
    pass p = { .what = what,
               .th = fr_thread_self(),
               .flags = flags,
               .xs = { .tensors = xs, .n = n },
               .out = out,
               .selective = true };
    bool ok = true;

    for (int i = 0; i < n; i++)
        out[i] = NULL;
    for (int i = 0; i < n && ok; i++) {
        ok = fr_check_not_null(what, xs[i], "an x");
        if (ok && !fr_tracked(xs[i]))
            ok = fr_fail(what, "x %d wants no gradient: mark it with fr_requires_grad", i) != NULL;
    }
    if (flags & ~(FR_RETAIN_GRAPH | FR_CREATE_GRAPH))
        ok = fr_fail(what, "flags %d: expected FR_RETAIN_GRAPH, FR_CREATE_GRAPH", flags) != NULL;
    ok = ok && (fr_targets_find(&p.xs, ys, count) || fr_fail_memory(what));
    for (int i = 0; i < count && ok; i++)
        ok = start(&p, ys[i], dys[i]);
    ok = ok ? walk(&p) : finish(&p);
    return hand_out(&p, ok);
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
    else if (!fr_check_not_null(what, y, "y"))
        ok = false;
    else if (!fr_tracked(y) && (dy || y->numel == 1))
        fr_fail(what, "y wants no gradient: nothing it was made from was marked with fr_requires_grad");
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
