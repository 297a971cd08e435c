/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Inside backward.c, for those parts of the graph that differentiate. */
#ifndef FROND_GRAPH_PASS_H
#define FROND_GRAPH_PASS_H

#include "graph/node.h"

/* out[i] = the sum over k of dys[k] . d ys[k] / d xs[i], as fr_gradients_with. */
bool fr_gradients_of_many(const char *what, fr_tensor *const *ys, fr_tensor *const *dys, int count,
                          fr_tensor *const *xs, int n, fr_tensor **out, int flags);

/* Sets call->grad_in[] in ops, by the op's backward or else its definition. in: call->in, which the definition
 * replaces; scratch: room for twice the inputs and outputs. */
bool fr_backward_in_ops(const char *what, int flags, fr_op_call *call, fr_tensor **in, fr_tensor **scratch);

/* What fr_explain sees of a pass: a node with the gradients of its outputs and those it gave its inputs (NULL where
 * none was wanted), or a leaf and its gradient. */
typedef struct {
    void (*at_node)(void *user, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in);
    void (*at_leaf)(void *user, const fr_tensor *leaf, const fr_tensor *gradient);
    void *user;
} fr_observer;

/* A backward of t, with ones for its gradient, that changes no leaf and keeps the graph. */
bool fr_backward_observed(const char *what, fr_tensor *t, const fr_observer *observer);

#endif
