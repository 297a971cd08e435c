/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What fr_graph_dot draws: dot_contents.c collects it, dot.c writes it. */
#ifndef FROND_GRAPH_DOT_CONTENTS_H
#define FROND_GRAPH_DOT_CONTENTS_H

#include "graph/history.h"

/* A tensor that ops read and that no recorded op made. */
typedef struct {
    const fr_tensor *t; /* NULL: its values have been freed */
    fr_shape shape;
    fr_dtype dtype;
    bool leaf;        /* a gradient is wanted */
    const char *name; /* in the options' module; borrowed from it; NULL: has none there */
    fr_module_path
        *module_path; /* innermost module in which all ops are that read it; borrowed from their nodes; NULL: none */
    size_t reader;    /* index of the first of them */
} fr_dot_input;

typedef struct {
    fr_graph_dot_options o;
    fr_history history;
    size_t first;   /* nodes from here on are drawn */
    int64_t *steps; /* of each of those: as how many it is drawn; 0: as one */
    fr_dot_input *inputs;
    size_t input_count, input_capacity;
    fr_table input_numbers; /* from tensor or, where that is not known, edge: index + 1 */
    fr_table names;         /* from tensors */
    fr_table gradients;     /* from nodes and leaves: text, by malloc */
} fr_dot_contents;

/* Fills p; p->o is set before. False with an error. p must be freed in any case. */
bool fr_dot_collect(const char *what, fr_dot_contents *p, fr_tensor *t);
void fr_dot_free(fr_dot_contents *p);

/* The input behind e, an edge that leads to no node; NULL: an optional input that was left out. */
const fr_dot_input *fr_dot_input_of(const fr_dot_contents *p, const fr_edge *e);
/* The number of steps (dim 0 of input 0) of a recurrent op; 0 for other ops. */
int64_t fr_dot_steps(const fr_node *node);
bool fr_dot_is_reversed(const fr_node *node);
/* The value that goes along e from a node; NULL if the graph does not keep it or it has changed since. */
const fr_tensor *fr_dot_value(const fr_edge *e);

/* Writes all values of a small tensor, or "min ..., mean ..., max ..." of a larger one; "" for NULL. Returns text. */
const char *fr_dot_values_text(const fr_tensor *t, char text[FR_VALUES_TEXT]);

#endif
