/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Lines of values are sorted by qsort, as pairs of a value and its index: where values are equal the index decides,
 * which makes the sort stable. */
#ifndef T
#include "kernels/sort.h"

#include "core/integer.h"
#include "core/memory.h"

#include "core/threads.h"

#include <math.h>
#include <stdlib.h>

enum { TILE_VALUES = 1 << 12 }; /* about so many are sorted by a tile, which has whole lines */

typedef struct {
    const fr_lines *lines;
    int64_t count, per_tile; /* lines: all of them, those of a tile */
    char *pairs;             /* room for a pair of each value of x */
} job;

static int compare_indices(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

#define KERNEL_FILE "kernels/sort.c"
#define KERNEL_INT64
#include "kernels/instantiate.h"

bool fr_sort_lines(fr_dtype dtype, const fr_lines *s)
{
    job w = { .lines = s, .count = s->outer * s->inner, .per_tile = 1 + TILE_VALUES / s->n };
    size_t bytes = (size_t)(w.count * s->n) * sizeof(pair_i64_base); /* the largest, as large as that of doubles */

    w.pairs = fr_alloc(bytes);
    if (!w.pairs)
        return false;
    fr_run_tiles((w.count + w.per_tile - 1) / w.per_tile, FR_KERNEL_FOR_ANY(dtype, sort_tile), &w);
    fr_free(w.pairs, bytes);
    return true;
}
#else
typedef struct {
    T value;
    int64_t index;
} FN(pair);

/* True if a stands before b in ascending order. */
static bool FN(is_less)(T a, T b)
{
    return a < b || (isnan((double)b) && !isnan((double)a));
}

static int FN(ascending)(const void *pa, const void *pb)
{
    const FN(pair) *a = pa, *b = pb;
    int order = FN(is_less)(b->value, a->value) - FN(is_less)(a->value, b->value);

    return order ? order : compare_indices(a->index, b->index);
}

static int FN(descending)(const void *pa, const void *pb)
{
    const FN(pair) *a = pa, *b = pb;
    int order = FN(is_less)(a->value, b->value) - FN(is_less)(b->value, a->value);

    return order ? order : compare_indices(a->index, b->index);
}

static void FN(sort_line)(const fr_lines *s, int64_t line, void *room)
{
    FN(pair) *pairs = room;
    int64_t outer = line / s->inner, inner = line % s->inner;
    const T *x = (const T *)s->x + outer * s->n * s->inner + inner;
    T *values = (T *)s->values + outer * s->k * s->inner + inner;
    int64_t *indices = s->indices + outer * s->k * s->inner + inner;

    for (int64_t i = 0; i < s->n; i++)
        pairs[i] = (FN(pair)){ x[i * s->inner], i };
    qsort(pairs, (size_t)s->n, sizeof *pairs, s->descending ? FN(descending) : FN(ascending));
    for (int64_t i = 0; i < s->k; i++) {
        values[i * s->inner] = pairs[i].value;
        indices[i * s->inner] = pairs[i].index;
    }
}

static void FN(sort_tile)(void *user, int64_t tile)
{
    const job *w = user;
    int64_t first = tile * w->per_tile, end = fr_least(first + w->per_tile, w->count);

    for (int64_t line = first; line < end; line++)
        FN(sort_line)(w->lines, line, w->pairs + line * w->lines->n * (int64_t)sizeof(FN(pair)));
}
#endif
