/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_explain: the graph of a tensor as text, forward and backward. */
#include "graph/pass.h"
#include "graph/pending.h"

#include <stdarg.h>
#include <stdlib.h>

enum { FEW_VALUES = 6, NAME_TEXT = 32 };

typedef struct {
    FILE *file;
    bool failed; /* to write */
    const fr_tensor *t;
    fr_node **nodes; /* all that t was made by, in the order in which they were made; node i is called #i+1 */
    size_t node_count, node_capacity;
    const fr_tensor **leaves; /* in the order in which they are met; leaf i is called a, b, ... z, a1, b1, ... */
    size_t leaf_count, leaf_capacity;
    fr_table places; /* of nodes and leaves: index + 1 */
} explainer;

/* --- Words -------------------------------------------------------------------------------------------------------- */

static void put(explainer *x, const char *format, ...) FR_PRINTF(2, 3);
static void put(explainer *x, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    x->failed = vfprintf(x->file, format, arguments) < 0 || x->failed;
    va_end(arguments);
}

static size_t index_of(const explainer *x, const void *node_or_leaf)
{
    return (size_t)(uintptr_t)fr_table_find(&x->places, node_or_leaf) - 1;
}

static const char *node_name(const explainer *x, const fr_node *node, int output, char text[NAME_TEXT])
{
    int n = snprintf(text, NAME_TEXT, "#%zu", index_of(x, node) + 1);

    if (node->outputs - node->op->internal > 1)
        snprintf(text + n, NAME_TEXT - (size_t)n, ".%d", output);
    return text;
}

static const char *leaf_name(const explainer *x, const fr_tensor *leaf, char text[NAME_TEXT])
{
    size_t i = index_of(x, leaf);

    if (i < 26)
        snprintf(text, NAME_TEXT, "%c", (char)('a' + (int)i));
    else
        snprintf(text, NAME_TEXT, "%c%zu", (char)('a' + (int)(i % 26)), i / 26);
    return text;
}

/* " = 2" or " = [1, 2]", or nothing where there are many values or t is NULL. */
static void put_values(explainer *x, const fr_tensor *t)
{
    if (!t || t->numel > FEW_VALUES)
        return;
    put(x, t->shape.ndim == 0 ? " = " : " = [");
    for (int64_t i = 0; i < t->numel; i++)
        put(x, "%s%.5g", i ? ", " : "", fr_at(t, i));
    if (t->shape.ndim > 0)
        put(x, "]");
}

static void put_shape(explainer *x, const fr_shape *shape)
{
    char text[FR_SHAPE_TEXT];

    put(x, " %s", fr_shape_text(shape, text));
}

/* What an input is called. */
static const char *input_name(const explainer *x, const fr_edge *e, char text[NAME_TEXT])
{
    if (e->node)
        return node_name(x, e->node, e->output, text);
    return e->leaf ? leaf_name(x, e->leaf, text) : e->kept.ndim < 0 ? "nothing" : "a constant";
}

/* --- The graph ---------------------------------------------------------------------------------------------------- */

static bool add_node(explainer *x, fr_node *node)
{
    if (fr_table_find(&x->places, node))
        return true;
    if (!fr_make_room(&x->nodes, sizeof *x->nodes, x->node_count, &x->node_capacity))
        return false;
    x->nodes[x->node_count++] = node;
    return fr_table_put(&x->places, node, node); /* its place comes when all are known */
}

static bool add_leaf(explainer *x, const fr_tensor *leaf)
{
    if (fr_table_find(&x->places, leaf))
        return true;
    if (!fr_make_room(&x->leaves, sizeof *x->leaves, x->leaf_count, &x->leaf_capacity))
        return false;
    x->leaves[x->leaf_count++] = leaf;
    return fr_table_put(&x->places, leaf, (void *)(uintptr_t)x->leaf_count);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = (*(fr_node *const *)a)->number, y = (*(fr_node *const *)b)->number;

    return (x > y) - (x < y);
}

static bool find_graph(explainer *x)
{
    bool ok = x->t->producer ? add_node(x, fr_node_of(x->t)) : add_leaf(x, x->t);

    for (size_t i = 0; i < x->node_count && ok; i++)
        for (int k = 0; k < x->nodes[i]->inputs && ok; k++)
            ok = !x->nodes[i]->edges[k].node || add_node(x, x->nodes[i]->edges[k].node);
    if (x->node_count > 0)
        qsort(x->nodes, x->node_count, sizeof *x->nodes, by_number);
    for (size_t i = 0; i < x->node_count && ok; i++) {
        fr_node *node = x->nodes[i];

        fr_table_remove(&x->places, node);
        ok = fr_table_put(&x->places, node, (void *)(uintptr_t)(i + 1));
        for (int k = 0; k < node->inputs && ok; k++)
            ok = !node->edges[k].leaf || add_leaf(x, node->edges[k].leaf);
    }
    return ok;
}

/* Whether a backward has let go of what it needs. */
static bool is_walked(const explainer *x)
{
    for (size_t i = 0; i < x->node_count; i++)
        if (x->nodes[i]->saved && x->nodes[i]->released)
            return true;
    return false;
}

/* --- Forward ------------------------------------------------------------------------------------------------------ */

static void put_leaves(explainer *x)
{
    char name[NAME_TEXT];

    put(x, "\nLeaves, by which it is differentiated:\n");
    for (size_t i = 0; i < x->leaf_count; i++) {
        put(x, "  %s", leaf_name(x, x->leaves[i], name));
        put_shape(x, &x->leaves[i]->shape);
        put_values(x, x->leaves[i]);
        put(x, "\n");
    }
}

