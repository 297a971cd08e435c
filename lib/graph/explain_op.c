/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One op by itself, for explanations: on its values, made leaves, it runs once more and is differentiated. So come the
 * derivatives of its result, and the parts that its definition is made of. */
#include "graph/explain.h"

#include <stdlib.h>

enum { DEEPEST = 3 }; /* definitions inside definitions */

static bool knows_inputs(const fr_explainer *x, const fr_node *node)
{
    for (int i = 0; i < node->inputs; i++)
        if (node->edges[i].meta.ndim >= 0 && !fr_value_of_input(&x->values, &node->edges[i]))
            return false;
    return true;
}

/* The inputs of node, which are known, as leaves where their gradient is wanted. False with an error. */
static bool take_inputs(const fr_explainer *x, const fr_node *node, fr_tensor *const *wanted, fr_tensor **in)
{
    for (int i = 0; i < node->inputs; i++) {
        if (node->edges[i].meta.ndim < 0)
            continue;
        in[i] = fr_detach(fr_value_of_input(&x->values, &node->edges[i]));
        if (in[i] && wanted[i])
            in[i] = fr_requires_grad(in[i]);
        if (!in[i])
            return false;
    }
    return true;
}

/* --- Its derivatives ---------------------------------------------------------------------------------------------- */

/* True if the derivative by input i is told: the op is pointwise, or input and result are one number each; no value of
 * the input was repeated, and they are few. */
static bool has_local(const fr_node *node, fr_tensor *const *grad_in, int i)
{
    const fr_tensor *g = grad_in[i];
    fr_shape shape;

    fr_metadata_shape(&node->results[0].meta, &shape);
    return g && node->outputs - node->op->internal == 1 && fr_shape_numel(&shape) == g->numel &&
           g->numel <= FR_EXPLAIN_FEW && (g->numel == 1 || fr_explain_is_pointwise(node->op));
}

/* Differentiates the sum of the op's result: for a pointwise op that gives the derivative of each element. */
static bool differentiate(const fr_explainer *x, const fr_node *node, fr_tensor *const *grad_in, fr_tensor **in,
                          fr_tensor **out, fr_tensor **d)
{
    fr_tensor *ones;

    if (!take_inputs(x, node, grad_in, in) || !fr_apply_n(node->op, in, node->inputs, node->attributes, out) ||
        !(ones = fr_ones_like(out[0])))
        return false;
    for (int i = 0; i < node->inputs; i++)
        if (has_local(node, grad_in, i) &&
            !fr_gradients_of_many(x->what, out, &ones, 1, &in[i], 1, &d[i], FR_RETAIN_GRAPH))
            return false;
    return true;
}

/* Without running the op again: of one number, what was sent divided by what had arrived, unless that is 0. */
static bool divide(const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in, fr_tensor **d)
{
    bool ok = true;

    for (int i = 0; i < node->inputs && ok; i++)
        if (has_local(node, grad_in, i) && grad_in[i]->numel == 1 && grad_out[0] && fr_at(grad_out[0], 0) != 0) {
            d[i] = fr_full_of(grad_in[i]->shape, fr_at(grad_in[i], 0) / fr_at(grad_out[0], 0),
                              (fr_dtype)grad_in[i]->dtype);
            ok = d[i] != NULL;
        }
    return ok;
}

bool fr_explain_local(fr_explainer *x, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in,
                      fr_tensor **d)
{
    fr_thread *th = fr_thread_self();
    bool no_grad = th->mode.no_grad, in_backward = th->mode.in_backward, any = false, ok = true;
    fr_tensor **arrays;

    for (int i = 0; i < node->inputs; i++)
        any = any || has_local(node, grad_in, i);
    if (!any)
        return true;
    if (!fr_op_is_known(node->op) || !knows_inputs(x, node))
        return divide(node, grad_out, grad_in, d);
    arrays = calloc((size_t)(node->inputs + node->outputs), sizeof(fr_tensor *));
    if (!arrays)
        return fr_fail_memory(x->what);
    th->mode.no_grad = false;
    th->mode.in_backward = true;
    ok = differentiate(x, node, grad_in, arrays, arrays + node->inputs, d);
    th->mode.no_grad = no_grad;
    th->mode.in_backward = in_backward;
    free(arrays);
    return ok;
}

