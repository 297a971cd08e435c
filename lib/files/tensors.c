/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Named tensors: what is read from a file of several. */
#include "files/tensors.h"

#include "core/error.h"

#include <stdlib.h>

static int by_name(const void *a, const void *b)
{
    const fr_tensors_item *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

fr_tensors *fr_tensors_new(const char *where, int count)
{
    fr_tensors *ts = calloc(1, sizeof *ts);
    size_t room = (size_t)count + 1;

    if (!ts)
        return fr_fail_memory(where);
    ts->items = calloc(room, sizeof *ts->items);
    ts->by_name = calloc(room, sizeof *ts->by_name);
    if (!ts->items || !ts->by_name) {
        fr_tensors_free(ts);
        return fr_fail_memory(where);
    }
    return ts;
}

void fr_tensors_sort(fr_tensors *ts)
{
    for (int i = 0; i < ts->count; i++)
        ts->by_name[i] = &ts->items[i];
    qsort(ts->by_name, (size_t)ts->count, sizeof *ts->by_name, by_name);
}

void fr_tensors_free(fr_tensors *ts)
{
    if (!ts)
        return;
    for (int i = 0; i < ts->count; i++) {
        free(ts->items[i].name);
        fr_unref(ts->items[i].tensor);
    }
    free(ts->items);
    free(ts->by_name);
    free(ts);
}

int fr_tensors_count(const fr_tensors *ts)
{
    return ts ? ts->count : -1;
}

static const fr_tensors_item *item_at(const char *what, const fr_tensors *ts, int i)
{
    if (!fr_check_not_null(what, ts, "tensors"))
        return NULL;
    if (i < 0 || i >= ts->count)
        return fr_fail(what, "index %d is out of range for %d tensors", i, ts->count);
    return &ts->items[i];
}

const char *fr_tensors_name(const fr_tensors *ts, int i)
{
    const fr_tensors_item *item = item_at("tensors_name", ts, i);

    return item ? item->name : NULL;
}

fr_tensor *fr_tensors_at(const fr_tensors *ts, int i)
{
    const fr_tensors_item *item = item_at("tensors_at", ts, i);

    return item ? item->tensor : NULL;
}

static int name_against(const void *name, const void *item)
{
    const fr_tensors_item *const *it = item;

    return strcmp(name, (*it)->name);
}

fr_tensor *fr_tensors_find(const fr_tensors *ts, const char *name)
{
    if (!ts || !name || ts->count == 0)
        return NULL;

    const fr_tensors_item *const *found =
        bsearch(name, ts->by_name, (size_t)ts->count, sizeof *ts->by_name, name_against);

    return found ? (*found)->tensor : NULL;
}
