/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The walk of reverse mode, for the functions that differentiate by it. */
#ifndef FROND_GRAPH_BACKWARD_H
#define FROND_GRAPH_BACKWARD_H

#include "graph/backward_queue.h"
#include "graph/gradient_set.h"
#include "graph/needed_nodes.h"

/* Watches a pass: is called for each node, with the gradients of its outputs and those that it gave its inputs (NULL:
 * not wanted), and for each leaf with its gradient. */
typedef struct {
    void (*at_node)(void *user, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in);
    void (*at_leaf)(void *user, const fr_tensor *leaf, const fr_tensor *gradient);
    void *user;
    const bool *stop; /* or NULL: the pass ends, without an error, when this has become true */
} fr_observer;

/* A node or leaf that the pass started from. The reference keeps all that it was made from alive, whatever hooks do. */
typedef struct fr_backward_root {
    struct fr_backward_root *next;
    fr_node *node;
    fr_tensor *leaf;
} fr_backward_root;

/* One backward pass. */
typedef struct {
    const char *what; /* the public function, for errors */
    fr_thread *th;
    int flags; /* FR_RETAIN_GRAPH, FR_CREATE_GRAPH */
    fr_backward_queue queue;
    fr_backward_root *roots;
    bool selective;              /* only gradients of xs are wanted, as by fr_gradients; leaves accumulate nothing */
    fr_needed_nodes xs;          /* selective: the tensors to differentiate by, and the nodes that lead to them */
    fr_tensor **out;             /* selective: the gradient of each */
    const fr_observer *observer; /* or NULL; if there is one, leaves accumulate nothing */
    fr_gradient_set *sets;       /* that have leaves among those reached so far */
} fr_backward_pass;

/* Adds y, whose gradient is given, to what the pass starts from. A checkpoint also calls this during the walk. */
bool fr_backward_start(fr_backward_pass *p, fr_tensor *y, fr_tensor *gradient);
/* Walks if started is true, and frees what the pass has in any case. Leaves get their gradients at the end; out gets
 * one reference each, or NULL. */
bool fr_backward_run(fr_backward_pass *p, bool started);

/* --- gradients.c ------------------------------------------------------------------------------------------------- */

/* out[i] = the sum over k of dys[k] . d ys[k] / d xs[i], as fr_gradients_with. */
bool fr_gradients_of_many(const char *what, fr_tensor *const *ys, fr_tensor *const *dys, int count,
                          fr_tensor *const *xs, int n, fr_tensor **out, int flags);

/* A backward of t, with ones for its gradient, that changes no leaf and keeps the graph. */
bool fr_backward_observed(const char *what, fr_tensor *t, const fr_observer *observer);
/* The same for n tensors with their gradients; NULL means ones. */
bool fr_backward_observed_many(const char *what, fr_tensor *const *ts, fr_tensor *const *gradients, int n,
                               const fr_observer *observer);

/* --- op_backward.c ----------------------------------------------------------------------------------------------- */

/* Computes call->grad_in[] in ops: by the op's backward, or else by differentiating its definition, which replaces in,
 * the array behind call->in. scratch: room for twice the inputs and outputs. */
bool fr_backward_in_ops(const char *what, int flags, fr_op_call *call, fr_tensor **in, fr_tensor **scratch);

#endif
