/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_explain: the graph of a tensor as text, forward and backward. */
#include "core/writer.h"
#include "graph/history.h"
#include "graph/backward.h"

enum { NAME_TEXT = 32 };

typedef struct {
    fr_writer w;
    fr_history history; /* node i is called #i+1; leaf i is called a, b, ... z, a1, b1, ... */
} explainer;

/* --- Words -------------------------------------------------------------------------------------------------------- */

static const char *node_name(const explainer *x, const fr_node *node, int output, char text[NAME_TEXT])
{
    int n = snprintf(text, NAME_TEXT, "#%zu", fr_history_index(&x->history, node) + 1);

    if (node->outputs - node->op->internal > 1)
        snprintf(text + n, NAME_TEXT - (size_t)n, ".%d", output);
    return text;
}

static const char *leaf_name(const explainer *x, const fr_tensor *leaf, char text[NAME_TEXT])
{
    size_t i = fr_history_index(&x->history, leaf);

    if (i < 26)
        snprintf(text, NAME_TEXT, "%c", (char)('a' + (int)i));
    else
        snprintf(text, NAME_TEXT, "%c%zu", (char)('a' + (int)(i % 26)), i / 26);
    return text;
}

/* Adds " = 2" or " = [1, 2]"; nothing if t is NULL or has many values. */
static void put_values(explainer *x, const fr_tensor *t)
{
    char text[FR_VALUES_TEXT];

    if (*fr_values_text(t, text))
        fr_put(&x->w, " = %s", text);
}

static void put_shape(explainer *x, const fr_shape *shape)
{
    char text[FR_SHAPE_TEXT];

    fr_put(&x->w, " %s", fr_shape_text(shape, text));
}

/* The name that the text uses for an input: #3 for a node, a for a leaf. */
static const char *input_name(const explainer *x, const fr_edge *e, char text[NAME_TEXT])
{
    if (e->node)
        return node_name(x, e->node, e->output, text);
    return e->leaf ? leaf_name(x, e->leaf, text) : e->meta.ndim < 0 ? "nothing" : "a constant";
}

/* --- Forward ------------------------------------------------------------------------------------------------------ */

static void put_leaves(explainer *x)
{
    char name[NAME_TEXT];

    fr_put(&x->w, "\nLeaves, by which it is differentiated:\n");
    for (size_t i = 0; i < x->history.leaf_count; i++) {
        fr_put(&x->w, "  %s", leaf_name(x, x->history.leaves[i], name));
        put_shape(x, &x->history.leaves[i]->shape);
        put_values(x, x->history.leaves[i]);
        fr_put(&x->w, "\n");
    }
}

static void put_step(explainer *x, const fr_node *node)
{
    char name[NAME_TEXT], path[FR_PATH_TEXT];
    const fr_node_output *r = &node->results[0];
    fr_shape shape;

    fr_metadata_shape(&r->meta, &shape);
    fr_put(&x->w, "  #%zu = %s(", fr_history_index(&x->history, node) + 1, node->op->name);
    for (int i = 0; i < node->inputs; i++) {
        const fr_edge *e = &node->edges[i];

        fr_put(&x->w, "%s%s", i ? ", " : "", input_name(x, e, name));
        if (!e->leaf && !e->node)
            put_values(x, e->saved);
    }
    fr_put(&x->w, ")");
    put_shape(x, &shape);
    put_values(x, x->history.t->producer == &node->producer && x->history.t->output == 0 ? x->history.t : r->saved);
    if (node->op->formula)
        fr_put(&x->w, "    by %s", node->op->formula);
    if (node->module_path)
        fr_put(&x->w, "    in %s", fr_module_path_text(node->module_path, path));
    if (node->site.file)
        fr_put(&x->w, "    [%s:%d]", node->site.file, node->site.line);
    fr_put(&x->w, "\n");
}

/* --- Backward ----------------------------------------------------------------------------------------------------- */

/* prefix: "dL/d"; "" for what is only a part of that derivative. */
static void put_gradient(explainer *x, const char *prefix, const char *name, const fr_tensor *gradient)
{
    fr_put(&x->w, "%s%s", prefix, name);
    put_shape(x, &gradient->shape);
    put_values(x, gradient);
}

