/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Placing spans in memory. */
#include "core/spans.h"

#include <stdlib.h>

static int by_offset(const fr_span *a, const fr_span *b)
{
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* Larger ones come first, those of one size in their order. */
static int compare(const void *p, const void *q)
{
    const fr_span *a = *(fr_span *const *)p, *b = *(fr_span *const *)q;

    return a->size != b->size ? (a->size > b->size ? -1 : 1) : a < b ? -1 : a > b;
}

/* Places s among the n spans of the list, which are in order of their offsets, and puts it into the list. */
static void place(fr_span *s, fr_span **list, size_t n)
{
    size_t i;

    s->offset = 0;
    for (i = 0; i < n; i++) {
        const fr_span *other = list[i];

        if (other->first > s->last || s->first > other->last || other->offset + other->size <= s->offset)
            continue;
        if (other->offset >= s->offset + s->size)
            break;
        s->offset = other->offset + other->size;
    }
    for (i = n; i > 0 && by_offset(s, list[i - 1]) < 0; i--)
        list[i] = list[i - 1];
    list[i] = s;
}

bool fr_spans_place(fr_span *spans, size_t n, int64_t *total)
{
    fr_span **order = malloc((2 * n + 1) * sizeof *order), **list;

    *total = 0;
    if (!order)
        return false;
    list = order + n;
    for (size_t i = 0; i < n; i++)
        order[i] = &spans[i];
    qsort(order, n, sizeof *order, compare);
    for (size_t i = 0; i < n; i++) {
        place(order[i], list, i);
        if (order[i]->offset + order[i]->size > *total)
            *total = order[i]->offset + order[i]->size;
    }
    free(order);
    return true;
}
