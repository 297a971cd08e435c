/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Recorded nodes: how a call becomes one, and how it is freed. */
#include "graph/trace.h"

/* True if op's backward reads input i (mask: saves_inputs) or output i (mask: saves_outputs). If the op names nothing
 * in either mask (other: the other one), backward reads everything. */
static bool saves(const fr_op *op, unsigned mask, unsigned other, int i)
{
    if (mask == 0 && other == 0)
        return fr_op_has_backward(op);
    return i < 31 && (mask & 1U << i);
}

/* --- Freeing ----------------------------------------------------------------------------------------------------- */

/* Called when the last reference to a node goes. Freeing a node may drop the last reference to those it was made from,
 * so this is called again from within; such nodes are put in a list instead, and the outermost call frees them. So the
 * stack does not grow with the graph. Errors of release functions wait until the end. */
static void release(fr_producer *producer)
{
    fr_thread *th = fr_thread_self();
    fr_node *node = (fr_node *)producer;

    node->next_dying = th->graph->dying;
    th->graph->dying = node;
    if (th->graph->freeing)
        return;
    fr_defer_errors(th);
    th->graph->freeing = true;
    while ((node = th->graph->dying)) {
        th->graph->dying = node->next_dying;
        fr_node_release_saved(node);
        for (int i = 0; i < node->inputs; i++) {
            fr_unref(node->edges[i].leaf);
            if (node->edges[i].node)
                fr_node_unref(node->edges[i].node);
        }
        fr_hooks_free(node->hooks);
        if (node->holds_module_path)
            fr_module_path_unref(node->module_path);
        fr_growth_freed(&th->graph->growth, node);
        fr_free(node, node->bytes);
    }
    th->graph->freeing = false;
    fr_report_errors(th);
}

void fr_node_unref(fr_node *node)
{
    if (fr_refcount_drop(&node->producer.refs))
        release(&node->producer);
}

void fr_node_release_saved(fr_node *node)
{
    if (node->released)
        return;
    node->released = true;
    for (int i = 0; node->saved && i < node->inputs; i++) {
        fr_edge *edge = &node->edges[i];
        fr_tensor *saved = edge->saved;

        edge->saved = NULL;
        if (saved != edge->leaf)
            fr_unref(saved);
    }
    for (int i = 0; node->saved && i < node->outputs; i++)
        fr_assign(&node->results[i].saved, NULL);
}

/* --- Recording --------------------------------------------------------------------------------------------------- */

static size_t aligned(size_t bytes)
{
    return (bytes + 15) / 16 * 16;
}

/* The node of a call, with room for all that belongs to it in one block. *dims: where the sizes of its inputs and
 * outputs are to be written. */
static fr_node *node_alloc(const fr_op_call *call, int64_t **dims)
{
    size_t results_at = sizeof(fr_node) + (size_t)call->inputs * sizeof(fr_edge);
    size_t dims_at = results_at + (size_t)call->outputs * sizeof(fr_node_output), ndims = 0;

    for (int i = 0; i < call->inputs; i++)
        ndims += call->in[i] ? (size_t)call->in[i]->shape.ndim : 0;
    for (int i = 0; i < call->outputs; i++)
        ndims += (size_t)call->result[i]->shape.ndim;

    size_t attributes_at = aligned(dims_at + ndims * sizeof **dims);
    size_t bytes = attributes_at + call->op->attributes_size;
    fr_node *node = bytes <= UINT32_MAX ? fr_alloc(bytes) : NULL;

    if (!node)
        return fr_fail_memory(call->op->name);
    *dims = (int64_t *)(void *)((char *)node + dims_at);
    *node = (fr_node){
        .producer = { .refs = 1, .name = call->op->name, .release = release },
        .op = call->op,
        .inputs = call->inputs,
        .outputs = call->outputs,
        .bytes = (uint32_t)bytes,
        .results = (fr_node_output *)(void *)((char *)node + results_at),
        .attributes = call->op->attributes_size ? (char *)node + attributes_at : NULL,
    };
    return node;
}

