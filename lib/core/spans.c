/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Placing spans in memory.
 *
 * Spans that are needed at one time are both needed when the later of them begins. So the times that count are the
 * spans' first ones, sorted: a span is needed at a run of them. A binary tree over these times, a segment tree, keeps
 * what is taken, so that placing n spans takes about n log(n) steps, even if all of them are needed at once. */
#include "core/spans.h"

#include "core/integer.h"
#include "core/memory.h"

#include <limits.h>
#include <stdlib.h>

/* Memory that is taken: stretches that do not touch, in order. */
typedef struct {
    int64_t from, to;
} stretch;

typedef struct {
    stretch *all;
    size_t count, capacity;
} stretches;

/* A node stands for some times. */
typedef struct {
    stretches sometime;   /* taken at one of them at least, by spans that are not needed throughout a node above */
    stretches throughout; /* taken at all of them, by the same */
} node;

/* The times from first to last, counted. */
typedef struct {
    int64_t size;
    size_t first, last;
} need;

/* The first stretch from `at` on that ends after `offset`; `end`: none does. */
static stretch *find(stretch *at, stretch *end, int64_t offset)
{
    while (at < end) {
        stretch *middle = at + (end - at) / 2;

        if (middle->to > offset)
            end = middle;
        else
            at = middle + 1;
    }
    return at;
}

static bool take(stretches *s, stretch added)
{
    size_t i, j;

    if (!fr_make_room(&s->all, sizeof *s->all, s->count, &s->capacity))
        return false;
    i = j = (size_t)(find(s->all, s->all + s->count, added.from - 1) - s->all);
    for (; j < s->count && s->all[j].from <= added.to; j++) {
        added.from = fr_least(added.from, s->all[j].from);
        added.to = fr_most(added.to, s->all[j].to);
    }
    memmove(s->all + i + 1, s->all + j, (s->count - j) * sizeof *s->all);
    s->all[i] = added;
    s->count += 1 + i - j;
    return true;
}

/* What is taken at the times that a span is needed: by at most two nodes at each depth of the tree, and by those above
 * them. */
typedef struct {
    struct {
        stretch *at, *end;
    } sets[4 * CHAR_BIT * sizeof(size_t)];
    size_t count;
} obstacles;

static void note(obstacles *o, const stretches *s)
{
    if (s->count == 0)
        return;
    o->sets[o->count].at = s->all;
    o->sets[o->count++].end = s->all + s->count;
}

/* Node i of the tree has the times from `from` to `to`, its halves are nodes 2 i and 2 i + 1. */
static void collect(const node *tree, size_t i, size_t from, size_t to, const need *n, obstacles *o)
{
    size_t middle = from + (to - from) / 2;

    if (n->last < from || to < n->first)
        return;
    if (n->first <= from && to <= n->last) {
        note(o, &tree[i].sometime);
        return;
    }
    note(o, &tree[i].throughout);
    collect(tree, 2 * i, from, middle, n, o);
    collect(tree, 2 * i + 1, middle + 1, to, n, o);
}

/* The lowest offset at which `size` bytes are free. Stretches below it are gone from o. */
static int64_t lowest(obstacles *o, int64_t size)
{
    int64_t offset = 0, before = -1;

    while (offset != before) {
        before = offset;
        for (size_t k = 0; k < o->count; k++) {
            stretch *at = o->sets[k].at, *end = o->sets[k].end;

            if (at < end && at->to <= offset)
                at = find(at + 1, end, offset);
            for (; at < end && at->from < offset + size; at++)
                offset = at->to;
            o->sets[k].at = at;
        }
    }
    return offset;
}

static bool put(node *tree, size_t i, size_t from, size_t to, const need *n, stretch taken)
{
    size_t middle = from + (to - from) / 2;

    if (n->last < from || to < n->first)
        return true;
    if (!take(&tree[i].sometime, taken))
        return false;
    if (n->first <= from && to <= n->last)
        return take(&tree[i].throughout, taken);
    return put(tree, 2 * i, from, middle, n, taken) && put(tree, 2 * i + 1, middle + 1, to, n, taken);
}

/* Larger ones come first, of one size those that are needed earlier, and then longer: so they lie without gaps, in
 * fewer stretches. */
static int by_size(const void *p, const void *q)
{
    const fr_span *a = *(fr_span *const *)p, *b = *(fr_span *const *)q;

    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return a->last != b->last ? (a->last > b->last ? -1 : 1) : a < b ? -1 : a > b;
}

static int by_time(const void *p, const void *q)
{
    size_t a = *(const size_t *)p, b = *(const size_t *)q;

    return a < b ? -1 : a > b;
}

/* How many of the n sorted times are before `time`. */
static size_t count_before(const size_t *times, size_t n, size_t time)
{
    size_t from = 0, to = n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (times[middle] < time)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Places s beside those that the tree has. */
static bool place(node *tree, const size_t *times, size_t count, fr_span *s)
{
    need n = { s->size, count_before(times, count, s->first), count_before(times, count, s->last + 1) - 1 };
    obstacles o;

    o.count = 0;
    collect(tree, 1, 0, count - 1, &n, &o);
    s->offset = lowest(&o, s->size);
    return s->size == 0 || put(tree, 1, 0, count - 1, &n, (stretch){ s->offset, s->offset + s->size });
}

bool fr_spans_place(fr_span *spans, size_t n, int64_t *total)
{
    fr_span **order = calloc(n + 1, sizeof *order);
    size_t *times = calloc(n + 1, sizeof *times), nodes = 4 * n + 1;
    node *tree = calloc(nodes, sizeof *tree);
    bool ok = order && times && tree;

    *total = 0;
    for (size_t i = 0; i < n && ok; i++) {
        order[i] = &spans[i];
        times[i] = spans[i].first;
    }
    if (ok) {
        qsort(order, n, sizeof *order, by_size);
        qsort(times, n, sizeof *times, by_time);
    }
    for (size_t i = 0; i < n && ok; i++) {
        ok = place(tree, times, n, order[i]);
        *total = fr_most(*total, order[i]->offset + order[i]->size);
    }
    for (size_t i = 0; i < nodes && tree; i++) {
        free(tree[i].sometime.all);
        free(tree[i].throughout.all);
    }
    free(tree);
    free(times);
    free(order);
    return ok;
}
