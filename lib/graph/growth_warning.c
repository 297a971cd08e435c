/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Warns of a graph that grows from step to step: a state that is carried over without fr_detach, losses added up as
 * tensors.
 *
 * A step is what a thread does from one call of fr_backward to the next. Within a step there is a moment when the graph
 * of the step before is gone and the graph of this one is not there yet. So the least number of nodes that are alive at
 * any time in a step stays the same in a sound program, however long its sequences are; it is 0 if each step has a
 * scope of its own.
 *
 * When this number has risen STEPS times in a row, the nodes of the next step are noted, and the step after that is
 * waited for: nodes that are still alive then are what is kept. One of them that took a result of an earlier step ties
 * the steps together. The warning names it. There is one warning for each thread.
 *
 * Results that are not recorded, as under FR_NO_GRAD, have no graph and no backward that tells the steps apart. Where
 * nothing is recorded, the number of tensors that scopes hold returns to a low value with each step that has a scope of
 * its own. Without one it doubles again and again, and the second warning comes when that has cost HELD_BYTES. */
#include "graph/growth_warning.h"

#include "graph/node.h"

#include <stdlib.h>

enum { STEPS = 20, HELD_TENSORS = 1024, HELD_BYTES = 8 << 20 };

/* A node of the step that is looked at. */
typedef struct fr_growth_sample {
    const fr_node *node; /* NULL: freed */
    uint64_t number;
    const char *name, *earlier; /* earlier: the op of an earlier step whose result this one took, or NULL */
    fr_site site, earlier_site;
} sample;

/* If memory runs out the node is not noted. */
void fr_growth_sample(fr_growth_warning *g, const fr_node *node)
{
    sample s = { .node = node, .number = node->number, .name = node->op->name, .site = node->site };

    if (g->state != FR_GROWTH_SAMPLING || !fr_make_room(&g->samples, sizeof *g->samples, g->count, &g->capacity))
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

void fr_growth_forget(fr_growth_warning *g, const fr_node *node)
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

/* The node that ties this step to earlier ones; if there is none, the oldest node that is still alive, or NULL. */
static const sample *find_culprit(const fr_growth_warning *g)
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

static const char *call_site_text(const fr_site *site, char text[FR_PATH_TEXT])
{
    if (site->file)
        snprintf(text, FR_PATH_TEXT, " at %s:%d", site->file, site->line);
    else
        text[0] = '\0';
    return text;
}

static void warn(const fr_growth_warning *g)
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
            g->risen, (long long)g->nodes, s->name, call_site_text(&s->site, here), s->earlier,
            call_site_text(&s->earlier_site, there));
    else
        fr_warn(
            "backward",
            "the graph has grown in each of the last %d steps, to %lld nodes: results of %s%s are kept from step to "
            "step; begin each step with FR_SCOPE, and fr_detach what is to be kept",
            g->risen, (long long)g->nodes, s->name, call_site_text(&s->site, here));
}

static void free_samples(fr_growth_warning *g)
{
    free(g->samples);
    g->samples = NULL;
    g->count = g->capacity = 0;
}

void fr_growth_end(fr_growth_warning *g)
{
    free_samples(g);
}

/* The number has risen once more. */
static void advance(fr_growth_warning *g)
{
    if (g->state == FR_GROWTH_SAMPLING) {
        g->state = FR_GROWTH_WAITING;
    } else if (g->state == FR_GROWTH_WAITING) {
        warn(g);
        free_samples(g);
        g->state = FR_GROWTH_DONE;
    } else if (g->risen >= STEPS) {
        g->state = FR_GROWTH_SAMPLING;
    }
}

void fr_growth_step(fr_growth_warning *g, uint64_t clock)
{
    if (g->state == FR_GROWTH_DONE)
        return;
    g->risen = g->fewest > g->fewest_before ? g->risen + 1 : 0;
    g->fewest_before = g->fewest;
    g->fewest = g->nodes;
    if (g->risen == 0) {
        free_samples(g);
        g->state = FR_GROWTH_COUNTING;
    } else {
        advance(g);
    }
    g->start = clock;
}

/* Between two looks at the same pile the number never fell below the first, and nothing was recorded. */
void fr_growth_held(fr_growth_warning *g, const char *op, const fr_site *site, size_t held, uint64_t clock)
{
    bool more = g->held.least > 0 && held >= g->held.most && g->held.clock == clock;
    size_t bytes = fr_live_bytes();
    char here[FR_PATH_TEXT];

    if (more && bytes >= g->held.bytes + HELD_BYTES) {
        fr_warn(op,
                "results%s pile up: %zu tensors are held, and %zu bytes have been added since they were %zu; begin "
                "each step with FR_SCOPE, and fr_ref or fr_escape what is to be kept",
                call_site_text(site, here), held, bytes - g->held.bytes, g->held.least);
        g->held.least = 0;
        g->held.most = SIZE_MAX;
        return;
    }
    if (!more) {
        g->held.least = held >= HELD_TENSORS ? held : 0;
        g->held.bytes = bytes;
        g->held.clock = clock;
    }
    g->held.most = held >= HELD_TENSORS ? 2 * held : HELD_TENSORS;
}
