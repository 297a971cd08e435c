/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes safetensors files, byte for byte as Python's safetensors does: first int64 tensors, then float64, then
 * float32, so that all values are aligned, each sorted by name. Spaces pad the header to a multiple of 8 bytes. */
#include <config.h>

#include "core/shape.h"
#include "core/tensor.h"
#include "core/utf8.h"
#include "core/thread.h"
#include "files/replace_file.h"
#include "files/safetensors.h"

#include <jansson.h>
#include <stdlib.h>

typedef struct {
    const char *name;
    fr_tensor *tensor;
} entry;

typedef struct {
    const char *where;
    entry *entries; /* in the order of the file */
    int count;
    const fr_tensor_alias *aliases;
    int alias_count;
} contents;

static int by_dtype_and_name(const void *a, const void *b)
{
    const entry *x = a, *y = b;

    if (x->tensor->dtype != y->tensor->dtype)
        return y->tensor->dtype - x->tensor->dtype;
    return strcmp(x->name, y->name);
}
_Static_assert(FR_I64 > FR_F64 && FR_F64 > FR_F32, "by_dtype_and_name needs them in this order");

/* --- Header ------------------------------------------------------------------------------------------------------ */

/* {"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}, or NULL. */
static json_t *describe(const fr_tensor *t, int64_t begin, int64_t end)
{
    json_t *shape = json_array();

    for (int i = 0; shape && i < t->shape.ndim; i++) {
        if (json_array_append_new(shape, json_integer(t->shape.dim[i])) != 0) {
            json_decref(shape);
            shape = NULL;
        }
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", fr_file_dtypes[t->dtype].safetensors, "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)end);
}

static bool add_entry(const char *where, json_t *header, const entry *e, int64_t *offset)
{
    int64_t begin = *offset, bytes = e->tensor->numel * (int64_t)fr_dtype_size((fr_dtype)e->tensor->dtype);

    if (__builtin_add_overflow(begin, bytes, offset))
        return fr_fail(where, "more than 2^63 bytes");
    if (strcmp(e->name, FR_SAFETENSORS_METADATA) == 0)
        return fr_fail(where, "no tensor can have the name \"" FR_SAFETENSORS_METADATA "\"");
    if (json_object_get(header, e->name))
        return fr_fail(where, "the name \"%.80s\" was given twice", e->name);

    if (!fr_is_utf8(e->name))
        return fr_fail(where, "the name \"%.80s\" is not valid UTF-8", e->name);
    if (json_object_set_new(header, e->name, describe(e->tensor, begin, *offset)) != 0)
        return fr_fail_memory(where);
    return true;
}

/* "__metadata__":{"NAME":"OF"} */
static bool add_aliases(const contents *c, json_t *header)
{
    json_t *metadata = json_object();
    bool ok = metadata && json_object_set_new(header, FR_SAFETENSORS_METADATA, metadata) == 0;

    for (int i = 0; ok && i < c->alias_count; i++) {
        const fr_tensor_alias *a = &c->aliases[i];
        const char *wrong = !fr_is_utf8(a->name) ? a->name : !fr_is_utf8(a->of) ? a->of : NULL;

        if (wrong)
            return fr_fail(c->where, "the name \"%.80s\" is not valid UTF-8", wrong);
        ok = json_object_set_new(metadata, a->name, json_string(a->of)) == 0;
    }
    return ok || fr_fail_memory(c->where);
}

