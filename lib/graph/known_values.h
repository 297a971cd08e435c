/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The values of all results of a graph: those that it keeps, and the others computed again. */
#ifndef FROND_GRAPH_KNOWN_VALUES_H
#define FROND_GRAPH_KNOWN_VALUES_H

#include "graph/picture.h"

typedef struct {
    fr_table results; /* from fr_node_output to the tensor; the innermost scope holds those that were computed */
} fr_known_values;

/* Fills v for the nodes that p shows. What is not kept is computed again by forwards, where all that they read is
 * known. So these are missing: constants that no backward reads; what has changed since it was recorded; what a
 * checkpoint or an op that draws random numbers made and no backward reads; what was made of these. False with an
 * error. v must be freed in any case. */
bool fr_known_values_find(const fr_picture *p, fr_known_values *v);
void fr_known_values_free(fr_known_values *v);

/* The value that goes along e, or that of an output; NULL: not known. */
const fr_tensor *fr_known_value(const fr_known_values *v, const fr_edge *e);
const fr_tensor *fr_known_result(const fr_known_values *v, const fr_node *node, int output);

#endif
