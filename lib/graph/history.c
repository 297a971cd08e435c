/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Collects the nodes and leaves behind a tensor, with a work list: recursion would overflow the stack, since a graph is
 * as deep as it is long. */
#include "graph/history.h"

#include <stdlib.h>

static bool add_node(fr_history *m, const fr_node *node)
{
    if (fr_table_find(&m->numbers, node))
        return true;
    if (!fr_make_room(&m->nodes, sizeof *m->nodes, m->node_count, &m->node_capacity))
        return false;
    m->nodes[m->node_count++] = node;
    return fr_table_put(&m->numbers, node, (void *)(uintptr_t)1); /* its number comes when all are known */
}

static bool add_leaf(fr_history *m, const fr_tensor *leaf)
{
    if (fr_table_find(&m->numbers, leaf))
        return true;
    if (!fr_make_room(&m->leaves, sizeof *m->leaves, m->leaf_count, &m->leaf_capacity))
        return false;
    m->leaves[m->leaf_count++] = leaf;
    return fr_table_put(&m->numbers, leaf, (void *)(uintptr_t)m->leaf_count);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = (*(const fr_node *const *)a)->number, y = (*(const fr_node *const *)b)->number;

    return (x > y) - (x < y);
}

bool fr_history_collect(fr_history *m, const fr_tensor *t)
{
    *m = (fr_history){ .t = t };

    bool ok = t->producer ? add_node(m, fr_node_of(t)) : add_leaf(m, t);

    for (size_t i = 0; i < m->node_count && ok; i++)
        for (int k = 0; k < m->nodes[i]->inputs && ok; k++)
            ok = !m->nodes[i]->edges[k].node || add_node(m, m->nodes[i]->edges[k].node);
    if (m->node_count > 0)
        qsort(m->nodes, m->node_count, sizeof *m->nodes, by_number);
    for (size_t i = 0; i < m->node_count && ok; i++) {
        const fr_node *node = m->nodes[i];

        fr_table_remove(&m->numbers, node);
        ok = fr_table_put(&m->numbers, node, (void *)(uintptr_t)(i + 1));
        for (int k = 0; k < node->inputs && ok; k++)
            ok = !node->edges[k].leaf || add_leaf(m, node->edges[k].leaf);
    }
    return ok;
}

void fr_history_free(fr_history *m)
{
    free(m->nodes);
    free(m->leaves);
    fr_table_free(&m->numbers);
}

size_t fr_history_index(const fr_history *m, const void *node_or_leaf)
{
    return (size_t)(uintptr_t)fr_table_find(&m->numbers, node_or_leaf) - 1;
}

bool fr_history_is_walked(const fr_history *m)
{
    for (size_t i = 0; i < m->node_count; i++)
        if (m->nodes[i]->saved && m->nodes[i]->released)
            return true;
    return false;
}

const char *fr_values_text(const fr_tensor *t, char text[FR_VALUES_TEXT])
{
    size_t used = 0;

    text[0] = '\0';
    if (!t || t->numel > FR_FEW_VALUES)
        return text;
    for (int64_t i = 0; i < t->numel; i++) /* at most 13 characters each */
        used += (size_t)snprintf(text + used, FR_VALUES_TEXT - used, "%s%.5g",
                                 i > 0           ? ", "
                                 : t->shape.ndim ? "["
                                                 : "",
                                 fr_at(t, i));
    if (t->shape.ndim)
        snprintf(text + used, FR_VALUES_TEXT - used, t->numel ? "]" : "[]");
    return text;
}
