/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A walk back over recorded nodes, for those parts of the graph that differentiate. */
#ifndef FROND_GRAPH_PASS_H
#define FROND_GRAPH_PASS_H

#include "graph/pending.h"
#include "graph/targets.h"

/* --- backward.c: the walk ---------------------------------------------------------------------------------------- */

/* What fr_explain sees of a pass: a node with the gradients of its outputs and those it gave its inputs (NULL where
 * none was wanted), or a leaf and its gradient. */
typedef struct {
    void (*at_node)(void *user, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in);
    void (*at_leaf)(void *user, const fr_tensor *leaf, const fr_tensor *gradient);
    void *user;
} fr_observer;

/* Where the pass started, a node or a leaf: held, and with it all that it was made from, whatever hooks do. */
typedef struct fr_start {
    struct fr_start *next;
    fr_node *node;
    fr_tensor *leaf;
} fr_start;

typedef struct {
    const char *what; /* the public function, for errors */
    fr_thread *th;
    int flags;
    fr_queue queue;
    fr_start *starts;
    bool selective;              /* fr_gradients: only what leads to its xs; */
    fr_targets xs;               /* ... which these are, */
    fr_tensor **out;             /* ... and what came of each */
    const fr_observer *observer; /* or NULL */
} fr_pass;

/* Has the pass start from y, with this gradient of it; before the walk, or in it. */
bool fr_pass_start(fr_pass *p, fr_tensor *y, fr_tensor *gradient);
/* Walks, unless the start failed, and frees what the pass has. Leaves get their gradients at the end; xs, in out, one
 * reference each or NULL. */
bool fr_pass_walk(fr_pass *p, bool started);

/* --- gradients.c ------------------------------------------------------------------------------------------------- */

/* out[i] = the sum over k of dys[k] . d ys[k] / d xs[i], as fr_gradients_with. */
bool fr_gradients_of_many(const char *what, fr_tensor *const *ys, fr_tensor *const *dys, int count,
                          fr_tensor *const *xs, int n, fr_tensor **out, int flags);

/* A backward of t, with ones for its gradient, that changes no leaf and keeps the graph. */
bool fr_backward_observed(const char *what, fr_tensor *t, const fr_observer *observer);

/* --- op_backward.c ----------------------------------------------------------------------------------------------- */

/* Sets call->grad_in[] in ops, by the op's backward or else its definition. in: call->in, which the definition
 * replaces; scratch: room for twice the inputs and outputs. */
bool fr_backward_in_ops(const char *what, int flags, fr_op_call *call, fr_tensor **in, fr_tensor **scratch);

#endif
