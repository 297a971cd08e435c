/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Which recorded nodes lead to the tensors that fr_gradients differentiates by. */
#include "graph/targets.h"

#include "graph/checkpoint.h"

#include <stdlib.h>

static bool is_target(const fr_targets *t, const fr_node *node, int output, const fr_tensor *leaf)
{
    for (int i = 0; i < t->n; i++) {
        const fr_tensor *x = t->tensors[i];

        if (leaf ? x == leaf : x->producer && fr_node_of(x) == node && x->output == output)
            return true;
    }
    return false;
}

bool fr_targets_led_to_by(const fr_targets *t, const fr_node *node)
{
    return fr_table_find(&t->leading, node) != NULL;
}

bool fr_targets_want(const fr_targets *t, const fr_edge *e)
{
    return (e->node || e->leaf) &&
           (is_target(t, e->node, e->output, e->leaf) || (e->node && fr_targets_led_to_by(t, e->node)));
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = (*(fr_node *const *)a)->number, y = (*(fr_node *const *)b)->number;

    return (x > y) - (x < y);
}

typedef struct {
    fr_node **nodes;
    size_t count, capacity;
    fr_table seen;
} node_list;

static bool list_add(node_list *l, fr_node *node)
{
    if (!node || fr_table_find(&l->seen, node))
        return true;
    if (!fr_make_room(&l->nodes, sizeof *l->nodes, l->count, &l->capacity))
        return false;
    l->nodes[l->count++] = node;
    return fr_table_put(&l->seen, node, node);
}

/* From the first made node to the last, one leads to a target if one of its inputs does. */
bool fr_targets_find(fr_targets *t, fr_tensor *const *ys, int count)
{
    node_list all = { 0 };
    bool ok = true;

    for (int i = 0; i < count && ok; i++)
        ok = list_add(&all, fr_node_of(ys[i]));
    for (size_t i = 0; i < all.count && ok; i++)
        for (int k = 0; k < all.nodes[i]->inputs && ok; k++)
            ok = list_add(&all, all.nodes[i]->edges[k].node);
    if (all.count)
        qsort(all.nodes, all.count, sizeof *all.nodes, by_number);
    for (size_t i = 0; i < all.count && ok; i++) {
        fr_node *node = all.nodes[i];
        bool leads = node->op == &fr_checkpoint_op;

        for (int k = 0; k < node->inputs && !leads; k++)
            leads = fr_targets_want(t, &node->edges[k]);
        if (leads && !fr_targets_led_to_by(t, node))
            ok = fr_table_put(&t->leading, node, node);
    }
    free(all.nodes);
    fr_table_free(&all.seen);
    return ok;
}

void fr_targets_free(fr_targets *t)
{
    fr_table_free(&t->leading);
}
