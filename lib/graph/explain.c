/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_explain: the graph of a tensor in words and numbers, forward and backward. */
#include "graph/explain.h"

#include "core/options.h"
#include "graph/picture.h"

#include <stdlib.h>

void fr_explain_indent(fr_explainer *x, int spaces)
{
    fr_put(&x->w, "%*s", spaces + 6 * x->depth, "");
}

/* --- Forward ------------------------------------------------------------------------------------------------------ */

static void put_leaves(fr_explainer *x)
{
    char name[FR_EXPLAIN_NAME], shape[FR_SHAPE_TEXT], value[FR_EXPLAIN_TEXT];

    fr_put(&x->w, "\nLeaves, by which it is differentiated:\n");
    for (size_t i = 0; i < x->history.leaf_count; i++) {
        const fr_tensor *leaf = x->history.leaves[i];

        fr_put(&x->w, "  %s", fr_explain_leaf_label(x, leaf, name));
        if (leaf->numel <= FR_EXPLAIN_FEW)
            fr_put(&x->w, " %s", fr_shape_text(&leaf->shape, shape));
        fr_put(&x->w, " = %s\n", fr_explain_value(leaf, value));
    }
}

static void put_step(fr_explainer *x, const fr_node *node)
{
    char name[FR_EXPLAIN_NAME], text[FR_EXPLAIN_TEXT], path[FR_PATH_TEXT], shape[FR_SHAPE_TEXT];
    const fr_tensor *value = fr_value_of_output(&x->values, node, 0);
    fr_shape s;

    fr_metadata_shape(&node->results[0].meta, &s);
    fr_explain_indent(x, 2);
    fr_put(&x->w, "%s = %s", fr_explain_node_name(x, node, 0, name), fr_explain_call(x, node, text));
    if (s.ndim > 0 && (!value || value->numel <= FR_EXPLAIN_FEW))
        fr_put(&x->w, " %s", fr_shape_text(&s, shape));
    if (value)
        fr_put(&x->w, " = %s", fr_explain_value(value, text));
    if (node->op->formula)
        fr_put(&x->w, "    by %s", fr_explain_formula(x, node, text));
    if (node->module_path)
        fr_put(&x->w, "    in %s", fr_module_path_text(node->module_path, path));
    if (node->site.file)
        fr_put(&x->w, "    [%s:%d]", node->site.file, node->site.line);
    fr_put(&x->w, "\n");
}

static void put_forward(fr_explainer *x)
{
    char shape[FR_SHAPE_TEXT];

    if (x->depth == 0) {
        fr_put(&x->w, "A tensor of shape %s, %s, made in %zu recorded op%s from %zu lea%s.\n",
               fr_shape_text(&x->history.t->shape, shape), fr_dtype_name((fr_dtype)x->history.t->dtype),
               x->history.node_count, x->history.node_count == 1 ? "" : "s", x->history.leaf_count,
               x->history.leaf_count == 1 ? "f" : "ves");
        put_leaves(x);
        if (x->history.node_count > 0)
            fr_put(&x->w, "\nForward:\n");
    }
    for (size_t i = 0; i < x->history.node_count; i++)
        put_step(x, x->history.nodes[i]);
}

/* --- What comes to one place -------------------------------------------------------------------------------------- */

/* Appends a part to *text, a malloc'd string or NULL. */
static void add_text(fr_explainer *x, char **text, const char *part)
{
    size_t used = *text ? strlen(*text) : 0, size = used + strlen(part) + 4;
    char *longer = realloc(*text, size);

    x->failed = x->failed || !longer;
    if (!longer)
        return;
    *text = longer;
    snprintf(longer + used, size - used, "%s%s", used ? " + " : "", part);
}

/* place: a leaf, or an output of a node. NULL if memory has run out. */
static fr_explain_parts *parts_of(fr_explainer *x, const void *place)
{
    fr_explain_parts *parts = fr_table_find(&x->parts, place);

    if (parts)
        return parts;
    parts = calloc(1, sizeof *parts);
    if (parts && fr_table_put(&x->parts, place, parts))
        return parts;
    free(parts);
    x->failed = true;
    return NULL;
}

