/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The words of explanations: names, values, and formulas with the names in them. */
#include "graph/explain.h"

#include <ctype.h>
#include <math.h>

/* --- Names -------------------------------------------------------------------------------------------------------- */

const char *fr_explain_node_name(const fr_explainer *x, const fr_node *node, int output, char text[FR_EXPLAIN_NAME])
{
    size_t number = fr_history_index(&x->history, node) + 1, used = 0;

    if (number == 0) { /* not of the history */
        snprintf(text, FR_EXPLAIN_NAME, "what a checkpoint ran again");
        return text;
    }
    if (x->o.trace_table && !*x->prefix)
        number += x->history.leaf_count;
    fr_append(text, FR_EXPLAIN_NAME, &used, "%s%s%zu", x->o.trace_table ? "v" : "#", x->prefix, number);
    if (node->outputs - node->op->internal > 1)
        fr_append(text, FR_EXPLAIN_NAME, &used, "[%d]", output);
    return text;
}

const char *fr_explain_leaf_label(const fr_explainer *x, const fr_tensor *leaf, char text[FR_EXPLAIN_NAME])
{
    const char *name = fr_table_find(&x->names, leaf);
    size_t i = fr_history_index(&x->history, leaf);
    char letter = (char)('a' + (int)(i % 26));

    if (name)
        snprintf(text, FR_EXPLAIN_NAME, "%s", name);
    else if (i < 26)
        snprintf(text, FR_EXPLAIN_NAME, "%c", letter);
    else
        snprintf(text, FR_EXPLAIN_NAME, "%c%zu", letter, i / 26);
    return text;
}

const char *fr_explain_leaf_name(const fr_explainer *x, const fr_tensor *leaf, char text[FR_EXPLAIN_NAME])
{
    if (!x->o.trace_table || *x->prefix)
        return fr_explain_leaf_label(x, leaf, text);
    snprintf(text, FR_EXPLAIN_NAME, "v%zu", fr_history_index(&x->history, leaf) + 1);
    return text;
}

const char *fr_explain_input_name(const fr_explainer *x, const fr_edge *e, char text[FR_EXPLAIN_NAME])
{
    const char *name = e->saved ? fr_table_find(&x->names, e->saved) : NULL;

    if (e->node)
        return fr_explain_node_name(x, e->node, e->output, text);
    if (e->leaf)
        return fr_explain_leaf_name(x, e->leaf, text);
    snprintf(text, FR_EXPLAIN_NAME, "%s", name ? name : e->meta.ndim < 0 ? "nothing" : "constant");
    return text;
}

/* --- Values ------------------------------------------------------------------------------------------------------- */

const char *fr_explain_value(const fr_tensor *t, char text[FR_EXPLAIN_TEXT])
{
    char shape[FR_SHAPE_TEXT];
    double squares = 0;

    if (!t) {
        snprintf(text, FR_EXPLAIN_TEXT, "not kept");
        return text;
    }
    if (t->numel <= FR_EXPLAIN_FEW)
        return fr_values_text(t, text, FR_EXPLAIN_TEXT);
    for (int64_t i = 0; i < t->numel; i++)
        squares += fr_at(t, i) * fr_at(t, i);
    snprintf(text, FR_EXPLAIN_TEXT, "%s, norm %.5g, first %.5g, %.5g, %.5g", fr_shape_text(&t->shape, shape),
             sqrt(squares), fr_at(t, 0), fr_at(t, 1), fr_at(t, 2));
    return text;
}

/* --- Formulas ----------------------------------------------------------------------------------------------------- */

static bool is(const char *word, size_t length, const char *other)
{
    return strlen(other) == length && strncmp(word, other, length) == 0;
}

/* The number for a word in the formula of a pointwise op of the library, whose attributes are double[2]. */
static const double *attribute(const fr_node *node, const char *word, size_t n)
{
    const double *p = node->attributes;

    if (!fr_explain_is_pointwise(node->op) || node->op->attributes_size != 2 * sizeof *p || !fr_op_is_known(node->op))
        return NULL;
    if (is(word, n, "value") || is(word, n, "alpha") || is(word, n, "negative_slope") || is(word, n, "min"))
        return p;
    return is(word, n, "max") ? p + 1 : NULL;
}

