/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Explanations of a graph: explain.c walks and writes the text, explain_table.c the table, explain_words.c finds the
 * words for both, explain_op.c finds the derivatives of one op, and explains it by smaller ones. The page for a browser
 * is explain_html.c's alone. */
#ifndef FROND_GRAPH_EXPLAIN_H
#define FROND_GRAPH_EXPLAIN_H

#include "core/writer.h"
#include "graph/argument_name.h"
#include "graph/backward.h"
#include "graph/values.h"

enum { FR_EXPLAIN_NAME = 64, FR_EXPLAIN_TEXT = 512, FR_EXPLAIN_FEW = 16 };

/* What has come to one place, a leaf or a result, as text: its parts, joined by plus signs. */
typedef struct {
    int count;
    char *symbols; /* "dL/dv4 * v2 + dL/dv6 * v5", or in the text "4 from #3 + 1 from #2" */
    char *numbers; /* "0.5 * 2 + 1 * 4"; this and the next only for the table */
    char *sum;     /* "5" */
} fr_explain_parts;

typedef struct {
    fr_writer w;
    fr_explain_options o;
    const char *what; /* the public function */
    fr_history history;
    fr_values values;
    fr_table names;     /* of tensors, text that is borrowed */
    fr_table parts;     /* of leaves, and of outputs by their fr_node_output: fr_explain_parts */
    const char *prefix; /* of the numbers of nodes: "", or "3." in what explains op 3 */
    int depth;          /* how many ops that are explained this one is in */
    FILE *later;        /* what comes after the table, or NULL */
    char *later_text;
    size_t later_size;
    bool failed;            /* with an error, or because memory has run out */
    const fr_node *culprit; /* the first op from which a NaN or infinity went backward; NULL: none */
    double nan;             /* that */
} fr_explainer;

/* Writes the explanation of ts, with their gradients: NULL for the first means ones. x's w, o, what, names, prefix and
 * depth are set; x must be freed in any case. False with an error. */
bool fr_explain_graph(fr_explainer *x, fr_tensor *const *ts, fr_tensor *const *gradients, int n);
void fr_explain_free(fr_explainer *x);

/* Begins a line: spaces, and those of the depth of x. */
void fr_explain_indent(fr_explainer *x, int spaces);

/* --- explain_table.c ---------------------------------------------------------------------------------------------- */

void fr_explain_put_table(fr_explainer *x);

/* Remembers node if it is the first that sends NaN or infinity to an input. */
void fr_explain_look_for_nan(fr_explainer *x, const fr_node *node, fr_tensor *const *grad_in);
/* Writes where a NaN or infinity came from, if there is one. */
void fr_explain_put_warning(fr_explainer *x);

/* --- explain_op.c ------------------------------------------------------------------------------------------------- */

/* Explains node by its definition, whose results have the gradients grad_out; nothing if it has none. wanted[i]: NULL
 * where no gradient of input i is wanted. */
bool fr_explain_definition(fr_explainer *x, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *wanted);
/* d[i] = the derivatives of the node's result by input i, element by element; the open scope holds them. Stays NULL
 * where there are none to tell. */
bool fr_explain_local(fr_explainer *x, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in,
                      fr_tensor **d);

/* --- explain_words.c: each writes text and returns it ------------------------------------------------------------- */

/* The formula's word for input i: its name or the first letter of that, or x, as the only input of many ops is t in C.
 * "" if the formula has none. */
const char *fr_explain_symbol(const fr_op *op, int i, char text[FR_ARGUMENT_TEXT]);
/* "#3", in a table "v5"; of an op with several results "#3[1]". */
const char *fr_explain_node_name(const fr_explainer *x, const fr_node *node, int output, char text[FR_EXPLAIN_NAME]);
/* "w", in a table "v1". */
const char *fr_explain_leaf_name(const fr_explainer *x, const fr_tensor *leaf, char text[FR_EXPLAIN_NAME]);
/* "w": the name that it was given, or else a letter. */
const char *fr_explain_leaf_label(const fr_explainer *x, const fr_tensor *leaf, char text[FR_EXPLAIN_NAME]);
const char *fr_explain_input_name(const fr_explainer *x, const fr_edge *e, char text[FR_EXPLAIN_NAME]);
/* "2", "[1, 2]", or "(3, 4), norm 5.2, first 1, 2, 3"; "not kept" for NULL. */
const char *fr_explain_value(const fr_tensor *t, char text[FR_EXPLAIN_TEXT]);
/* The op's formula, which it must have, with the names of what it computes with: "#3 = #2 + 1". */
const char *fr_explain_formula(const fr_explainer *x, const fr_node *node, char text[FR_EXPLAIN_TEXT]);
/* The op's formula with its own letters, but node's numbers and without inputs that were left out, for a page: "y = x +
 * 1".
 * "" if it has none. */
const char *fr_explain_numbers(const fr_node *node, char text[FR_EXPLAIN_TEXT]);
/* What node computes: "tanh(#2)", in a table of pointwise ops their formula, "tanh v5". */
const char *fr_explain_call(const fr_explainer *x, const fr_node *node, char text[FR_EXPLAIN_TEXT]);
/* What the op tells of its derivative by input i: of a pointwise op "1 - #3^2", of others how the gradient comes from
 * that of the result, "dL/d#1 x^T"; or "". */
const char *fr_explain_derivative(const fr_explainer *x, const fr_node *node, int i, char text[FR_EXPLAIN_TEXT]);

static inline bool fr_explain_is_pointwise(const fr_op *op)
{
    return op->jvp == fr_jvp_pointwise;
}

#endif
