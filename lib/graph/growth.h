/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Counting recorded nodes, to warn where they grow more from step to step. */
#ifndef FROND_GRAPH_GROWTH_H
#define FROND_GRAPH_GROWTH_H

#include "graph/node.h"

/* A thread's record of its last steps. */
typedef struct fr_growth fr_growth;

bool fr_growth_samples(const fr_growth *g);
void fr_growth_sample(fr_growth *g, const fr_node *node);
void fr_growth_forget(fr_growth *g, const fr_node *node);

/* A backward is about to begin: a step is over. */
void fr_growth_step(fr_thread *th);

static inline void fr_growth_recorded(fr_thread *th, const fr_node *node)
{
    th->nodes++;
    if (FR_UNLIKELY(th->growth && fr_growth_samples(th->growth)))
        fr_growth_sample(th->growth, node);
}

static inline void fr_growth_freed(fr_thread *th, const fr_node *node)
{
    if (--th->nodes < th->fewest_nodes)
        th->fewest_nodes = th->nodes;
    if (FR_UNLIKELY(th->growth && fr_growth_samples(th->growth)))
        fr_growth_forget(th->growth, node);
}

#endif
