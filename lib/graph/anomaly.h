/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Looking for NaN and Inf, for apply.c and backward.c, which ask th->graph->anomaly first. */
#ifndef FROND_GRAPH_ANOMALY_H
#define FROND_GRAPH_ANOMALY_H

#include "graph/node.h"

/* Whether all results that call hands out are finite; fails otherwise. */
bool fr_check_results(fr_thread *th, fr_op_call *call);
/* Whether all gradients that node's backward gave are; fails otherwise. */
bool fr_check_gradients(const char *what, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in);

#endif
