/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What fr_gradients differentiates by, so that a pass computes nothing else. */
#ifndef FROND_GRAPH_TARGETS_H
#define FROND_GRAPH_TARGETS_H

#include "graph/pending.h"

typedef struct {
    fr_tensor *const *tensors;
    int n;
    fr_table leading; /* nodes from which the way back leads to one of them */
} fr_targets;

/* Adds the nodes between ys and the targets to t->leading; false: out of memory. A checkpoint, of which it is not known
 * before it is run again, counts as one. */
bool fr_targets_find(fr_targets *t, fr_tensor *const *ys, int count);
void fr_targets_free(fr_targets *t);

bool fr_targets_led_to_by(const fr_targets *t, const fr_node *node);
/* Whether the gradient that would go along this edge is wanted. */
bool fr_targets_want(const fr_targets *t, const fr_edge *e);

#endif
