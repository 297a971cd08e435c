/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A pass over recorded nodes, for backward.c: what is waiting for its gradients to be complete. */
#ifndef FROND_GRAPH_PENDING_H
#define FROND_GRAPH_PENDING_H

#include "core/hash_table.h"
#include "graph/node.h"

/* A node, or a leaf, and the gradients that have arrived at its outputs. It holds neither: the pass holds the tensors
 * it started from, and they all that they were made from. */
typedef struct fr_pending {
    fr_node *node;
    fr_tensor *leaf;
    struct fr_pending *next; /* for a list once it is out of the queue */
    uint64_t number;         /* 0 for leaves, which come last */
    int outputs;
    struct {
        fr_tensor *grad;
        bool own; /* made by adding up here: nobody else sees it */
    } slot[];
} fr_pending;

/* A binary heap by descending number, and a table from node or leaf to entry. */
typedef struct {
    fr_pending **heap;
    size_t count, capacity;
    fr_table table;
} fr_queue;

/* The entry of node or leaf, made if there is none; NULL: out of memory. */
fr_pending *fr_queue_entry(fr_queue *q, fr_node *node, fr_tensor *leaf);
fr_pending *fr_queue_pop(fr_queue *q); /* highest number; NULL: empty */
void fr_pending_free(fr_pending *p);
void fr_queue_free(fr_queue *q);

#endif
