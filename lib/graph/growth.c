/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Warns of a graph that grows from step to step: a state carried over undetached, a loss summed up as a tensor.
 *
 * The rule: a step is what lies between two calls of fr_backward on a thread. Somewhere in it the graph of the step
 * before has gone and that of this one is not there yet; so what counts is the least number of recorded nodes that
 * were alive during a step. However long its sequences, a sound program comes back to the same number (to none, where
 * each step has its scope). When it has risen STEPS times in a row, the next two steps are looked at closely: nodes of
 * the first that still live in the second are what is kept, and of those the one that took a result of an earlier step
 * ties the steps together. The warning names it, once for each thread. */
#include "graph/growth.h"

#include <stdlib.h>

enum { STEPS = 20 };

/* A node of the step that is looked at. */
typedef struct {
    const fr_node *node; /* NULL: freed */
    uint64_t number;
    const char *name, *earlier; /* earlier: the op of an earlier step that it took a result of, or NULL */
    fr_site site, earlier_site;
} sample;

struct fr_growth {
    int64_t before; /* the least number of nodes in the last step */
    int risen;      /* how many times in a row */
    uint64_t start; /* the clock when this step began */
    enum { COUNTING, SAMPLING, WAITING, DONE } state;
    sample *samples; /* by ascending number */
    size_t count, capacity;
};

bool fr_growth_samples(const fr_growth *g)
{
    return g->state == SAMPLING || g->state == WAITING;
}

/* A node that finds no memory is not looked at. */
void fr_growth_sample(fr_growth *g, const fr_node *node)
{
    sample s = { .node = node, .number = node->number, .name = node->op->name, .site = node->site };

    if (g->state != SAMPLING || !fr_make_room(&g->samples, sizeof *g->samples, g->count, &g->capacity))
        return;
    for (int i = 0; i < node->inputs; i++) {
        const fr_node *from = node->edges[i].node;

        if (from && from->number <= g->start) {
            s.earlier = from->op->name;
            s.earlier_site = from->site;
        }
    }
    g->samples[g->count++] = s;
}

void fr_growth_forget(fr_growth *g, const fr_node *node)
{
    size_t low = 0, high = g->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (g->samples[middle].number < node->number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < g->count && g->samples[low].node == node)
        g->samples[low].node = NULL;
}

/* The node that ties this step to those before, or else the oldest that is kept; NULL: none is. */
static const sample *find_culprit(const fr_growth *g)
{
    const sample *oldest = NULL;

    for (size_t i = 0; i < g->count; i++) {
        const sample *s = &g->samples[i];

        if (!s->node)
            continue;
        if (s->earlier)
            return s;
        if (!oldest)
            oldest = s;
    }
    return oldest;
}

static const char *place(const fr_site *site, char text[FR_PATH_TEXT])
{
    if (site->file)
        snprintf(text, FR_PATH_TEXT, " at %s:%d", site->file, site->line);
    else
        text[0] = '\0';
    return text;
}

static void warn(const fr_growth *g, int64_t nodes)
{
    const sample *s = find_culprit(g);
    char here[FR_PATH_TEXT], there[FR_PATH_TEXT];

    if (!s)
        return;
    if (s->earlier)
        fr_warn(
            "backward",
            "the graph has grown in each of the last %d steps, to %lld nodes: %s%s takes a result that %s%s made in "
            "an earlier step; fr_detach it, or add up numbers (fr_item) instead of tensors",
            g->risen, (long long)nodes, s->name, place(&s->site, here), s->earlier, place(&s->earlier_site, there));
    else
        fr_warn(
            "backward",
            "the graph has grown in each of the last %d steps, to %lld nodes: results of %s%s are kept from step to "
            "step; begin each step with FR_SCOPE, and fr_detach what is to be kept",
            g->risen, (long long)nodes, s->name, place(&s->site, here));
}

static void stop_looking(fr_growth *g)
{
    free(g->samples);
    g->samples = NULL;
    g->count = g->capacity = 0;
}

static void free_growth(fr_thread *th)
{
    stop_looking(th->growth);
    free(th->growth);
    th->growth = NULL;
}

static void advance(fr_growth *g, fr_thread *th)
{
    if (g->state == SAMPLING) {
        g->state = WAITING;
    } else if (g->state == WAITING) {
        warn(g, th->nodes);
        stop_looking(g);
        g->state = DONE;
    } else if (g->risen >= STEPS) {
        g->state = SAMPLING;
    }
}

void fr_growth_step(fr_thread *th)
{
    fr_growth *g = th->growth;

    if (!g) {
        th->free_growth = free_growth;
        g = th->growth = calloc(1, sizeof *g); /* NULL: there are no warnings without memory */
    }
    if (!g || g->state == DONE)
        return;
    g->risen = th->fewest_nodes > g->before ? g->risen + 1 : 0;
    g->before = th->fewest_nodes;
    th->fewest_nodes = th->nodes;
    if (g->risen == 0) {
        stop_looking(g);
        g->state = COUNTING;
    } else {
        advance(g, th);
    }
    g->start = th->clock;
}