static void free_parts(fr_explain_parts *parts)
{
    if (!parts)
        return;
    free(parts->symbols);
    free(parts->numbers);
    free(parts->sum);
    free(parts);
}

static void add_part(fr_explainer *x, const void *place, const char *symbols, const char *numbers)
{
    fr_explain_parts *parts = parts_of(x, place);

    if (!parts)
        return;
    parts->count++;
    add_text(x, &parts->symbols, symbols);
    if (x->o.trace_table)
        add_text(x, &parts->numbers, numbers);
}

/* The gradient of a place is complete. */
static void keep_sum(fr_explainer *x, const void *place, const fr_tensor *gradient)
{
    fr_explain_parts *parts = parts_of(x, place);
    char value[FR_EXPLAIN_TEXT];

    if (parts)
        add_text(x, &parts->sum, fr_explain_value(gradient, value));
}

/* The text tells what the table keeps. */
static void put_sum(fr_explainer *x, const void *place, const char *name)
{
    fr_explain_parts *parts = fr_table_find(&x->parts, place);

    if (!parts || !parts->sum)
        return;
    fr_put(&x->w, "dL/d%s = ", name);
    if (parts->count > 1 && parts->symbols)
        fr_put(&x->w, "%s = ", parts->symbols);
    fr_put(&x->w, "%s", parts->sum);
    fr_table_remove(&x->parts, place);
    free_parts(parts);
}

/* --- Backward ----------------------------------------------------------------------------------------------------- */

/* The chain rule for one input. */
typedef struct {
    char to[FR_EXPLAIN_NAME], from[FR_EXPLAIN_NAME];
    char formula[FR_EXPLAIN_TEXT]; /* of the local derivative, or with `rule` of what is sent, or "" */
    bool rule;
    char numbers[2 * FR_EXPLAIN_TEXT + 4];
    char sent[FR_EXPLAIN_TEXT];
    bool product; /* numbers is dL/dfrom times the local derivative */
    bool summed;  /* the input was repeated by broadcasting */
} link;

static void describe(fr_explainer *x, const fr_node *node, int i, const fr_tensor *arrived, const fr_tensor *sent,
                     const fr_tensor *local, link *l)
{
    char value[FR_EXPLAIN_TEXT], times[FR_EXPLAIN_TEXT];

    fr_explain_node_name(x, node, 0, l->from);
    fr_explain_input_name(x, &node->edges[i], l->to);
    fr_explain_derivative(x, node, i, l->formula);
    fr_explain_value(sent, l->sent);
    l->rule = *l->formula && !fr_explain_is_pointwise(node->op);
    l->product = arrived && local && !l->rule;
    l->summed = fr_explain_is_pointwise(node->op) && arrived && arrived->numel != sent->numel;
    if (l->product)
        snprintf(l->numbers, sizeof l->numbers, "%s * %s", fr_explain_value(arrived, value),
                 fr_explain_value(local, times));
    else
        snprintf(l->numbers, sizeof l->numbers, "%s", l->sent);
}

static void put_link(fr_explainer *x, const link *l, const fr_tensor *local)
{
    char value[FR_EXPLAIN_TEXT];

    if (*l->formula) {
        fr_explain_indent(x, 6);
        fr_put(&x->w, "d%s/d%s = %s", l->rule ? "L" : l->from, l->to, l->formula);
        if (l->product && l->formula[strspn(l->formula, "-0123456789.")] != '\0') /* more than a number */
            fr_put(&x->w, " = %s", fr_explain_value(local, value));
        fr_put(&x->w, "\n");
    }
    fr_explain_indent(x, 6);
    fr_put(&x->w, "to %s%s: ", l->to, l->summed ? ", summed over its copies" : "");
    if (l->product)
        fr_put(&x->w, "dL/d%s * d%s/d%s = %s = ", l->from, l->from, l->to, l->numbers);
    fr_put(&x->w, "%s\n", l->sent);
}

