/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The words of explanations: names, values, and formulas with the names in them. */
#include "graph/explain.h"

#include "graph/argument_name.h"

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
             fr_plain(sqrt(squares)), fr_plain(fr_at(t, 0)), fr_plain(fr_at(t, 1)), fr_plain(fr_at(t, 2)));
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

/* The letters, digits and _ that text begins with; 0 if it begins with none or a digit. */
static size_t word_length(const char *text)
{
    size_t n = 0;

    while (isalnum((unsigned char)text[n]) || text[n] == '_')
        n++;
    return isdigit((unsigned char)*text) ? 0 : n;
}

/* The formula's word for the result, which it begins with; 0 if it does not. */
static size_t result_length(const char *formula)
{
    size_t n = word_length(formula);

    return n && strchr(" ['", formula[n]) && strstr(formula, " = ") ? n : 0;
}

static bool has_word(const char *formula, const char *word)
{
    for (const char *p = formula + result_length(formula); *p;) {
        size_t n = word_length(p);

        if (n && is(p, n, word))
            return true;
        p += n ? n : 1;
    }
    return false;
}

const char *fr_explain_symbol(const fr_op *op, int i, char text[FR_ARGUMENT_TEXT])
{
    char name[FR_ARGUMENT_TEXT];
    const char *first = fr_argument_name(op, i, name);
    const bool named = strncmp(name, "input ", 6) != 0;
    const char upper = (char)toupper((unsigned char)*first);
    const char letters[] = { named ? upper : '\0', named ? *name : '\0', i ? '\0' : 'x', "ab"[i < 2 ? i : 2] };

    snprintf(text, FR_ARGUMENT_TEXT, "%s", name);
    if (op->formula && has_word(op->formula, text))
        return text;
    snprintf(text, FR_ARGUMENT_TEXT, "x%d", i);
    for (size_t k = 0; op->formula && !has_word(op->formula, text); k++) {
        if (k == sizeof letters)
            return "";
        snprintf(text, FR_ARGUMENT_TEXT, "%c", letters[k]);
    }
    return op->formula ? text : "";
}

enum { RESULT = -2, NOTHING = -1, AFTER = 2 /* inputs that may be left out at the end of the list */ };

/* What a word of the formula, or of the derivative, stands for: the index of an input, beyond node's of one that was
 * left out, RESULT or NOTHING. */
static int place(const fr_node *node, const char *word, size_t n)
{
    const fr_op *op = node->op;
    char text[FR_ARGUMENT_TEXT];

    if (n && n == result_length(op->formula) && strncmp(op->formula, word, n) == 0)
        return RESULT;
    for (int i = 0; n && i < node->inputs + AFTER; i++)
        if (is(word, n, fr_explain_symbol(op, i, text)))
            return i;
    return NOTHING;
}

/* The name of what a word stands for; NULL for a constant without one whose word says more. A letter's becomes its
 * number if it is one and known. */
static const char *name_of(const fr_explainer *x, const fr_node *node, int at, size_t n, char text[FR_EXPLAIN_NAME])
{
    const fr_edge *e = &node->edges[at == RESULT ? 0 : at];
    const fr_tensor *t;

    if (at == RESULT)
        return fr_explain_node_name(x, node, 0, text);
    fr_explain_input_name(x, e, text);
    if (e->node || e->leaf || strcmp(text, "constant") != 0)
        return text;
    t = fr_value_of_input(&x->values, e);
    if (n == 1 && t && t->numel == 1)
        snprintf(text, FR_EXPLAIN_NAME, fr_at(t, 0) < 0 ? "(%.5g)" : "%.5g", fr_plain(fr_at(t, 0)));
    return n == 1 ? text : NULL;
}

static bool is_left_out(const fr_node *node, int at)
{
    return at >= node->inputs || (at >= 0 && node->edges[at].meta.ndim < 0);
}

/* An input that was left out takes its index and the plus sign before it along, or what would begin with one then. */
static size_t leave_out(const char *word, size_t n, char *text, size_t *used)
{
    if (word[n] == '[')
        n += strcspn(word + n, "]");
    n += word[n] == ']';
    while (*used && strchr(" +", text[*used - 1]))
        text[--*used] = '\0';
    if (*used && !strchr("=-(", text[*used - 1]))
        return n;
    fr_append(text, FR_EXPLAIN_TEXT, used, "%s", *used && text[*used - 1] == '=' ? " " : "");
    return n + strspn(word + n, " +");
}

/* Appends a word of a formula: the name of an attribute as its number, and what stands for the result or an input, also
 * behind a d, as its name. Returns the length of what it has read, n or more. */
