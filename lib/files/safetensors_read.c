/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reading a safetensors file: fr_load. */
#include <config.h>

#include "core/tensor.h"
#include "core/thread.h"
#include "files/safetensors.h"

#include <stdlib.h>

/* The header's text, size bytes, to be freed; the values come next. */
static char *read_header(fr_source *s, size_t *size)
{
    unsigned char prefix[FR_HEADER_PREFIX];
    uint64_t length = 0;
    int64_t file_size = s->left;
    const char *where = s->where;

    if (file_size < FR_HEADER_PREFIX)
        return fr_fail(where, "no safetensors file: %lld bytes are too few", (long long)file_size);
    if (!fr_source_read(s, prefix, sizeof prefix))
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
    if (!fr_source_read(s, text, *size)) {
        free(text);
        return NULL;
    }
    return text;
}

/* Appends the tensor of e, whose values come next. */
static bool read_tensor(fr_source *s, const fr_header_entry *e, fr_tensors *ts)
{
    fr_tensors_item *item = &ts->items[ts->count++];

    item->name = strdup(e->name);
    if (!item->name)
        return fr_fail_memory(s->where);
    item->tensor = fr_tensor_alloc(s->where, &e->shape, fr_stored_kinds[e->kind].dtype);
    return item->tensor && fr_stored_read(s, e->kind, false, item->tensor);
}

static fr_tensors *read_all(fr_source *s, const fr_header *h)
{
    fr_tensors *ts = fr_tensors_new(s->where, h->count);

    for (int i = 0; ts && i < h->count; i++) {
        if (!read_tensor(s, &h->entries[i], ts)) {
            fr_tensors_free(ts);
            return NULL;
        }
    }
    if (ts)
        fr_tensors_sort(ts);
    return ts;
}

fr_tensors *fr_tensors_read_from(const char *where, FILE *file)
{
    fr_source s;
    size_t size = 0;
    char *text = fr_source_of_file(&s, where, file) ? read_header(&s, &size) : NULL;

    if (!text)
        return NULL;

    fr_header h;
    fr_tensors *ts = fr_header_parse(where, text, size, s.left, &h) ? read_all(&s, &h) : NULL;

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