/* The part as the place that it comes to remembers it. */
static void note_link(fr_explainer *x, const fr_node *node, int i, const link *l)
{
    const fr_edge *e = &node->edges[i];
    const void *place = e->node ? (const void *)&e->node->results[e->output] : (const void *)e->leaf;
    bool simple = !strpbrk(l->formula, " -");
    char symbols[2 * FR_EXPLAIN_TEXT];

    if (!x->o.trace_table)
        snprintf(symbols, sizeof symbols, "%s from %s", l->sent, l->from);
    else if (l->rule)
        snprintf(symbols, sizeof symbols, "%s", l->formula);
    else if (*l->formula)
        snprintf(symbols, sizeof symbols, "%sdL/d%s * %s%s%s%s", l->summed ? "sum(" : "", l->from, simple ? "" : "(",
                 l->formula, simple ? "" : ")", l->summed ? ")" : "");
    else if (l->product)
        snprintf(symbols, sizeof symbols, "dL/d%s * d%s/d%s", l->from, l->from, l->to);
    else
        snprintf(symbols, sizeof symbols, "dL/d%s through %s", l->from, node->op->name);
    add_part(x, place, symbols, l->numbers);
}

static void put_links(fr_explainer *x, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in,
                      fr_tensor **local)
{
    link l;

    for (int i = 0; i < node->inputs; i++) {
        const fr_edge *e = &node->edges[i];

        if (!grad_in[i] || (!e->node && !e->leaf))
            continue;
        describe(x, node, i, grad_out[0], grad_in[i], local[i], &l);
        if (!x->o.trace_table)
            put_link(x, &l, local[i]);
        note_link(x, node, i, &l);
    }
}

static void at_node(void *user, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in)
{
    fr_explainer *x = user;
    char name[FR_EXPLAIN_NAME];
    fr_tensor **local = calloc((size_t)node->inputs + 1, sizeof *local);

    if (!local || !fr_explain_local(x, node, grad_out, grad_in, local)) {
        x->failed = true;
        free(local);
        return;
    }
    if (!x->o.trace_table) {
        fr_explain_indent(x, 2);
        fr_put(&x->w, "at %s, %s, ", fr_explain_node_name(x, node, 0, name), node->op->name);
    }
    for (int k = 0, told = 0; k < node->outputs - node->op->internal; k++) {
        if (!grad_out[k])
            continue;
        keep_sum(x, &node->results[k], grad_out[k]);
        if (x->o.trace_table)
            continue;
        fr_put(&x->w, "%s", told++ ? ", " : "");
        put_sum(x, &node->results[k], fr_explain_node_name(x, node, k, name));
    }
    if (!x->o.trace_table)
        fr_put(&x->w, "\n");
    put_links(x, node, grad_out, grad_in, local);
    fr_explain_look_for_nan(x, node, grad_in);
    x->failed = !fr_explain_definition(x, node, grad_out, grad_in) || x->failed;
    free(local);
}

static void put_leaf(fr_explainer *x, const fr_tensor *leaf)
{
    char name[FR_EXPLAIN_NAME];

    if (!fr_table_find(&x->parts, leaf))
        return;
    fr_explain_indent(x, 2);
    fr_put(&x->w, x->depth ? "so, from here, " : "so ");
    put_sum(x, leaf, fr_explain_leaf_name(x, leaf, name));
    fr_put(&x->w, "\n");
}

/* In the text leaves come at the end, in their order. */
static void at_leaf(void *user, const fr_tensor *leaf, const fr_tensor *gradient)
{
    fr_explainer *x = user;

    keep_sum(x, leaf, gradient);
    if (!x->o.trace_table && !fr_table_find(&x->history.numbers, leaf)) /* what a checkpoint reads */
        put_leaf(x, leaf);
}

