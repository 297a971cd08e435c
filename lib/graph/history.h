/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The history of a tensor: all recorded nodes that it was made by, and their leaves. For code that describes a graph.
 */
#ifndef FROND_GRAPH_HISTORY_H
#define FROND_GRAPH_HISTORY_H

#include "core/hash_table.h"
#include "graph/node.h"

typedef struct {
    const fr_tensor *t;
    const fr_node **nodes; /* from the first made to the last */
    size_t node_count, node_capacity;
    const fr_tensor **leaves; /* in the order in which nodes read them */
    size_t leaf_count, leaf_capacity;
    fr_table numbers; /* of nodes and leaves: index + 1 */
} fr_history;

/* Fills h; false if memory runs out. h must be freed in any case. */
bool fr_history_collect(fr_history *h, const fr_tensor *t);
/* The same for what n >= 1 tensors were made by; h->t is the first of them. */
bool fr_history_collect_many(fr_history *h, fr_tensor *const *ts, int n);
/* The nodes alone, of n >= 0 tensors: no leaves, no numbers. h is zeros. */
bool fr_history_collect_nodes(fr_history *h, fr_tensor *const *ts, int n);
void fr_history_free(fr_history *h);
/* Its index in nodes or leaves; SIZE_MAX if it is not there. */
size_t fr_history_index(const fr_history *h, const void *node_or_leaf);
/* True if a backward has run and freed saved values. */
bool fr_history_is_walked(const fr_history *h);

#endif
