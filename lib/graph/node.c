/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Recorded nodes: what a call leaves behind for backward, and how it is freed. */
#include "graph/growth.h"

#include <stdlib.h>

static bool saves(const fr_op *op, unsigned mask, unsigned other, int i)
{
    if (mask == 0 && other == 0)
        return fr_op_has_backward(op);
    return i < 31 && (mask & 1U << i);
}

/* Frees without recursion: nodes whose last reference goes while another is being freed wait in a list. So do errors of
 * the release functions that this may run. */
static void release(fr_producer *producer)
{
    fr_thread *th = fr_thread_self();
    fr_node *node = (fr_node *)producer;

    node->next_dying = th->dying;
    th->dying = node;
    if (th->freeing)
        return;
    fr_defer_errors(th);
    th->freeing = true;
    while ((node = th->dying)) {
        th->dying = node->next_dying;
        fr_node_release_saved(node);
        for (int i = 0; i < node->inputs; i++) {
            fr_unref(node->edges[i].leaf);
            if (node->edges[i].node)
                fr_node_unref(node->edges[i].node);
        }
        fr_hooks_free(node->hooks);
        free(node->path);
        fr_growth_freed(th, node);
        fr_free(node, node->bytes);
    }
    th->freeing = false;
    fr_report_errors(th);
}

void fr_node_unref(fr_node *node)
{
    if (fr_drop(&node->producer.refs))
        release(&node->producer);
}

void fr_node_release_saved(fr_node *node)
{
    if (node->released)
        return;
    for (int i = 0; i < node->inputs; i++)
        fr_assign(&node->edges[i].saved, NULL);
    for (int i = 0; i < node->outputs; i++)
        fr_assign(&node->results[i].saved, NULL);
    node->released = true;
}

static unsigned version_of(const fr_tensor *t)
{
    return atomic_load_explicit(&t->storage->version, memory_order_relaxed);
}

static void set_edge(fr_thread *th, fr_node *node, int i, fr_tensor *t)
{
    const fr_op *op = node->op;
    fr_edge *edge = &node->edges[i];

    *edge = (fr_edge){ .shape = { .ndim = -1 } };
    if (!t)
        return;
    edge->shape = t->shape;
    edge->dtype = (fr_dtype)t->dtype;
    if (t->producer) {
        edge->node = fr_node_of(t);
        edge->output = t->output;
        atomic_fetch_add_explicit(&t->producer->refs, 1, memory_order_relaxed);
        if (edge->node->number > th->clock)
            th->clock = edge->node->number;
    } else if (t->requires_grad) {
        edge->leaf = fr_ref(t);
    }
    if (saves(op, op->saves_inputs, op->saves_outputs, i)) {
        node->saved = true;
        edge->saved = fr_ref(t);
        edge->version = version_of(t);
    }
}

static bool set_results(fr_node *node, const fr_op_call *call)
{
    const fr_op *op = node->op;

    for (int i = 0; i < node->outputs; i++) {
        fr_tensor *t = call->result[i];
        fr_node_output *r = &node->results[i];

        *r = (fr_node_output){ .shape = t->shape, .dtype = (fr_dtype)t->dtype };
        if (saves(op, op->saves_outputs, op->saves_inputs, i)) {
            r->saved = fr_tensor_share(op->name, t, &t->shape, t->stride, 0);
            if (!r->saved)
                return false;
            node->saved = true;
            r->version = version_of(t);
        }
    }
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

static bool note_path(fr_thread *th, fr_node *node)
{
    char text[FR_PATH_TEXT];

    if (FR_LIKELY(!th->anomaly))
        return true;
    node->path = strdup(fr_running_path(th, text));
    return node->path || fr_fail_memory(node->op->name);
}

static size_t aligned(size_t bytes)
{
    return (bytes + 15) / 16 * 16;
}

bool fr_node_record(fr_thread *th, const fr_op_call *call)
{
    const fr_op *op = call->op;
    size_t edges_at = aligned(sizeof(fr_node));
    size_t results_at = edges_at + aligned((size_t)call->inputs * sizeof(fr_edge));
    size_t attributes_at = results_at + aligned((size_t)call->outputs * sizeof(fr_node_output));
    size_t bytes = attributes_at + op->attributes_size;
    fr_node *node = fr_alloc(bytes);

    if (!node)
        return fr_fail_memory(op->name), false;
    *node = (fr_node){
        .producer = { .refs = 1, .name = op->name, .release = release },
        .op = op,
        .site = th->site,
        .inputs = call->inputs,
        .outputs = call->outputs,
        .bytes = bytes,
        .edges = (fr_edge *)((char *)node + edges_at),
        .results = (fr_node_output *)((char *)node + results_at),
        .attributes = op->attributes_size ? (char *)node + attributes_at : NULL,
    };
    if (op->attributes_size)
        memcpy(node->attributes, call->attributes, op->attributes_size);
    memset(node->results, 0, (size_t)call->outputs * sizeof *node->results);
    for (int i = 0; i < call->inputs; i++)
        set_edge(th, node, i, call->in[i]);
    node->number = ++th->clock;
    fr_growth_recorded(th, node);
    if (!set_results(node, call) || !note_path(th, node)) {
        fr_node_unref(node);
        return false;
    }
    for (int i = 0; i < call->outputs; i++) {
        fr_tensor *t = call->result[i];

        if (t->dtype == FR_I64)
            continue;
        t->producer = &node->producer;
        t->output = i;
        atomic_fetch_add_explicit(&node->producer.refs, 1, memory_order_relaxed);
    }
    fr_node_unref(node);
    return true;
}