/* The header's text of *size bytes, without padding, to be freed. NULL with an error. */
static char *make_header(const contents *c, size_t *size)
{
    json_t *header = json_object();
    int64_t offset = 0;
    const char *where = c->where;
    bool ok = (header || fr_fail_memory(where)) && (c->alias_count == 0 || add_aliases(c, header));
    char *text = NULL;

    for (int i = 0; ok && i < c->count; i++)
        ok = add_entry(where, header, &c->entries[i], &offset);
    if (ok && !(text = json_dumps(header, JSON_COMPACT | JSON_PRESERVE_ORDER)))
        fr_fail_memory(where);
    json_decref(header);
    *size = text ? strlen(text) : 0;
    if (*size > FR_SAFETENSORS_HEADER_MAX - FR_SAFETENSORS_PREFIX) {
        free(text);
        return fr_fail(where, "a header of %zu bytes, which no reader accepts", *size);
    }
    return text;
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

/* The header with the bytes before and after it, *size of them, to be freed. NULL with an error. */
static unsigned char *make_header_bytes(const contents *c, size_t *size)
{
    size_t n;
    char *text = make_header(c, &n);
    size_t padding = text ? (FR_SAFETENSORS_PREFIX - n % FR_SAFETENSORS_PREFIX) % FR_SAFETENSORS_PREFIX : 0;
    unsigned char *bytes = text ? malloc(FR_SAFETENSORS_PREFIX + n + padding) : NULL;

    if (text && !bytes)
        fr_fail_memory(c->where);
    for (int i = 0; bytes && i < FR_SAFETENSORS_PREFIX; i++)
        bytes[i] = (unsigned char)((uint64_t)(n + padding) >> 8 * i);
    if (bytes) {
        memcpy(bytes + FR_SAFETENSORS_PREFIX, text, n);
        memset(bytes + FR_SAFETENSORS_PREFIX + n, ' ', padding);
    }
    free(text);
    *size = bytes ? FR_SAFETENSORS_PREFIX + n + padding : 0;
    return bytes;
}

static bool write_values(fr_replacement *r, fr_tensor *t)
{
    fr_tensor *values = fr_values_for_file(r->where, t);
    bool ok = values && fr_replace_write(r, values->origin, (size_t)values->numel * fr_dtype_size((fr_dtype)t->dtype));

    fr_unref(values);
    return ok;
}

static bool write_file(const contents *c, const char *path)
{
    size_t size;
    unsigned char *header = make_header_bytes(c, &size);
    fr_replacement r;
    bool begun = header && fr_replace_begin(&r, c->where, path), ok = begun && fr_replace_write(&r, header, size);

    for (int i = 0; ok && i < c->count; i++)
        ok = write_values(&r, c->entries[i].tensor);
    if (begun)
        ok = fr_replace_finish(&r, ok);
    free(header);
    return ok;
}

static bool check_entry(const char *where, const entry *e, int i)
{
    char text[100];

    if (!e->name)
        return fr_fail(where, "name %d is NULL", i);
    snprintf(text, sizeof text, "tensor \"%.80s\"", e->name);
    return fr_check_argument(where, e->tensor, text);
}

/* Sets c->entries, to be freed: names and tensors in the order of the file. */
static bool fill(contents *c, const char *const *names, fr_tensor *const *tensors)
{
    const char *where = c->where;
    int n = c->count;

    if (n < 0)
        return fr_fail(where, "%d tensors given", n);
    if (n > 0 && (!fr_check_argument(where, names, "names") || !fr_check_argument(where, tensors, "tensors")))
        return false;
    c->entries = calloc((size_t)n + 1, sizeof *c->entries);
    if (!c->entries)
        return fr_fail_memory(where);
    for (int i = 0; i < n; i++) {
        c->entries[i] = (entry){ names[i], tensors[i] };
        if (!check_entry(where, &c->entries[i], i))
            return false;
    }
    qsort(c->entries, (size_t)n, sizeof *c->entries, by_dtype_and_name);
    return true;
}

bool fr_safetensors_save_aliased(const char *what, const char *path, const char *const *names,
                                 fr_tensor *const *tensors, int n, const fr_tensor_alias *aliases, int alias_count)
{
    char where[FR_WHERE_SIZE];
    contents c = { .where = where, .count = n, .aliases = aliases, .alias_count = alias_count };
    bool ok;

    fr_file_where(what, path, where);
    ok = fill(&c, names, tensors) && write_file(&c, path);
    free(c.entries);
    return ok;
}

unsigned char *fr_safetensors_header_bytes(const char *where, const char *const *names, fr_tensor *const *tensors,
                                           int n, size_t *size)
{
    contents c = { .where = where, .count = n };
    unsigned char *bytes = fill(&c, names, tensors) ? make_header_bytes(&c, size) : NULL;

    free(c.entries);
    return bytes;
}

bool fr_safetensors_save(const char *what, const char *path, const char *const *names, fr_tensor *const *tensors, int n)
{
    return fr_safetensors_save_aliased(what, path, names, tensors, n, NULL, 0);
}

bool fr_save_tensors(const char *path, const char *const *names, fr_tensor *const *tensors, int n)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "save_tensors");
    bool ok = fr_safetensors_save("save_tensors", path, names, tensors, n);

    fr_finish(th, before);
    return ok;
}
