/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the graph keeps for each thread: the part of fr_thread that core does not look into. It starts as zeros. */
#ifndef FROND_GRAPH_STATE_H
#define FROND_GRAPH_STATE_H

#include "core/thread.h"
#include "graph/growth_warning.h"
#include "graph/result_limit.h"

typedef struct fr_graph_state {
    uint64_t clock;           /* node.c: the greatest number of a node that was made on this thread, or read by one */
    struct fr_node *dying;    /* node.c: nodes to be freed after the one that is being freed */
    bool freeing;             /* node.c: one is */
    bool anomaly;             /* anomaly.c: fr_detect_anomaly is on */
    bool probe_found;         /* checkpoint.c: while probing, an op was run that would have been recorded */
    fr_result_limit results;  /* result_limit.c */
    fr_growth_warning growth; /* growth_warning.c */
} fr_graph_state;

#endif
