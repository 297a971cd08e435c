/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Collects the nodes and leaves behind a tensor, with a work list: recursion would overflow the stack, since a graph is
 * as deep as it is long. */
#include "graph/history.h"

#include "core/writer.h"

#include <stdlib.h>

static bool add_node(fr_history *h, const fr_node *node)
{
    if (fr_table_find(&h->numbers, node))
        return true;
    if (!fr_make_room(&h->nodes, sizeof *h->nodes, h->node_count, &h->node_capacity))
        return false;
    h->nodes[h->node_count++] = node;
    return fr_table_put(&h->numbers, node, (void *)(uintptr_t)1); /* its number comes when all are known */
}

static bool add_leaf(fr_history *h, const fr_tensor *leaf)
{
    if (fr_table_find(&h->numbers, leaf))
        return true;
    if (!fr_make_room(&h->leaves, sizeof *h->leaves, h->leaf_count, &h->leaf_capacity))
        return false;
    h->leaves[h->leaf_count++] = leaf;
    return fr_table_put(&h->numbers, leaf, (void *)(uintptr_t)h->leaf_count);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = (*(const fr_node *const *)a)->number, y = (*(const fr_node *const *)b)->number;

    return (x > y) - (x < y);
}

bool fr_history_collect_many(fr_history *h, fr_tensor *const *ts, int n)
{
    bool ok = true;

    *h = (fr_history){ .t = ts[0] };
    for (int i = 0; i < n && ok; i++)
        ok = ts[i]->producer ? add_node(h, fr_node_of(ts[i])) : add_leaf(h, ts[i]);
    for (size_t i = 0; i < h->node_count && ok; i++)
        for (int k = 0; k < h->nodes[i]->inputs && ok; k++)
            ok = !h->nodes[i]->edges[k].node || add_node(h, h->nodes[i]->edges[k].node);
    if (h->node_count > 0)
        qsort(h->nodes, h->node_count, sizeof *h->nodes, by_number);
    for (size_t i = 0; i < h->node_count && ok; i++) {
        const fr_node *node = h->nodes[i];

        fr_table_remove(&h->numbers, node);
        ok = fr_table_put(&h->numbers, node, (void *)(uintptr_t)(i + 1));
        for (int k = 0; k < node->inputs && ok; k++)
            ok = !node->edges[k].leaf || add_leaf(h, node->edges[k].leaf);
    }
    return ok;
}

bool fr_history_collect(fr_history *h, const fr_tensor *t)
{
    return fr_history_collect_many(h, &(fr_tensor *){ (fr_tensor *)t }, 1);
}

void fr_history_free(fr_history *h)
{
    free(h->nodes);
    free(h->leaves);
    fr_table_free(&h->numbers);
}

size_t fr_history_index(const fr_history *h, const void *node_or_leaf)
{
    return (size_t)(uintptr_t)fr_table_find(&h->numbers, node_or_leaf) - 1;
}

bool fr_history_is_walked(const fr_history *h)
{
    for (size_t i = 0; i < h->node_count; i++)
        if (h->nodes[i]->saved && h->nodes[i]->released)
            return true;
    return false;
}

const char *fr_all_values_text(const fr_tensor *t, char *text, size_t size)
{
    int dims = t->shape.ndim;
    size_t used = 0;

    text[0] = '\0';
    for (int64_t i = 0; i < t->numel; i++) {
        int64_t inner = 1;
        int open = 0, close = 0; /* the brackets that begin before value i and end after it */

        for (int d = dims; d-- > 0; inner *= t->shape.dim[d]) {
            open += i % (inner * t->shape.dim[d]) == 0;
            close += (i + 1) % (inner * t->shape.dim[d]) == 0;
        }
        fr_append(text, size, &used, "%s%.*s%.5g%.*s", i ? ", " : "", open, "[[[[[[[[", fr_plain(fr_at(t, i)), close,
                  "]]]]]]]]");
    }
    if (t->numel == 0)
        fr_append(text, size, &used, "[]");
    return text;
}

const char *fr_values_text(const fr_tensor *t, char text[FR_VALUES_TEXT])
{
    text[0] = '\0';
    return t && t->numel <= FR_FEW_VALUES ? fr_all_values_text(t, text, FR_VALUES_TEXT) : text;
}
