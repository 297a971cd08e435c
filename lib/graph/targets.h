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

/* Fills t->leading with the nodes between ys and the targets; false: out of memory. */
bool fr_targets_find(fr_targets *t, fr_tensor *const *ys, int count);
void fr_targets_free(fr_targets *t);

bool fr_targets_led_to_by(const fr_targets *t, const fr_node *node);
/* Whether the gradient that would go along this edge is wanted. */
bool fr_targets_want(const fr_targets *t, const fr_edge *e);

#endif
