/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_tensors: the named tensors of one file, found by index or by name. */
#include "files/tensor_dict.h"

#include "core/thread.h"

#include <stdlib.h>

static int compare_items(const void *a, const void *b)
{
    const fr_tensors_item *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

fr_tensors *fr_tensors_new(const char *where, int capacity)
{
    fr_tensors *ts = fr_object_new(sizeof *ts);
    size_t size = (size_t)capacity + 1; /* calloc(0) may return NULL */

    if (!ts)
        return fr_fail_memory(where);
    ts->items = calloc(size, sizeof *ts->items);
    ts->by_name = calloc(size, sizeof *ts->by_name);
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
    qsort(ts->by_name, (size_t)ts->count, sizeof *ts->by_name, compare_items);
}

static void release(void *object)
{
    fr_tensors *ts = object;

    for (int i = 0; i < ts->count; i++) {
        free(ts->items[i].name);
        fr_unref(ts->items[i].tensor);
    }
    free(ts->items);
    free(ts->by_name);
}

void fr_tensors_free(fr_tensors *ts)
{
    fr_object_end("tensors_free", ts, "tensors", release);
}

int fr_tensors_count(const fr_tensors *ts)
{
    return fr_is_given("tensors_count", ts, "tensors") ? ts->count : -1;
}

static const fr_tensors_item *item_at(const char *what, const fr_tensors *ts, int i)
{
    if (!fr_check_argument(what, ts, "tensors"))
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

static int compare_name(const void *name, const void *item)
{
    const fr_tensors_item *const *it = item;

    return strcmp(name, (*it)->name);
}

fr_tensor *fr_tensors_find(const fr_tensors *ts, const char *name)
{
    if (!fr_is_given("tensors_find", ts, "tensors") || !name || ts->count == 0)
        return NULL;

    const fr_tensors_item *const *found =
        bsearch(name, ts->by_name, (size_t)ts->count, sizeof *ts->by_name, compare_name);

    return found ? (*found)->tensor : NULL;
}