static void put_step(explainer *x, const fr_node *node)
{
    char name[NAME_TEXT];
    const fr_node_output *r = &node->results[0];
    fr_shape shape;

    fr_kept_shape(&r->kept, &shape);
    put(x, "  #%zu = %s(", index_of(x, node) + 1, node->op->name);
    for (int i = 0; i < node->inputs; i++) {
        const fr_edge *e = &node->edges[i];

        put(x, "%s%s", i ? ", " : "", input_name(x, e, name));
        if (!e->leaf && !e->node)
            put_values(x, e->saved);
    }
    put(x, ")");
    put_shape(x, &shape);
    put_values(x, x->t->producer == &node->producer && x->t->output == 0 ? x->t : r->saved);
    if (node->op->formula)
        put(x, "    by %s", node->op->formula);
    if (node->site.file)
        put(x, "    [%s:%d]", node->site.file, node->site.line);
    put(x, "\n");
}

/* --- Backward ----------------------------------------------------------------------------------------------------- */

/* prefix: "dL/d", or "" for what is only a part of that */
static void put_gradient(explainer *x, const char *prefix, const char *name, const fr_tensor *gradient)
{
    put(x, "%s%s", prefix, name);
    put_shape(x, &gradient->shape);
    put_values(x, gradient);
}

/* Of numbers: a: dL/d#1 * d#1/da = 2 * 0.5 = 1 */
static void put_product(explainer *x, const char *from, const char *to, double arrived, double sent)
{
    put(x, "%s: dL/d%s * d%s/d%s = %.5g * %.5g = %.5g", to, from, from, to, arrived, sent / arrived, sent);
}

static void at_node(void *user, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in)
{
    explainer *x = user;
    char from[NAME_TEXT], to[NAME_TEXT];

    node_name(x, node, 0, from);
    put(x, "  at #%zu, %s, ", index_of(x, node) + 1, node->op->name);
    if (grad_out[0])
        put_gradient(x, "dL/d", from, grad_out[0]);
    put(x, "\n");
    for (int i = 0; i < node->inputs; i++) {
        const fr_edge *e = &node->edges[i];

        if (!grad_in[i] || (!e->node && !e->leaf))
            continue;
        input_name(x, e, to);
        put(x, "      to ");
        if (grad_out[0] && grad_out[0]->numel == 1 && grad_in[i]->numel == 1 && fr_at(grad_out[0], 0) != 0)
            put_product(x, from, to, fr_at(grad_out[0], 0), fr_at(grad_in[i], 0));
        else
            put_gradient(x, "", to, grad_in[i]);
        put(x, "\n");
    }
}

static void at_leaf(void *user, const fr_tensor *leaf, const fr_tensor *gradient)
{
    explainer *x = user;
    char name[NAME_TEXT];

    put(x, "  so ");
    put_gradient(x, "dL/d", leaf_name(x, leaf, name), gradient);
    put(x, ", the sum of what came to it\n");
}

static bool put_backward(explainer *x)
{
    const fr_observer observer = { .at_node = at_node, .at_leaf = at_leaf, .user = x };
    char name[NAME_TEXT];

    if (is_walked(x)) {
        put(x, "\nA backward has been here and let go of the values it needed: explain before, or with "
               "FR_RETAIN_GRAPH.\n");
        return true;
    }
    if (x->t->producer)
        node_name(x, fr_node_of(x->t), x->t->output, name);
    else
        leaf_name(x, x->t, name);
    put(x,
        "\nBackward, from the last op to the first. L is %s%s, so dL/d%s is %s. An op gets the gradient of its "
        "result,\n"
        "complete, and gives each input that gradient times its own derivative; what comes to one place is added up.\n",
        x->t->numel == 1 ? "" : "the sum of ", name, name, x->t->numel == 1 ? "1" : "all ones");
    return fr_backward_observed("explain", (fr_tensor *)x->t, &observer);
}

static bool explain(explainer *x)
{
    char shape[FR_SHAPE_TEXT];

    if (!find_graph(x))
        return fr_fail_memory("explain"), false;
    put(x, "A tensor of shape %s, %s, made in %zu recorded op%s from %zu lea%s.\n", fr_shape_text(&x->t->shape, shape),
        fr_dtype_name((fr_dtype)x->t->dtype), x->node_count, x->node_count == 1 ? "" : "s", x->leaf_count,
        x->leaf_count == 1 ? "f" : "ves");
    put_leaves(x);
    if (x->node_count > 0)
        put(x, "\nForward:\n");
    for (size_t i = 0; i < x->node_count; i++)
        put_step(x, x->nodes[i]);
    return put_backward(x) && (!x->failed || fr_fail("explain", "the file cannot be written"));
}

bool fr_explain(FILE *file, fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "explain");
    explainer x = { .file = file, .t = t };
    bool ok = false;

    if (!fr_check_not_null("explain", file, "file") || !fr_check_not_null("explain", t, "tensor"))
        ok = false;
    else if (!fr_tracked(t))
        fr_fail("explain", "the tensor wants no gradient: there is nothing recorded to explain");
    else
        ok = explain(&x);
    free(x.nodes);
    free(x.leaves);
    fr_table_free(&x.places);
    fr_finish(th, before);
    return ok;
}
