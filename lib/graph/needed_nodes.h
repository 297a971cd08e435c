/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Which nodes a backward pass needs to run for the gradients of given tensors: those on a way from y to one of them. */
#ifndef FROND_GRAPH_NEEDED_NODES_H
#define FROND_GRAPH_NEEDED_NODES_H

#include "graph/backward_queue.h"

typedef struct {
    fr_tensor *const *xs; /* the tensors to differentiate by */
    int n;
    fr_table nodes; /* those from which the way back leads to an x */
} fr_needed_nodes;

/* Adds the nodes between ys and the xs; false: out of memory. A checkpoint always counts as needed, since what it leads
 * to is not known before it is run again. */
bool fr_needed_nodes_find(fr_needed_nodes *needed, fr_tensor *const *ys, int count);
void fr_needed_nodes_free(fr_needed_nodes *needed);

bool fr_needed_nodes_has(const fr_needed_nodes *needed, const fr_node *node);
/* True if the gradient that goes along this edge is needed: the edge leads to an x or to a needed node. */
bool fr_needed_edge(const fr_needed_nodes *needed, const fr_edge *e);

#endif