/* The sizes of t are written at *dims, which moves on. */
static fr_metadata metadata_of(const fr_tensor *t, int64_t **dims)
{
    fr_metadata m = {
        .dim = *dims, .version = fr_storage_version(t), .ndim = (int8_t)t->shape.ndim, .dtype = t->dtype
    };

    for (int i = 0; i < t->shape.ndim; i++)
        *(*dims)++ = t->shape.dim[i];
    return m;
}

/* Makes edge i lead to what made t, the input. */
static void set_edge(fr_thread *th, fr_node *node, int i, fr_tensor *t, int64_t **dims)
{
    const fr_op *op = node->op;
    fr_edge *edge = &node->edges[i];

    *edge = (fr_edge){ .meta.ndim = -1 };
    if (!t)
        return;
    edge->meta = metadata_of(t, dims);
    if (t->producer) {
        edge->node = fr_node_of(t);
        edge->output = t->output;
        fr_refcount_add(&t->producer->refs);
        if (edge->node->number > th->graph->clock)
            th->graph->clock = edge->node->number;
    } else if (t->requires_grad) {
        edge->leaf = fr_ref(t);
    } else if (t->shape.ndim == 0 && t->dtype != FR_I64) {
        edge->meta.scalar = fr_value_at(t, 0);
    }
    if (saves(op, op->saves_inputs, op->saves_outputs, i)) {
        node->saved = true;
        edge->saved = edge->leaf ? t : fr_ref(t);
    }
}

/* Most ops of a module read the result of another op of it. Their node keeps that op's node anyway, which holds the
 * path, so it needs no reference of its own; that saves an atomic addition. */
static void set_module_path(fr_node *node, fr_module_path *path)
{
    node->module_path = path;
    for (int i = 0; i < node->inputs; i++)
        if (node->edges[i].node && node->edges[i].node->module_path == path)
            return;
    node->holds_module_path = true;
    fr_module_path_ref(path);
}

/* Saves what backward reads of the results; false: out of memory. */
static bool set_results(fr_thread *th, fr_node *node, const fr_op_call *call, int64_t **dims)
{
    const fr_op *op = node->op;
    bool ok = true;

    for (int i = 0; i < node->outputs; i++) {
        fr_tensor *t = call->result[i];
        fr_node_output *r = &node->results[i];

        *r = (fr_node_output){ .meta = metadata_of(t, dims) };
        if (saves(op, op->saves_outputs, op->saves_inputs, i)) {
            r->saved = ok ? fr_tensor_share(op->name, t, &t->shape, t->stride, 0) : NULL;
            ok = r->saved != NULL;
            node->saved = true;
            if (FR_UNLIKELY(th->trace != NULL) && ok)
                fr_trace_saved(th, r->saved, t);
        }
    }
    return ok;
}

/* Makes the node the history of the results; each of them holds a reference to it. */
static void set_producer(fr_node *node, const fr_op_call *call)
{
    int holders = 0;

    for (int i = 0; i < call->outputs; i++) {
        fr_tensor *t = call->result[i];

        if (t->dtype == FR_I64)
            continue;
        t->producer = &node->producer;
        t->output = (uint16_t)i;
        holders++;
    }
    if (holders)
        atomic_store_explicit(&node->producer.refs, holders, memory_order_relaxed); /* nobody else knows it yet */
    else
        fr_node_unref(node);
}

bool fr_node_record(fr_thread *th, const fr_op_call *call)
{
    int64_t *dims = NULL;
    fr_node *node = node_alloc(call, &dims);

    if (!node)
        return false;
    node->site = th->sites.current;
    if (node->attributes)
        memcpy(node->attributes, call->attributes, call->op->attributes_size);
    for (int i = 0; i < call->inputs; i++)
        set_edge(th, node, i, call->in[i], &dims);
    node->number = ++th->graph->clock;
    fr_growth_recorded(&th->graph->growth, node);
    if (th->module_path)
        set_module_path(node, th->module_path);
    if (!set_results(th, node, call, &dims)) {
        fr_node_unref(node);
        return false;
    }
    set_producer(node, call);
    return true;
}

bool fr_node_share_tangents(fr_node *node, const fr_op_call *call)
{
    for (int i = 0; i < node->outputs; i++) {
        fr_tensor *saved = node->results[i].saved;

        if (saved && !fr_tangents_share(node->op->name, saved, call->result[i]))
            return false;
    }
    return true;
}
