/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The values of a recorded graph. It keeps those alone that backward reads. The others are computed again from them, op
 * by op, in the order in which they were recorded. */
#include "graph/values.h"

#include "core/writer.h"

#include <stdlib.h>

static fr_tensor **slot(const fr_values *v, const fr_node *node, int output)
{
    size_t index = fr_history_index(v->history, node);

    return index < v->history->node_count ? &v->all[v->first[index] + (size_t)output] : NULL;
}

fr_tensor *fr_value_of_output(const fr_values *v, const fr_node *node, int output)
{
    fr_tensor **at = slot(v, node, output);

    return at ? *at : NULL;
}

fr_tensor *fr_value_of_input(const fr_values *v, const fr_edge *e)
{
    fr_tensor *held = fr_if_unchanged(e->leaf ? e->leaf : e->saved, &e->meta);

    if (held || e->leaf)
        return held;
    return e->node ? fr_value_of_output(v, e->node, e->output) : fr_table_find(&v->scalars, e);
}

static void keep(fr_values *v, const fr_node *node, int output, fr_tensor *value)
{
    fr_tensor **at = slot(v, node, output);

    if (value && !*at)
        *at = fr_ref(value);
}

/* Takes what the nodes have saved: of their outputs, and of their inputs, which other nodes made. */
static void take_saved(fr_values *v)
{
    fr_tensor *t = (fr_tensor *)v->history->t;

    for (size_t i = 0; i < v->history->node_count; i++) {
        const fr_node *node = v->history->nodes[i];

        for (int k = 0; k < node->outputs; k++)
            keep(v, node, k, fr_if_unchanged(node->results[k].saved, &node->results[k].meta));
        for (int k = 0; k < node->inputs; k++)
            if (node->edges[k].node)
                keep(v, node->edges[k].node, node->edges[k].output,
                     fr_if_unchanged(node->edges[k].saved, &node->edges[k].meta));
    }
    if (t->producer)
        keep(v, fr_node_of(t), t->output, fr_if_unchanged(t, &fr_node_of(t)->results[t->output].meta));
}

/* Makes tensors of the node's constants that are scalars, which it knows without saving them. */
static bool make_scalars(const char *what, fr_values *v, const fr_node *node)
{
    int scope = fr_scope_begin();
    bool ok = scope >= 0;

    for (int i = 0; i < node->inputs && ok; i++) {
        const fr_edge *e = &node->edges[i];
        fr_tensor *t;

        if (e->node || e->leaf || e->saved || e->meta.ndim != 0 || e->meta.dtype == FR_I64)
            continue;
        t = fr_full_of((fr_shape){ 0 }, e->meta.scalar, (fr_dtype)e->meta.dtype);
        ok = t && (fr_table_put(&v->scalars, e, t) || fr_fail_memory(what));
        if (ok)
            fr_ref(t);
    }
    fr_scope_end(scope);
    return ok;
}

/* Runs the node's op again if all that it reads is known. arrays: room for its inputs and outputs. */
static bool compute(fr_values *v, const fr_node *node, fr_tensor **arrays)
{
    fr_tensor **in = arrays, **out = arrays + node->inputs;

    for (int i = 0; i < node->inputs; i++) {
        in[i] = fr_value_of_input(v, &node->edges[i]);
        if (!in[i] && node->edges[i].meta.ndim >= 0)
            return true;
    }
    if (!fr_apply_n(node->op, in, node->inputs, node->attributes, out))
        return false;
    for (int i = 0; i < node->outputs; i++)
        keep(v, node, i, out[i]);
    return true;
}

static bool compute_missing(const char *what, fr_values *v, const fr_node *node)
{
    bool missing = false;
    fr_tensor **arrays;
    int scope;
    bool ok;

    for (int i = 0; i < node->outputs - node->op->internal; i++)
        missing = missing || !fr_value_of_output(v, node, i);
    if (!missing || !fr_op_is_known(node->op))
        return true;
    arrays = calloc((size_t)(node->inputs + node->outputs), sizeof(fr_tensor *));
    scope = fr_scope_begin();
    ok = (arrays && scope >= 0) || fr_fail_memory(what);
    ok = ok && compute(v, node, arrays);
    fr_scope_end(scope);
    free(arrays);
    return ok;
}

bool fr_values_find(const char *what, fr_values *v, const fr_history *h)
{
    fr_thread *th = fr_thread_self();
    bool no_grad = th->mode.no_grad, in_backward = th->mode.in_backward, ok = true;
    size_t count = 0;

    *v = (fr_values){ .history = h, .first = calloc(h->node_count + 1, sizeof *v->first) };
    for (size_t i = 0; v->first && i < h->node_count; i++) {
        v->first[i] = count;
        count += (size_t)h->nodes[i]->outputs;
    }
    if (v->first)
        v->first[h->node_count] = count;
    v->all = calloc(count + 1, sizeof(fr_tensor *));
    if (!v->first || !v->all)
        return fr_fail_memory(what);
    take_saved(v);
    th->mode.no_grad = th->mode.in_backward = true; /* nothing is recorded, looked at, or replaced */
    for (size_t i = 0; h->node_count <= FR_VALUES_MAX_NODES && i < h->node_count && ok; i++)
        ok = make_scalars(what, v, h->nodes[i]) && compute_missing(what, v, h->nodes[i]);
    th->mode.no_grad = no_grad;
    th->mode.in_backward = in_backward;
    return ok;
}

void fr_values_free(fr_values *v)
{
    for (size_t i = 0; v->first && v->all && i < v->first[v->history->node_count]; i++)
        fr_unref(v->all[i]);
    for (size_t i = 0; i < v->scalars.capacity; i++)
        if (v->scalars.slots[i].key)
            fr_unref(v->scalars.slots[i].value);
    fr_table_free(&v->scalars);
    free(v->all);
    free(v->first);
}

const char *fr_values_text(const fr_tensor *t, char *text, size_t size)
{
    int dims = t->shape.ndim;
    size_t used = 0;

    text[0] = '\0';
    for (int64_t i = 0; i < t->numel; i++) {
        int64_t inner = 1;
        int open = 0, close = 0; /* the brackets that begin before value i and end after it */

        for (int d = dims; d-- > 0; inner *= t->shape.dim[d]) {
            open += i % (inner * t->shape.dim[d]) == 0;
            close += (i + 1) % (inner * t->shape.dim[d]) == 0;
        }
        fr_append(text, size, &used, "%s%.*s%.5g%.*s", i ? ", " : "", open, "[[[[[[[[", fr_plain(fr_at(t, i)), close,
                  "]]]]]]]]");
    }
    if (t->numel == 0)
        fr_append(text, size, &used, "[]");
    return text;
}
