/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The trace table of a graph, as textbooks on differentiation print it: a row for each value, in the order in which
 * they were computed, and beside it its derivative, which comes from below. Also the warning at the end. */
#include "graph/explain.h"

/* One row. */
typedef struct {
    char left[FR_EXPLAIN_NAME + FR_EXPLAIN_TEXT], value[FR_EXPLAIN_TEXT], name[FR_EXPLAIN_NAME];
    const void *place; /* as in parts */
} row;

enum { WIDEST = 48 }; /* columns get no wider than that for the sake of one row */

static void leaf_row(const fr_explainer *x, const fr_tensor *leaf, row *r)
{
    char label[FR_EXPLAIN_NAME];

    r->place = leaf;
    fr_explain_leaf_name(x, leaf, r->name);
    fr_explain_leaf_label(x, leaf, label);
    snprintf(r->left, sizeof r->left, "%s%s%s", r->name, *x->prefix ? "" : " = ", *x->prefix ? "" : label);
    fr_explain_value(leaf, r->value);
}

static void output_row(const fr_explainer *x, const fr_node *node, int output, row *r)
{
    char call[FR_EXPLAIN_TEXT];

    r->place = &node->results[output];
    fr_explain_node_name(x, node, output, r->name);
    snprintf(r->left, sizeof r->left, "%s = %s", r->name, fr_explain_call(x, node, call));
    fr_explain_value(fr_value_of_output(&x->values, node, output), r->value);
}

static void widen(int *width, const char *text)
{
    int length = (int)strlen(text);

    if (length > *width && length <= WIDEST)
        *width = length;
}

static void put_row(fr_explainer *x, const row *r, int left, int value)
{
    const fr_explain_parts *parts = fr_table_find(&x->parts, r->place);

    fr_explain_indent(x, 2);
    fr_put(&x->w, "%-*s = %-*s | ", left, r->left, value, r->value);
    if (!parts || !parts->sum) {
        fr_put(&x->w, "no gradient\n");
        return;
    }
    fr_put(&x->w, "dL/d%s = ", r->name);
    if (parts->symbols)
        fr_put(&x->w, "%s = ", parts->symbols);
    if (parts->numbers && strcmp(parts->numbers, parts->sum) != 0)
        fr_put(&x->w, "%s = ", parts->numbers);
    fr_put(&x->w, "%s\n", parts->sum);
}

/* Measures the columns (put: false), or writes all rows. */
static void go_through(fr_explainer *x, bool put, int *left, int *value)
{
    const fr_history *h = &x->history;
    row r;

    for (size_t i = 0; i < h->leaf_count + h->node_count; i++) {
        const fr_node *node = i < h->leaf_count ? NULL : h->nodes[i - h->leaf_count];
        int rows = node ? node->outputs - node->op->internal : 1;

        for (int k = 0; k < rows; k++) {
            if (node)
                output_row(x, node, k, &r);
            else
                leaf_row(x, h->leaves[i], &r);
            if (put)
                put_row(x, &r, *left, *value);
            widen(left, r.left);
            widen(value, r.value);
        }
    }
}

void fr_explain_put_table(fr_explainer *x)
{
    int left = 0, value = 0;

    if (x->depth == 0)
        fr_put(&x->w,
               "Read the left side from the top down, the right side from the bottom up.\nL is the last value%s.\n\n",
               x->history.t->numel == 1 ? "" : ", summed up");
    go_through(x, false, &left, &value);
    fr_explain_indent(x, 2);
    fr_put(&x->w, "%-*s | backward\n", left + 3 + value, "forward");
    go_through(x, true, &left, &value);
}

/* --- What is not finite ------------------------------------------------------------------------------------------- */

/* The first NaN or infinity in t, which may be NULL; 0 if there is none. */
static double not_finite(const fr_tensor *t)
{
    for (int64_t i = 0; t && i < t->numel; i++)
        if (!isfinite(fr_at(t, i)))
            return fr_plain(fr_at(t, i));
    return 0;
}

void fr_explain_look_for_nan(fr_explainer *x, const fr_node *node, fr_tensor *const *grad_in)
{
    for (int i = 0; i < node->inputs && !x->culprit; i++)
        if ((x->nan = not_finite(grad_in[i])) != 0)
            x->culprit = node;
}

static void put_culprit(fr_explainer *x, const fr_node *node, double value, const char *where)
{
    char name[FR_EXPLAIN_NAME], call[FR_EXPLAIN_TEXT];

    fr_put(&x->w, "\nBeware: %s%g came first from %s = %s.\n", where, value, fr_explain_node_name(x, node, 0, name),
           fr_explain_call(x, node, call));
}

void fr_explain_put_warning(fr_explainer *x)
{
    const fr_history *h = &x->history;
    char name[FR_EXPLAIN_NAME];
    double value = 0;

    for (size_t i = 0; i < h->leaf_count; i++)
        if ((value = not_finite(h->leaves[i])) != 0) {
            fr_put(&x->w, "\nBeware: %g is in the leaf %s.\n", value, fr_explain_leaf_label(x, h->leaves[i], name));
            return;
        }
    for (size_t i = 0; i < h->node_count; i++)
        if ((value = not_finite(fr_value_of_output(&x->values, h->nodes[i], 0))) != 0) {
            put_culprit(x, h->nodes[i], value, "");
            return;
        }
    if (x->culprit)
        put_culprit(x, x->culprit, x->nan, "in the gradients ");
}