static size_t put_word(const fr_explainer *x, const fr_node *node, const char *word, size_t n, char *text, size_t *used)
{
    const double *number = attribute(node, word, n);
    int at = place(node, word, n);
    bool differential = at == NOTHING && *word == 'd';
    char name[FR_EXPLAIN_NAME];

    if (differential)
        at = place(node, word + 1, n - 1);
    if (is_left_out(node, at))
        return leave_out(word, n, text, used);
    if (number)
        fr_append(text, FR_EXPLAIN_TEXT, used, "%.5g", *number);
    else if (at == NOTHING || !name_of(x, node, at, n, name))
        fr_append(text, FR_EXPLAIN_TEXT, used, "%.*s", (int)n, word);
    else
        fr_append(text, FR_EXPLAIN_TEXT, used, "%s%s", differential ? "d" : "", name);
    return n;
}

/* Appends the power "^(value - 1)" as "^2", "^1" as nothing. Returns the length of what it has read, 0 if formula
 * begins otherwise. */
static size_t put_power(const fr_node *node, const char *formula, char *text, size_t *used)
{
    static const char power[] = "^(value - 1)";
    const double *value = strncmp(formula, power, sizeof power - 1) ? NULL : attribute(node, "value", 5);

    if (value && *value != 2)
        fr_append(text, FR_EXPLAIN_TEXT, used, *value < 1 ? "^(%.5g)" : "^%.5g", *value - 1);
    return value ? sizeof power - 1 : 0;
}

/* Appends the first n characters of a formula with names in the place of its letters. */
static void put_formula(const fr_explainer *x, const fr_node *node, const char *formula, size_t n, char *text,
                        size_t *used)
{
    for (size_t i = 0, length; i < n; i += length) {
        length = word_length(formula + i);
        if (length && formula[i + length] != '(') { /* not a function */
            length = put_word(x, node, formula + i, length, text, used);
        } else if (length || !(length = put_power(node, formula + i, text, used))) {
            length += length == 0;
            fr_append(text, FR_EXPLAIN_TEXT, used, "%.*s", (int)length, formula + i);
        }
    }
}

/* The formula of a step in time, "h' = ...", has its own letters: it stays, and they are told. */
static void put_letters(const fr_explainer *x, const fr_node *node, char *text, size_t *used)
{
    char letter[FR_ARGUMENT_TEXT], name[FR_EXPLAIN_NAME];
    const char *before = ", where ";

    fr_append(text, FR_EXPLAIN_TEXT, used, "%s", node->op->formula);
    for (int i = 0; i < node->inputs; i++) {
        if (!*fr_explain_symbol(node->op, i, letter))
            continue;
        fr_append(text, FR_EXPLAIN_TEXT, used, "%s%s is %s", before, letter,
                  fr_explain_input_name(x, &node->edges[i], name));
        before = ", ";
    }
}

const char *fr_explain_formula(const fr_explainer *x, const fr_node *node, char text[FR_EXPLAIN_TEXT])
{
    const char *formula = node->op->formula;
    size_t used = 0;

    text[0] = '\0';
    if (formula[result_length(formula)] == '\'' && strstr(formula, "' = "))
        put_letters(x, node, text, &used);
    else
        put_formula(x, node, formula, strlen(formula), text, &used);
    return text;
}

const char *fr_explain_numbers(const fr_node *node, char text[FR_EXPLAIN_TEXT])
{
    size_t used = 0;

    text[0] = '\0';
    for (const char *p = node->op->formula ? node->op->formula : ""; *p;) {
        size_t n = word_length(p);
        const double *number = n ? attribute(node, p, n) : NULL;

        if (n && p[n] != '(' && is_left_out(node, place(node, p, n))) {
            p += leave_out(p, n, text, &used);
            continue;
        }
        if (number && p[n] != '(')
            fr_append(text, FR_EXPLAIN_TEXT, &used, "%.5g", *number);
        else
            fr_append(text, FR_EXPLAIN_TEXT, &used, "%.*s", (int)(n ? n : 1), p);
        p += n ? n : 1;
    }
    return text;
}

const char *fr_explain_call(const fr_explainer *x, const fr_node *node, char text[FR_EXPLAIN_TEXT])
{
    const char *formula = node->op->formula, *equals = formula ? strstr(formula, " = ") : NULL;
    char name[FR_EXPLAIN_NAME], value[FR_EXPLAIN_TEXT];
    size_t used = 0;

    if (x->o.trace_table && fr_explain_is_pointwise(node->op) && equals) {
        put_formula(x, node, equals + 3, strlen(equals + 3), text, &used);
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
    const char *all = node->op->derivative, *told, *end;
    char begin[FR_ARGUMENT_TEXT + 16], letter[FR_ARGUMENT_TEXT];
    size_t used = 0;

    text[0] = '\0';
    if (!all || !*fr_explain_symbol(node->op, i, letter))
        return text;
    snprintf(begin, sizeof begin, "d%c/d%s = ", all[1], letter); /* L or y */
    told = strstr(all, begin);
    if (!told)
        return text;
    told += strlen(begin);
    end = strstr(told, ", d");
    put_formula(x, node, told, end ? (size_t)(end - told) : strlen(told), text, &used);
    return text;
}