/* --- Its definition ----------------------------------------------------------------------------------------------- */

/* All that one definition needs. */
typedef struct {
    fr_op_call call;
    fr_tensor **in, **out, **roots, **gradients;
    char (*names)[FR_EXPLAIN_NAME];
    fr_explainer inner;
    char prefix[FR_EXPLAIN_NAME];
    int count; /* of roots */
} definition;

static bool name_inputs(const fr_explainer *x, const fr_node *node, definition *d)
{
    for (int i = 0; i < node->inputs; i++) {
        if (!d->in[i])
            continue;
        fr_explain_input_name(x, &node->edges[i], d->names[i]);
        if (!fr_table_put(&d->inner.names, d->in[i], d->names[i]))
            return false;
    }
    return true;
}

static void put_heading(fr_explainer *x, const fr_node *node, definition *d)
{
    char name[FR_EXPLAIN_NAME];

    fr_explain_indent(&d->inner, 0);
    fr_put(&d->inner.w, "%s in smaller ops, of %s:\n", fr_explain_node_name(x, node, 0, name), node->op->name);
}

/* Runs the definition and explains what it makes. */
static bool run(fr_explainer *x, const fr_node *node, fr_tensor *const *grad_out, definition *d)
{
    fr_thread *th = fr_thread_self();
    bool no_grad = th->mode.no_grad, in_backward = th->mode.in_backward;

    th->mode.no_grad = false;
    th->mode.in_backward = true;
    node->op->definition(&d->call);
    th->mode.no_grad = no_grad;
    th->mode.in_backward = in_backward;
    if (d->call.failed)
        return false;
    for (int i = 0; i < node->outputs; i++)
        if (d->out[i] && grad_out[i] && fr_tracked(d->out[i])) {
            d->roots[d->count] = d->out[i];
            d->gradients[d->count++] = grad_out[i];
        }
    if (d->count == 0)
        return true;
    put_heading(x, node, d);
    return fr_explain_graph(&d->inner, d->roots, d->gradients, d->count);
}

static bool prepare(fr_explainer *x, const fr_node *node, definition *d)
{
    size_t n = (size_t)node->inputs, m = (size_t)node->outputs;

    d->in = calloc(n + 3 * m, sizeof(fr_tensor *));
    d->names = calloc(n, sizeof *d->names);
    if (!d->in || !d->names)
        return fr_fail_memory(x->what);
    d->out = d->in + n;
    d->roots = d->out + m;
    d->gradients = d->roots + m;
    d->call = (fr_op_call){ .op = node->op,
                            .attributes = node->attributes,
                            .inputs = node->inputs,
                            .outputs = node->outputs,
                            .in = d->in,
                            .result = d->out };
    snprintf(d->prefix, sizeof d->prefix, "%s%zu.", x->prefix,
             fr_history_index(&x->history, node) + 1 + (x->o.trace_table && !*x->prefix ? x->history.leaf_count : 0));
    d->inner = (fr_explainer){ .w = { .file = x->later ? x->later : x->w.file },
                               .o = x->o,
                               .what = x->what,
                               .prefix = d->prefix,
                               .depth = x->depth + 1 };
    return true;
}

static bool explain(fr_explainer *x, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *wanted,
                    definition *d)
{
    if (!prepare(x, node, d))
        return false;
    if (!knows_inputs(x, node)) {
        fr_explain_indent(&d->inner, 0);
        fr_put(&d->inner.w, "(The parts of %s cannot be shown: the graph does not keep all of its inputs.)\n",
               node->op->name);
        return true;
    }
    return take_inputs(x, node, wanted, d->in) && (name_inputs(x, node, d) || fr_fail_memory(x->what)) &&
           run(x, node, grad_out, d);
}

bool fr_explain_definition(fr_explainer *x, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *wanted)
{
    definition d = { 0 };
    bool ok;

    if (!x->o.unfold || !node->op->definition || x->depth == DEEPEST)
        return true;
    ok = explain(x, node, grad_out, wanted, &d);
    if (d.inner.w.written < 0)
        x->w.written = -1;
    fr_explain_free(&d.inner);
    free(d.in);
    free(d.names);
    return ok;
}
