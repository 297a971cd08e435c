/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Finds the values of a graph's results. A node saves only what its op's backward reads, so that the sum in tanh(w x +
 * b) is nowhere; but w, x and b are there, and a forward gives the same bits each time. */
#include "graph/known_values.h"

#include "core/random.h"
#include "graph/checkpoint.h"

#include <string.h>

const fr_tensor *fr_known_result(const fr_known_values *v, const fr_node *node, int output)
{
    return fr_table_find(&v->results, &node->results[output]);
}

const fr_tensor *fr_known_value(const fr_known_values *v, const fr_edge *e)
{
    const fr_tensor *kept = fr_picture_value(e);

    return kept || !e->node ? kept : fr_known_result(v, e->node, e->output);
}

static bool note(fr_known_values *v, const fr_node *node, int output, const fr_tensor *value)
{
    const fr_node_output *key = &node->results[output];

    return !value || fr_table_find(&v->results, key) || fr_table_put(&v->results, key, (void *)value);
}

/* What is kept: by the node itself, by the nodes that read the result, and by the caller. */
static bool note_kept(const fr_picture *p, fr_known_values *v)
{
    const fr_tensor *t = p->history.t;
    bool ok = !t->producer || note(v, fr_node_of(t), t->output, t);

    for (size_t i = p->first; ok && i < p->history.node_count; i++) {
        const fr_node *node = p->history.nodes[i];

        for (int k = 0; ok && k < node->outputs; k++)
            ok = note(v, node, k, fr_picture_result(node, k));
        for (int k = 0; ok && k < node->inputs; k++)
            ok = !node->edges[k].node ||
                 note(v, node->edges[k].node, node->edges[k].output, fr_picture_value(&node->edges[k]));
    }
    return ok;
}

/* True if all results that are handed out are known. */
static bool is_known(const fr_known_values *v, const fr_node *node)
{
    for (int k = 0; k < node->outputs - node->op->internal; k++)
        if (!fr_known_result(v, node, k))
            return false;
    return true;
}

/* Sets in[] to the node's inputs; false: not all are known. */
static bool find_inputs(const fr_known_values *v, const fr_node *node, fr_tensor **in)
{
    for (int k = 0; k < node->inputs; k++) {
        in[k] = (fr_tensor *)fr_known_value(v, &node->edges[k]);
        if (!in[k] && node->edges[k].meta.ndim >= 0)
            return false;
    }
    return true;
}

static bool drew(const fr_generator *before, const fr_generator *after)
{
    return before->next != after->next || before->has_normal != after->has_normal ||
           memcmp(before->state, after->state, sizeof before->state) != 0;
}

/* Runs the op's forward on in[]. Results that come of random numbers, drawn anew, are none, and the generator is put
 * back. */
static bool run_again(fr_known_values *v, const fr_node *node, fr_tensor *const *in, fr_tensor **out)
{
    fr_generator before, after;

    fr_generator_save(&before);
    if (!fr_apply_n(node->op, in, node->inputs, node->attributes, out))
        return false;
    fr_generator_save(&after);
    if (drew(&before, &after)) {
        fr_generator_restore(&before);
        return true;
    }
    for (int k = 0; k < node->outputs - node->op->internal; k++)
        if (!note(v, node, k, out[k]))
            return fr_fail_memory(node->op->name);
    return true;
}

static bool compute(fr_known_values *v, const fr_node *node)
{
    size_t bytes = (size_t)(node->inputs + node->outputs) * sizeof(fr_tensor *);
    fr_tensor **in;
    bool ok;

    if (node->op == &fr_checkpoint_op)
        return true;
    in = fr_alloc(bytes);
    if (!in)
        return fr_fail_memory(node->op->name);
    ok = !find_inputs(v, node, in) || run_again(v, node, in, in + node->inputs);
    fr_free(in, bytes);
    return ok;
}

bool fr_known_values_find(const fr_picture *p, fr_known_values *v)
{
    fr_thread *th = fr_thread_self();
    fr_grad_mode before = th->mode;
    bool ok = note_kept(p, v) || fr_fail_memory("explain");

    th->mode.no_grad = true;
    th->mode.in_backward = true; /* like a backward's, these ops are nobody's mistake */
    for (size_t i = p->first; ok && i < p->history.node_count; i++)
        ok = is_known(v, p->history.nodes[i]) || compute(v, p->history.nodes[i]);
    th->mode = before;
    return ok;
}

void fr_known_values_free(fr_known_values *v)
{
    fr_table_free(&v->results);
}
