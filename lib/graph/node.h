/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A recorded node: one call of an op, as backward needs it.
 *
 * A node has an edge for each input, to the node or leaf that its gradient goes to. It keeps values only of those
 * inputs and outputs that its op names in saves_inputs and saves_outputs; of the others shape, dtype and version, and
 * of a constant that is a scalar its value. */
#ifndef FROND_GRAPH_NODE_H
#define FROND_GRAPH_NODE_H

#include "core/shape.h"
#include "core/tensor.h"
#include "graph/state.h"

#include <frond/autograd.h>
#include <frond/op.h>

/* What a node knows of each input and output, whether its values are saved or not. A fr_shape for each would be most of
 * a graph's memory. */
typedef struct {
    union {
        int64_t *dim;  /* ndim sizes, in the node's block */
        double scalar; /* the value of an input that is a floating scalar and wants no gradient, for explanations */
    };
    unsigned version; /* of its storage when the node was recorded */
    int8_t ndim;      /* -1: an input that is NULL */
    uint8_t dtype;
} fr_metadata;

/* An input. Its gradient goes to output `output` of node, or to leaf; both are NULL if none is wanted. */
typedef struct {
    fr_node *node;
    fr_tensor *leaf;
    fr_tensor *saved; /* the input itself, if backward reads it; if that is leaf, which holds it, without a reference */
    fr_metadata meta;
    int output;
} fr_edge;

/* An output. The tensor itself holds the node, so the node saves a view without history instead: no reference cycle. */
typedef struct {
    fr_tensor *saved; /* that view, if backward reads the output */
    fr_metadata meta;
} fr_node_output;

/* One block of memory: the node, its edges, its outputs, their sizes, its attributes. */
struct fr_node {
    fr_producer producer; /* references, and what core knows of a node; first: either is a pointer to both */
    const fr_op *op;
    uint64_t number;             /* greater than that of each node it depends on */
    fr_site site;                /* of the call in the user's source */
    fr_module_path *module_path; /* of the module it was recorded in, or NULL */
    fr_node *next_dying;
    fr_hook *hooks;
    fr_node_output *results;
    void *attributes;
    uint32_t bytes;         /* of the block */
    bool saved;             /* there were values to save; */
    bool released;          /* they have been freed since */
    bool holds_module_path; /* else a node before it holds module_path */
    int inputs, outputs;
    fr_edge edges[];
};

static inline void fr_metadata_shape(const fr_metadata *m, fr_shape *shape)
{
    shape->ndim = m->ndim;
    for (int i = 0; i < m->ndim; i++)
        shape->dim[i] = m->dim[i];
}

/* The saved tensor; NULL if it is NULL or its values have changed since it was saved. */
static inline fr_tensor *fr_if_unchanged(fr_tensor *saved, const fr_metadata *meta)
{
    return saved && fr_storage_version(saved) == meta->version ? saved : NULL;
}

static inline bool fr_op_has_backward(const fr_op *op)
{
    return op->backward || op->backward_kernel || op->definition;
}

/* True for an op of the library, which computes and does nothing else. A user's op may have the name of one. */
static inline bool fr_op_is_known(const fr_op *op)
{
    return fr_op_find(op->name) == op;
}

/* The node that made t; NULL for a leaf. */
static inline fr_node *fr_node_of(const fr_tensor *t)
{
    return (fr_node *)t->producer;
}

/* Makes the node of a finished call; the call's results become its outputs. False, with an error: out of memory. */
bool fr_node_record(fr_thread *th, const fr_op_call *call);
/* Gives the views that node has saved of its outputs the tangents of the call's results. */
bool fr_node_share_tangents(fr_node *node, const fr_op_call *call);
void fr_node_release_saved(fr_node *node); /* frees the saved values; backward cannot run through it any more */
void fr_node_unref(fr_node *node);

#endif