static void put_introduction(fr_explainer *x)
{
    char name[FR_EXPLAIN_NAME];

    if (x->history.t->producer)
        fr_explain_node_name(x, fr_node_of(x->history.t), x->history.t->output, name);
    else
        fr_explain_leaf_name(x, x->history.t, name);
    fr_put(&x->w, "\nBackward, from the last op to the first. L is %s%s, so dL/d%s is %s.\n",
           x->history.t->numel == 1 ? "" : "the sum of ", name, name, x->history.t->numel == 1 ? "1" : "all ones");
    fr_put(&x->w, "Once all parts of an op's gradient have come and are added up, the op sends\n"
                  "each of its inputs that gradient times its own derivative.\n");
}

/* --- The whole ---------------------------------------------------------------------------------------------------- */

static bool walk(fr_explainer *x, fr_tensor *const *ts, fr_tensor *const *gradients, int n)
{
    const fr_observer observer = { .at_node = at_node, .at_leaf = at_leaf, .user = x, .stop = &x->failed };
    unsigned failures = fr_thread_self()->errors.failures;

    if (x->o.trace_table && x->o.unfold)
        x->later = open_memstream(&x->later_text, &x->later_size);
    if (x->o.trace_table && x->o.unfold && !x->later)
        return fr_fail_memory(x->what);
    if (!fr_backward_observed_many(x->what, ts, gradients, n, &observer))
        return false;
    if (x->failed)
        return fr_thread_self()->errors.failures != failures ? false : fr_fail_memory(x->what);
    for (size_t i = 0; i < x->history.leaf_count && !x->o.trace_table; i++)
        put_leaf(x, x->history.leaves[i]);
    if (x->o.trace_table)
        fr_explain_put_table(x);
    if (x->later && fflush(x->later) == 0 && x->later_size > 0)
        fr_put(&x->w, "\n%s", x->later_text);
    return true;
}

bool fr_explain_graph(fr_explainer *x, fr_tensor *const *ts, fr_tensor *const *gradients, int n)
{
    if (!fr_history_collect_many(&x->history, ts, n))
        return fr_fail_memory(x->what);

    bool walked = fr_history_is_walked(&x->history);

    if (!fr_values_find(x->what, &x->values, &x->history))
        return false;
    if (!x->o.trace_table)
        put_forward(x);
    if (walked) {
        fr_put(&x->w, "\nA backward has been here and let go of the values it needed:\nexplain before, or with "
                      "FR_RETAIN_GRAPH.\n");
        return true;
    }
    if (!x->o.trace_table && x->depth == 0)
        put_introduction(x);
    if (!walk(x, ts, gradients, n))
        return false;
    if (x->depth == 0)
        fr_explain_put_warning(x);
    return true;
}

void fr_explain_free(fr_explainer *x)
{
    for (size_t i = 0; i < x->parts.capacity; i++)
        if (x->parts.slots[i].key)
            free_parts(x->parts.slots[i].value);
    if (x->later)
        fclose(x->later);
    free(x->later_text);
    fr_table_free(&x->parts);
    fr_table_free(&x->names);
    fr_values_free(&x->values);
    fr_history_free(&x->history);
}

static bool explain(const char *what, FILE *file, fr_tensor *t, const fr_explain_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_explainer x = { .w.file = file, .what = what, .prefix = "" };
    bool ok = false;

    if (options)
        x.o = *options;
    if (!fr_check_argument(what, file, "file") || !fr_check_argument(what, t, "tensor") ||
        !fr_check_reserved(what, x.o.reserved))
        ok = false;
    else if (!fr_tracked(t))
        fr_fail(what, "the tensor wants no gradient: there is nothing recorded to explain");
    else
        ok = fr_module_names(what, &x.names, x.o.module) && fr_explain_graph(&x, &t, &(fr_tensor *){ NULL }, 1) &&
             (x.w.written >= 0 || fr_fail(what, "the file cannot be written"));
    fr_explain_free(&x);
    fr_finish(th, before);
    return ok;
}

bool fr_explain(FILE *file, fr_tensor *t)
{
    return explain("explain", file, t, NULL);
}

bool fr_explain_with(FILE *file, fr_tensor *t, const fr_explain_options *options)
{
    return explain("explain_with", file, t, options);
}
