/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Counts recorded nodes, to warn of a graph that grows from step to step. */
#ifndef FROND_GRAPH_GROWTH_WARNING_H
#define FROND_GRAPH_GROWTH_WARNING_H

#include "core/call_site.h"

typedef struct fr_node fr_node;

/* A part of fr_graph_state. */
typedef struct {
    int64_t nodes;         /* recorded on this thread less freed on it */
    int64_t fewest;        /* the least of that since the last backward */
    int64_t fewest_before; /* ... and in the step before that one */
    int risen;             /* how many steps in a row it has risen */
    uint64_t start;        /* the thread's clock when this step began */
    enum { FR_GROWTH_COUNTING, FR_GROWTH_SAMPLING, FR_GROWTH_WAITING, FR_GROWTH_DONE } state;
    struct fr_growth_sample *samples; /* nodes of the step that is looked at closely, by ascending number */
    size_t count, capacity;
    struct {
        size_t least, most; /* how many tensors scopes hold where nothing has to be looked at */
        size_t bytes;       /* of values in the process when `least` was set ... */
        uint64_t clock;     /* ... and the thread's clock */
    } held;
} fr_growth_warning;

/* A backward is about to begin, so a step is over. clock: the thread's. */
void fr_growth_step(fr_growth_warning *g, uint64_t clock);
void fr_growth_end(fr_growth_warning *g); /* the thread ends */

void fr_growth_sample(fr_growth_warning *g, const fr_node *node);
void fr_growth_forget(fr_growth_warning *g, const fr_node *node);

/* op has made a result that is not recorded, while the thread's scopes hold so many tensors. */
void fr_growth_held(fr_growth_warning *g, const char *op, const fr_site *site, size_t held, uint64_t clock);

static inline void fr_growth_unrecorded(fr_growth_warning *g, const char *op, const fr_site *site, size_t held,
                                        uint64_t clock)
{
    if (FR_UNLIKELY(held < g->held.least || held >= g->held.most))
        fr_growth_held(g, op, site, held, clock);
}

static inline bool fr_growth_has_samples(const fr_growth_warning *g)
{
    return FR_UNLIKELY(g->state == FR_GROWTH_SAMPLING || g->state == FR_GROWTH_WAITING);
}

static inline void fr_growth_recorded(fr_growth_warning *g, const fr_node *node)
{
    g->nodes++;
    if (fr_growth_has_samples(g))
        fr_growth_sample(g, node);
}

static inline void fr_growth_freed(fr_growth_warning *g, const fr_node *node)
{
    if (--g->nodes < g->fewest)
        g->fewest = g->nodes;
    if (fr_growth_has_samples(g))
        fr_growth_forget(g, node);
}

#endif
