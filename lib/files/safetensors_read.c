/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads safetensors files: fr_load. */
#include <config.h>

#include "core/tensor.h"
#include "core/thread.h"
#include "files/safetensors.h"
#include "files/values_place.h"

#include <stdlib.h>

/* Reads up to the values. Returns the header's text of *size bytes, to be freed. NULL with an error. */
static char *read_header(fr_byte_stream *s, size_t *size)
{
    unsigned char prefix[FR_SAFETENSORS_PREFIX];
    uint64_t length = 0;
    int64_t file_size = s->remaining;
    const char *where = s->where;

    if (file_size < FR_SAFETENSORS_PREFIX)
        return fr_fail(where, "not a safetensors file: %lld bytes are too few", (long long)file_size);
    if (!fr_byte_stream_read(s, prefix, sizeof prefix))
        return NULL;
    for (int i = 0; i < FR_SAFETENSORS_PREFIX; i++)
        length |= (uint64_t)prefix[i] << 8 * i;
    if (length > FR_SAFETENSORS_HEADER_MAX)
        return fr_fail(where, "not a safetensors file: a header of %llu bytes, expected at most %d",
                       (unsigned long long)length, FR_SAFETENSORS_HEADER_MAX);
    if ((int64_t)length > file_size - FR_SAFETENSORS_PREFIX)
        return fr_fail(where, "a header of %llu bytes does not fit in a file of %lld", (unsigned long long)length,
                       (long long)file_size);
    *size = (size_t)length;

    char *text = malloc(*size + 1);

    if (!text)
        return fr_fail_memory(where);
    if (!fr_byte_stream_read(s, text, *size)) {
        free(text);
        return NULL;
    }
    return text;
}

/* Appends the tensor of e to ts; its values are next in the stream. */
static bool read_tensor(fr_byte_stream *s, fr_safetensors_entry *e, fr_tensors *ts)
{
    fr_tensors_item *item = &ts->items[ts->count++];

    item->name = e->name;
    e->name = NULL;
    item->tensor = fr_tensor_alloc(s->where, &e->shape, fr_file_dtypes[e->dtype].dtype);
    return item->tensor && fr_read_values(s, e->dtype, false, item->tensor);
}

static fr_tensors *read_all(fr_byte_stream *s, const fr_safetensors_header *h)
{
    fr_tensors *ts = fr_tensors_new(s->where, (int)h->count);

    for (size_t i = 0; ts && i < h->count; i++) {
        if (!read_tensor(s, &h->entries[i], ts)) {
            fr_tensors_free(ts);
            return NULL;
        }
    }
    if (ts)
        fr_tensors_sort(ts);
    return ts;
}

/* Makes s a stream of the file's values and *h its header, which is to be freed in either case. */
static bool begin_file(const char *where, FILE *file, fr_byte_stream *s, fr_safetensors_header *h)
{
    size_t size = 0;
    char *text = fr_byte_stream_from_file(s, where, file) ? read_header(s, &size) : NULL;
    bool ok;

    *h = (fr_safetensors_header){ 0 };
    ok = text && fr_safetensors_parse_header(where, text, size, s->remaining, h);
    free(text);
    return ok;
}

fr_tensors *fr_safetensors_load_file(const char *where, FILE *file)
{
    fr_byte_stream s;
    fr_safetensors_header h;
    fr_tensors *ts = begin_file(where, file, &s, &h) ? read_all(&s, &h) : NULL;

    fr_safetensors_free_header(&h);
    return ts;
}

bool fr_safetensors_find_values(const char *where, FILE *file, const char *name, fr_values_place *place)
{
    fr_byte_stream s;
    fr_safetensors_header h;
    bool ok = begin_file(where, file, &s, &h);
    size_t i = 0;

    while (ok && i < h.count && strcmp(h.entries[i].name, name) != 0)
        i++;
    if (ok && i == h.count)
        ok = fr_fail(where, "there is no tensor \"%.80s\" in it", name);
    if (ok) /* the values end where the file ends */
        *place = (fr_values_place){ h.entries[i].dtype, false, h.entries[i].shape, ftello(file) + h.entries[i].begin };
    fr_safetensors_free_header(&h);
    return ok;
}

fr_tensors *fr_safetensors_load(const char *what, const char *path)
{
    char where[FR_WHERE_SIZE];
    FILE *file = fr_file_open(fr_file_where(what, path, where), path);

    if (!file)
        return NULL;

    fr_tensors *ts = fr_safetensors_load_file(where, file);

    fclose(file);
    return ts;
}

fr_tensors *fr_load(const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "load");
    fr_tensors *ts = fr_safetensors_load("load", path);

    fr_finish(th, before);
    return ts;
}