/* The input that a letter of the formula stands for; -1: none; -2: the output, which is the first letter of all. */
static int input_of(const fr_node *node, char letter)
{
    const char *formula = node->op->formula;

    if (formula && formula[0] == letter && !isalnum((unsigned char)formula[1]))
        return -2;
    return letter == 'x' || letter == 'a'   ? 0
           : letter == 'b'                  ? node->inputs - 1
           : letter == 'W' || letter == 'y' ? 1
                                            : -1;
}

/* Appends a word of a formula: the name of an attribute as its number, and a letter, also behind a d, as a name, unless
 * letters are to stay. */
static void put_word(const fr_explainer *x, const fr_node *node, bool letters, const char *word, size_t n, char *text,
                     size_t *used)
{
    bool differential = n == 2 && word[0] == 'd';
    int at = n == 1 || differential ? input_of(node, word[n - 1]) : -1;
    const double *number = attribute(node, word, n);
    char name[FR_EXPLAIN_NAME];

    if (number)
        fr_append(text, FR_EXPLAIN_TEXT, used, "%.5g", *number);
    else if (letters || at == -1 || at >= node->inputs)
        fr_append(text, FR_EXPLAIN_TEXT, used, "%.*s", (int)n, word);
    else
        fr_append(text, FR_EXPLAIN_TEXT, used, "%s%s", differential ? "d" : "",
                  at < 0 ? fr_explain_node_name(x, node, 0, name) : fr_explain_input_name(x, &node->edges[at], name));
}

/* Appends the first n characters of a formula with names in the place of its letters. */
static void put_formula(const fr_explainer *x, const fr_node *node, bool letters, const char *formula, size_t n,
                        char *text, size_t *used)
{
    for (size_t i = 0, length; i < n; i += length) {
        length = 0;
        while (i + length < n && (isalpha((unsigned char)formula[i + length]) || formula[i + length] == '_'))
            length++;
        if (length > 0 && (i + length == n || formula[i + length] != '(')) { /* a word, and not a function */
            put_word(x, node, letters, formula + i, length, text, used);
        } else {
            length = length > 0 ? length : 1;
            fr_append(text, FR_EXPLAIN_TEXT, used, "%.*s", (int)length, formula + i);
        }
    }
}

const char *fr_explain_formula(const fr_explainer *x, const fr_node *node, char text[FR_EXPLAIN_TEXT])
{
    size_t used = 0;

    put_formula(x, node, true, node->op->formula, strlen(node->op->formula), text, &used);
    return text;
}

const char *fr_explain_call(const fr_explainer *x, const fr_node *node, char text[FR_EXPLAIN_TEXT])
{
    const char *formula = node->op->formula, *equals = formula ? strstr(formula, " = ") : NULL;
    char name[FR_EXPLAIN_NAME], value[FR_EXPLAIN_TEXT];
    size_t used = 0;

    if (x->o.trace_table && fr_explain_is_pointwise(node->op) && equals) {
        put_formula(x, node, false, equals + 3, strlen(equals + 3), text, &used);
        return text;
    }
    fr_append(text, FR_EXPLAIN_TEXT, &used, "%s(", node->op->name);
    for (int i = 0; i < node->inputs; i++) {
        const fr_edge *e = &node->edges[i];
        const fr_tensor *t = fr_value_of_input(&x->values, e);

        fr_append(text, FR_EXPLAIN_TEXT, &used, "%s%s", i ? ", " : "", fr_explain_input_name(x, e, name));
        if (!x->o.trace_table && t && t->numel <= FR_EXPLAIN_FEW)
            fr_append(text, FR_EXPLAIN_TEXT, &used, " = %s", fr_explain_value(t, value));
    }
    fr_append(text, FR_EXPLAIN_TEXT, &used, ")");
    return text;
}

/* fr_op.derivative is a list: "dy/da = b, dy/db = a". What stands behind the "=" of input i is the answer. */
const char *fr_explain_derivative(const fr_explainer *x, const fr_node *node, int i, char text[FR_EXPLAIN_TEXT])
{
    const char *all = node->op->derivative;
    char begin[] = "dL/dx = ";
    size_t used = 0;

    text[0] = '\0';
    if (!all)
        return text;
    begin[1] = all[1]; /* L or y */
    for (const char *letter = "xabWy"; *letter; letter++) {
        const char *told, *end;

        begin[4] = *letter;
        told = strstr(all, begin);
        if (!told || input_of(node, *letter) != i)
            continue;
        told += strlen(begin);
        end = strstr(told, ", d");
        put_formula(x, node, false, told, end ? (size_t)(end - told) : strlen(told), text, &used);
        break;
    }
    return text;
}
