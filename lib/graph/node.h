/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Recorded nodes, for apply and backward. */
#ifndef FROND_GRAPH_NODE_H
#define FROND_GRAPH_NODE_H

#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"

#include <frond/autograd.h>
#include <frond/op.h>

/* What is kept of an input or output even where its values are not: a fr_shape of each would be most of a graph. */
typedef struct {
    int64_t *dim;     /* ndim sizes, in the node's block */
    unsigned version; /* of its storage when it was saved */
    int8_t ndim;      /* -1: an input that is NULL */
    uint8_t dtype;
} fr_kept;

/* Where a gradient goes: to output `output` of node, or to a leaf; both NULL where none is wanted. */
typedef struct {
    fr_node *node;
    fr_tensor *leaf;
    fr_tensor *saved; /* the input itself, where the op reads it in backward */
    fr_kept kept;
    int output;
} fr_edge;

typedef struct {
    fr_tensor *saved; /* a history-free view of the output, where the op reads it: the output itself would be a cycle */
    fr_kept kept;
} fr_node_output;

/* One block: the node, its edges, its results, their sizes, its attributes. */
struct fr_node {
    fr_producer producer;
    const fr_op *op;
    uint64_t number; /* greater than that of each node it depends on */
    fr_site site;
    fr_place *place; /* of the module it was recorded in, or NULL */
    fr_node *next_dying;
    fr_hook *hooks;
    fr_node_output *results;
    void *attributes;
    uint32_t bytes; /* of the block */
    bool saved;     /* there were values to save */
    bool released;  /* ... and they are gone */
    bool holds_place;
    int inputs, outputs;
    fr_edge edges[];
};

static inline void fr_kept_shape(const fr_kept *k, fr_shape *shape)
{
    shape->ndim = k->ndim;
    for (int i = 0; i < k->ndim; i++)
        shape->dim[i] = k->dim[i];
}

static inline bool fr_op_has_backward(const fr_op *op)
{
    return op->backward || op->backward_kernel || op->definition;
}

static inline fr_node *fr_node_of(const fr_tensor *t)
{
    return (fr_node *)t->producer;
}

/* Makes the node of a finished call and the call's results its outputs; false: out of memory. */
bool fr_node_record(fr_thread *th, const fr_op_call *call);
/* Gives what node has saved of its outputs the tangents of the call's results. */
bool fr_node_share_tangents(fr_node *node, const fr_op_call *call);
void fr_node_release_saved(fr_node *node);
void fr_node_unref(fr_node *node);

#endif
