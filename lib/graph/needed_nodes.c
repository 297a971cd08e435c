/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Which recorded nodes lead to the tensors that fr_gradients differentiates by: found before the walk, so that it
 * computes nothing else. */
#include "graph/needed_nodes.h"

#include "graph/checkpoint.h"

#include <stdlib.h>

static bool is_x(const fr_needed_nodes *needed, const fr_node *node, int output, const fr_tensor *leaf)
{
    for (int i = 0; i < needed->n; i++) {
        const fr_tensor *x = needed->xs[i];

        if (leaf ? x == leaf : x->producer && fr_node_of(x) == node && x->output == output)
            return true;
    }
    return false;
}

bool fr_needed_nodes_has(const fr_needed_nodes *needed, const fr_node *node)
{
    return fr_table_find(&needed->nodes, node) != NULL;
}

bool fr_needed_edge(const fr_needed_nodes *needed, const fr_edge *e)
{
    return (e->node || e->leaf) &&
           (is_x(needed, e->node, e->output, e->leaf) || (e->node && fr_needed_nodes_has(needed, e->node)));
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

/* Collects all nodes behind ys. Then goes through them from the first made to the last: a node is needed if one of its
 * inputs is an x or a needed node. */
bool fr_needed_nodes_find(fr_needed_nodes *needed, fr_tensor *const *ys, int count)
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
            leads = fr_needed_edge(needed, &node->edges[k]);
        if (leads && !fr_needed_nodes_has(needed, node))
            ok = fr_table_put(&needed->nodes, node, node);
    }
    free(all.nodes);
    fr_table_free(&all.seen);
    return ok;
}

void fr_needed_nodes_free(fr_needed_nodes *needed)
{
    fr_table_free(&needed->nodes);
}
