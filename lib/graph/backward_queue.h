/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The work list of a backward pass: nodes and leaves that are waiting for their gradients to be complete. */
#ifndef FROND_GRAPH_BACKWARD_QUEUE_H
#define FROND_GRAPH_BACKWARD_QUEUE_H

#include "core/hash_table.h"
#include "graph/node.h"

/* A node, or a leaf, and the sum of the gradients that have come to each of its outputs so far. It holds neither; the
 * pass holds its roots, and these hold all that they were made from. */
typedef struct fr_backward_task {
    fr_node *node;
    fr_tensor *leaf;
    struct fr_backward_task *next; /* in a list of leaves that have left the queue */
    uint64_t number;               /* the node's; of a leaf 0: leaves come last, but for those in first_readers */
    int outputs;                   /* 1 for a leaf */
    struct {
        fr_tensor *grad; /* NULL: none has come */
        bool own;        /* the sum was made here and nobody else sees it, so more may be added in place */
    } slot[];
} fr_backward_task;

/* A binary heap by descending number, and a table from node or leaf to its task. */
typedef struct {
    fr_backward_task **heap;
    size_t count, capacity;
    fr_table table;
    fr_table first_readers; /* of some leaves: the first made of the nodes that read it, after which it comes */
} fr_backward_queue;

/* The task of node or leaf, made if there is none; NULL: out of memory. */
fr_backward_task *fr_backward_queue_task(fr_backward_queue *q, fr_node *node, fr_tensor *leaf);
/* Takes out the task with the highest number; NULL: the queue is empty. */
fr_backward_task *fr_backward_queue_pop(fr_backward_queue *q);
void fr_backward_task_free(fr_backward_task *task);
void fr_backward_queue_free(fr_backward_queue *q);

#endif
