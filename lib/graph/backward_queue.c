/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The work list of a backward pass. */
#include "graph/backward_queue.h"

static bool before(const fr_backward_task *a, const fr_backward_task *b)
{
    return a->number > b->number;
}

static void sift_up(fr_backward_queue *q, size_t i)
{
    fr_backward_task *task = q->heap[i];

    for (size_t up; i > 0 && before(task, q->heap[up = (i - 1) / 2]); i = up)
        q->heap[i] = q->heap[up];
    q->heap[i] = task;
}

static void sift_down(fr_backward_queue *q)
{
    fr_backward_task *task = q->heap[0];
    size_t i = 0;

    for (size_t down; (down = 2 * i + 1) < q->count; i = down) {
        if (down + 1 < q->count && before(q->heap[down + 1], q->heap[down]))
            down++;
        if (!before(q->heap[down], task))
            break;
        q->heap[i] = q->heap[down];
    }
    q->heap[i] = task;
}

static bool grow_heap(fr_backward_queue *q)
{
    size_t capacity = q->capacity ? q->capacity * 2 : 16;
    fr_backward_task **heap = fr_alloc(capacity * sizeof *heap);

    if (!heap)
        return false;
    if (q->count)
        memcpy(heap, q->heap, q->count * sizeof *heap);
    fr_free(q->heap, q->capacity * sizeof *heap);
    q->heap = heap;
    q->capacity = capacity;
    return true;
}

/* A leaf comes before the node that was made before its first reader. */
static uint64_t number_of(const fr_backward_queue *q, const fr_node *node, const fr_tensor *leaf)
{
    const fr_node *reader = node ? NULL : fr_table_find(&q->first_readers, leaf);

    return node ? node->number : reader ? reader->number - 1 : 0;
}

fr_backward_task *fr_backward_queue_task(fr_backward_queue *q, fr_node *node, fr_tensor *leaf)
{
    const void *key = node ? (const void *)node : leaf;
    fr_backward_task *task = fr_table_find(&q->table, key);
    int outputs = node ? node->outputs : 1;

    if (task)
        return task;
    if (q->count == q->capacity && !grow_heap(q))
        return NULL;
    task = fr_alloc(sizeof *task + (size_t)outputs * sizeof *task->slot);
    if (!task || !fr_table_put(&q->table, key, task)) {
        fr_free(task, sizeof *task + (size_t)outputs * sizeof *task->slot);
        return NULL;
    }
    *task = (fr_backward_task){ .node = node, .leaf = leaf, .number = number_of(q, node, leaf), .outputs = outputs };
    for (int i = 0; i < outputs; i++) { /* memset would write one slot in a way that the next read has to wait for */
        task->slot[i].grad = NULL;
        task->slot[i].own = false;
    }
    q->heap[q->count++] = task;
    sift_up(q, q->count - 1);
    return task;
}

fr_backward_task *fr_backward_queue_pop(fr_backward_queue *q)
{
    if (q->count == 0)
        return NULL;

    fr_backward_task *task = q->heap[0];

    fr_table_remove(&q->table, task->node ? (const void *)task->node : task->leaf);
    q->heap[0] = q->heap[--q->count];
    if (q->count)
        sift_down(q);
    return task;
}

void fr_backward_task_free(fr_backward_task *task)
{
    for (int i = 0; i < task->outputs; i++)
        fr_unref(task->slot[i].grad);
    fr_free(task, sizeof *task + (size_t)task->outputs * sizeof *task->slot);
}

void fr_backward_queue_free(fr_backward_queue *q)
{
    for (size_t i = 0; i < q->count; i++)
        fr_backward_task_free(q->heap[i]);
    fr_free(q->heap, q->capacity * sizeof *q->heap);
    fr_table_free(&q->table);
    fr_table_free(&q->first_readers);
}
