/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reading a safetensors file: fr_load. */
#include <config.h>

#include "io/safetensors.h"

#include <errno.h>
#include <stdlib.h>

/* --- The list ---------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const fr_tensors_item *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* Room for count tensors, none of them there yet. NULL without error. */
static fr_tensors *list_new(int count)
{
    fr_tensors *ts = calloc(1, sizeof *ts);
    size_t room = (size_t)count + 1;

    if (!ts)
        return NULL;
    ts->items = calloc(room, sizeof *ts->items);
    ts->by_name = calloc(room, sizeof *ts->by_name);
    if (!ts->items || !ts->by_name) {
        fr_tensors_free(ts);
        return NULL;
    }
    return ts;
}

static void list_sort(fr_tensors *ts)
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

/* --- Reading ----------------------------------------------------------------------------------------------------- */

static bool read_bytes(const char *where, FILE *file, void *into, size_t bytes)
{
    if (fread(into, 1, bytes, file) == bytes)
        return true;
    if (ferror(file))
        fr_fail(where, "%s", strerror(errno));
    else
        fr_fail(where, "the file became shorter while it was read");
    return false;
}

/* Bytes in the file, or -1. */
static int64_t measure(const char *where, FILE *file)
{
    off_t size = fseeko(file, 0, SEEK_END) == 0 ? ftello(file) : -1;

    if (size < 0 || fseeko(file, 0, SEEK_SET) != 0)
        return fr_fail(where, "cannot tell its size: %s", strerror(errno)), -1;
    return (int64_t)size;
}

/* The header's text, size bytes, to be freed; what comes after it begins where the file then stands. */
static char *read_header(const char *where, FILE *file, int64_t file_size, size_t *size)
{
    unsigned char prefix[FR_HEADER_PREFIX];
    uint64_t length = 0;

    if (file_size < FR_HEADER_PREFIX)
        return fr_fail(where, "no safetensors file: %lld bytes are too few", (long long)file_size);
    if (!read_bytes(where, file, prefix, sizeof prefix))
        return NULL;
    for (int i = 0; i < FR_HEADER_PREFIX; i++)
        length |= (uint64_t)prefix[i] << 8 * i;
    if (length > FR_HEADER_MOST)
        return fr_fail(where, "no safetensors file: a header of %llu bytes, expected at most %d",
                       (unsigned long long)length, FR_HEADER_MOST);
    if ((int64_t)length > file_size - FR_HEADER_PREFIX)
        return fr_fail(where, "a header of %llu bytes does not fit in a file of %lld", (unsigned long long)length,
                       (long long)file_size);
    *size = (size_t)length;

    char *text = malloc(*size + 1);

    if (!text)
        return fr_fail_memory(where);
    if (!read_bytes(where, file, text, *size)) {
        free(text);
        return NULL;
    }
    return text;
}

/* Appends the tensor of e, whose values come next in the file. */
static bool read_tensor(const char *where, FILE *file, const fr_header_entry *e, fr_tensors *ts)
{
    fr_tensors_item *item = &ts->items[ts->count++];

    item->name = strdup(e->name);
    if (!item->name)
        return fr_fail_memory(where), false;
    item->tensor = fr_tensor_alloc(where, &e->shape, e->dtype);
    if (!item->tensor || !read_bytes(where, file, item->tensor->origin, (size_t)(e->end - e->begin)))
        return false;
    fr_little_endian(item->tensor->origin, item->tensor->numel, fr_dtype_size(e->dtype));
    return true;
}

static fr_tensors *read_all(const char *where, FILE *file, const fr_header *h)
{
    fr_tensors *ts = list_new(h->count);

    if (!ts)
        return fr_fail_memory(where);
    for (int i = 0; i < h->count; i++) {
        if (!read_tensor(where, file, &h->entries[i], ts)) {
            fr_tensors_free(ts);
            return NULL;
        }
    }
    list_sort(ts);
    return ts;
}

fr_tensors *fr_tensors_read_from(const char *where, FILE *file)
{
    int64_t file_size = measure(where, file);
    size_t size = 0;
    char *text = file_size < 0 ? NULL : read_header(where, file, file_size, &size);

    if (!text)
        return NULL;

    fr_header h;
    int64_t data_size = file_size - FR_HEADER_PREFIX - (int64_t)size;
    fr_tensors *ts = fr_header_parse(where, text, size, data_size, &h) ? read_all(where, file, &h) : NULL;

    fr_header_free(&h);
    free(text);
    return ts;
}

fr_tensors *fr_tensors_read(const char *what, const char *path)
{
    char where[FR_WHERE_SIZE];
    FILE *file = fr_file_open(fr_file_where(what, path, where), path);

    if (!file)
        return NULL;

    fr_tensors *ts = fr_tensors_read_from(where, file);

    fclose(file);
    return ts;
}

fr_tensors *fr_load(const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "load");
    fr_tensors *ts = fr_tensors_read("load", path);

    fr_finish(th, before);
    return ts;
}