/* Between scalars: a: dL/d#1 * d#1/da = 2 * 0.5 = 1 */
static void put_product(explainer *x, const char *from, const char *to, double arrived, double sent)
{
    fr_put(&x->w, "%s: dL/d%s * d%s/d%s = %.5g * %.5g = %.5g", to, from, from, to, arrived, sent / arrived, sent);
}

static void at_node(void *user, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in)
{
    explainer *x = user;
    char from[NAME_TEXT], to[NAME_TEXT];

    node_name(x, node, 0, from);
    fr_put(&x->w, "  at #%zu, %s, ", fr_history_index(&x->history, node) + 1, node->op->name);
    if (grad_out[0])
        put_gradient(x, "dL/d", from, grad_out[0]);
    fr_put(&x->w, "\n");
    for (int i = 0; i < node->inputs; i++) {
        const fr_edge *e = &node->edges[i];

        if (!grad_in[i] || (!e->node && !e->leaf))
            continue;
        input_name(x, e, to);
        fr_put(&x->w, "      to ");
        if (grad_out[0] && grad_out[0]->numel == 1 && grad_in[i]->numel == 1 && fr_at(grad_out[0], 0) != 0)
            put_product(x, from, to, fr_at(grad_out[0], 0), fr_at(grad_in[i], 0));
        else
            put_gradient(x, "", to, grad_in[i]);
        fr_put(&x->w, "\n");
    }
}

static void at_leaf(void *user, const fr_tensor *leaf, const fr_tensor *gradient)
{
    explainer *x = user;
    char name[NAME_TEXT];

    fr_put(&x->w, "  so ");
    put_gradient(x, "dL/d", leaf_name(x, leaf, name), gradient);
    fr_put(&x->w, ", the sum of what came to it\n");
}

static bool put_backward(explainer *x)
{
    const fr_observer observer = { .at_node = at_node, .at_leaf = at_leaf, .user = x };
    char name[NAME_TEXT];

    if (fr_history_is_walked(&x->history)) {
        fr_put(&x->w, "\nA backward has been here and let go of the values it needed: explain before, or with "
                      "FR_RETAIN_GRAPH.\n");
        return true;
    }
    if (x->history.t->producer)
        node_name(x, fr_node_of(x->history.t), x->history.t->output, name);
    else
        leaf_name(x, x->history.t, name);
    fr_put(
        &x->w,
        "\nBackward, from the last op to the first. L is %s%s, so dL/d%s is %s. An op gets the gradient of its "
        "result,\n"
        "complete, and gives each input that gradient times its own derivative; what comes to one place is added up.\n",
        x->history.t->numel == 1 ? "" : "the sum of ", name, name, x->history.t->numel == 1 ? "1" : "all ones");
    return fr_backward_observed("explain", (fr_tensor *)x->history.t, &observer);
}

static bool explain(explainer *x, const fr_tensor *t)
{
    char shape[FR_SHAPE_TEXT];

    if (!fr_history_collect(&x->history, t))
        return fr_fail_memory("explain");
    fr_put(&x->w, "A tensor of shape %s, %s, made in %zu recorded op%s from %zu lea%s.\n",
           fr_shape_text(&x->history.t->shape, shape), fr_dtype_name((fr_dtype)x->history.t->dtype),
           x->history.node_count, x->history.node_count == 1 ? "" : "s", x->history.leaf_count,
           x->history.leaf_count == 1 ? "f" : "ves");
    put_leaves(x);
    if (x->history.node_count > 0)
        fr_put(&x->w, "\nForward:\n");
    for (size_t i = 0; i < x->history.node_count; i++)
        put_step(x, x->history.nodes[i]);
    return put_backward(x) && (x->w.written >= 0 || fr_fail("explain", "the file cannot be written"));
}

bool fr_explain(FILE *file, fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "explain");
    explainer x = { .w.file = file };
    bool ok = false;

    if (!fr_check_argument("explain", file, "file") || !fr_check_argument("explain", t, "tensor"))
        ok = false;
    else if (!fr_tracked(t))
        fr_fail("explain", "the tensor wants no gradient: there is nothing recorded to explain");
    else
        ok = explain(&x, t);
    fr_history_free(&x.history);
    fr_finish(th, before);
    return ok;
}
