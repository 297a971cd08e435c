/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the graph keeps for each thread. */
#include "graph/state.h"

static void end(fr_graph_state *graph)
{
    fr_growth_end(&graph->growth);
}

const fr_thread_part fr_graph_thread_part = { .size = sizeof(fr_graph_state), .end = end };
