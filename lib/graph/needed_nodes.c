/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Which recorded nodes lead to the tensors that fr_gradients differentiates by: found before the walk, so that it
 * computes nothing else. */
#include "graph/needed_nodes.h"

#include "graph/checkpoint.h"
#include "graph/history.h"

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

/* Collects all nodes behind ys. Then goes through them from the first made to the last: a node is needed if one of its
 * inputs is an x or a needed node. */
bool fr_needed_nodes_find(fr_needed_nodes *needed, fr_tensor *const *ys, int count)
{
    fr_history all = { 0 };
    bool ok = fr_history_collect_nodes(&all, ys, count);

    for (size_t i = 0; i < all.node_count && ok; i++) {
        const fr_node *node = all.nodes[i];
        bool leads = node->op == &fr_checkpoint_op;

        for (int k = 0; k < node->inputs && !leads; k++)
            leads = fr_needed_edge(needed, &node->edges[k]);
        if (leads && !fr_needed_nodes_has(needed, node))
            ok = fr_table_put(&needed->nodes, node, needed);
    }
    fr_history_free(&all);
    return ok;
}

void fr_needed_nodes_free(fr_needed_nodes *needed)
{
    fr_table_free(&needed->nodes);
}
