/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The work list of a pass: a heap, and a table from node or leaf to entry. */
#include "graph/pending.h"

static bool before(const fr_pending *a, const fr_pending *b)
{
    return a->number > b->number;
}

static void sift_up(fr_queue *q, size_t i)
{
    fr_pending *p = q->heap[i];

    for (size_t up; i > 0 && before(p, q->heap[up = (i - 1) / 2]); i = up)
        q->heap[i] = q->heap[up];
    q->heap[i] = p;
}

static void sift_down(fr_queue *q)
{
    fr_pending *p = q->heap[0];
    size_t i = 0;

    for (size_t down; (down = 2 * i + 1) < q->count; i = down) {
        if (down + 1 < q->count && before(q->heap[down + 1], q->heap[down]))
            down++;
        if (!before(q->heap[down], p))
            break;
        q->heap[i] = q->heap[down];
    }
    q->heap[i] = p;
}

static bool grow_heap(fr_queue *q)
{
    size_t capacity = q->capacity ? q->capacity * 2 : 16;
    fr_pending **heap = fr_alloc(capacity * sizeof *heap);

    if (!heap)
        return false;
    if (q->count)
        memcpy(heap, q->heap, q->count * sizeof *heap);
    fr_free(q->heap, q->capacity * sizeof *heap);
    q->heap = heap;
    q->capacity = capacity;
    return true;
}

fr_pending *fr_queue_entry(fr_queue *q, fr_node *node, fr_tensor *leaf)
{
    const void *key = node ? (const void *)node : leaf;
    fr_pending *p = fr_table_find(&q->table, key);
    int outputs = node ? node->outputs : 1;

    if (p)
        return p;
    if (q->count == q->capacity && !grow_heap(q))
        return NULL;
    p = fr_alloc(sizeof *p + (size_t)outputs * sizeof *p->slot);
    if (!p || !fr_table_put(&q->table, key, p)) {
        fr_free(p, sizeof *p + (size_t)outputs * sizeof *p->slot);
        return NULL;
    }
    *p = (fr_pending){ .node = node, .leaf = leaf, .number = node ? node->number : 0, .outputs = outputs };
    memset(p->slot, 0, (size_t)outputs * sizeof *p->slot);
    q->heap[q->count++] = p;
    sift_up(q, q->count - 1);
    return p;
}

fr_pending *fr_queue_pop(fr_queue *q)
{
    if (q->count == 0)
        return NULL;

    fr_pending *p = q->heap[0];

    fr_table_remove(&q->table, p->node ? (const void *)p->node : p->leaf);
    q->heap[0] = q->heap[--q->count];
    if (q->count)
        sift_down(q);
    return p;
}

void fr_pending_free(fr_pending *p)
{
    for (int i = 0; i < p->outputs; i++)
        fr_unref(p->slot[i].grad);
    fr_free(p, sizeof *p + (size_t)p->outputs * sizeof *p->slot);
}

void fr_queue_free(fr_queue *q)
{
    for (size_t i = 0; i < q->count; i++)
        fr_pending_free(q->heap[i]);
    fr_free(q->heap, q->capacity * sizeof *q->heap);
    fr_table_free(&q->table);
}
