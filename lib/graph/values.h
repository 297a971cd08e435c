/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The values that went through a recorded graph, for code that shows them. */
#ifndef FROND_GRAPH_VALUES_H
#define FROND_GRAPH_VALUES_H

#include "graph/history.h"

typedef struct {
    const fr_history *history;
    fr_tensor **all;  /* each output of each node; NULL: not known */
    size_t *first;    /* of each node: where its outputs begin; behind the last: how many there are in all */
    fr_table scalars; /* from edges: constants that are scalars, tensors again */
} fr_values;

/* Graphs of more ops than this are not computed again. */
enum { FR_VALUES_MAX_NODES = 10000 };

/* Finds the values that the graph keeps, and computes from them those that it does not keep, with the library's ops,
 * which draw no random numbers: one of a user may do more than compute. False with an error. v must be freed in any
 * case. */
bool fr_values_find(const char *what, fr_values *v, const fr_history *h);
void fr_values_free(fr_values *v);

/* All borrowed; NULL: not known. A value that has changed since it was recorded is not known. node may be one that is
 * not of the history. */
fr_tensor *fr_value_of_output(const fr_values *v, const fr_node *node, int output);
fr_tensor *fr_value_of_input(const fr_values *v, const fr_edge *e);

/* Writes all values of t, as far as text has room: "2" for a scalar, else "[1, 2]", "[[1, 2], [3, 4]]". Returns text.
 */
const char *fr_values_text(const fr_tensor *t, char *text, size_t size);

#endif
