/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Parses the header of a safetensors file. It checks every rule of the format, so that the code that reads the values
 * has nothing left to check. */
#include <config.h>

#include "core/error.h"
#include "core/shape.h"
#include "files/safetensors.h"

#include <frond/op.h>
#include <jansson.h>
#include <stdlib.h>

/* Dtypes of the format that no tensor can hold. */
static const char *const unsupported[] = { "C64", "F4", "F6_E2M3", "F6_E3M2", "F8_E4M3", "F8_E5M2", "F8_E8M0" };

enum { UNSUPPORTED = sizeof unsupported / sizeof *unsupported };

/* --- One tensor -------------------------------------------------------------------------------------------------- */

static bool parse_dtype(const char *where, const json_t *info, fr_safetensors_entry *e)
{
    const char *name = json_string_value(json_object_get(info, "dtype"));

    if (!name)
        return fr_fail(where, "\"dtype\" is missing or not a string");
    for (int i = 0; i < FR_FILE_DTYPES; i++) {
        if (strcmp(name, fr_file_dtypes[i].safetensors) == 0) {
            e->dtype = (fr_file_dtype)i;
            return true;
        }
    }
    for (int i = 0; i < UNSUPPORTED; i++)
        if (strcmp(name, unsupported[i]) == 0)
            return fr_fail(where, "values of dtype %s cannot be loaded", name);
    return fr_fail(where, "\"%.40s\" is not a dtype of the safetensors format", name);
}

static bool parse_shape(const char *where, const json_t *info, fr_safetensors_entry *e, int64_t *numel)
{
    const json_t *shape = json_object_get(info, "shape");
    size_t ndim = json_array_size(shape);

    if (!json_is_array(shape))
        return fr_fail(where, "\"shape\" is missing or not an array");
    if (ndim > FR_MAX_DIMS)
        return fr_fail(where, "a shape of %zu dimensions, expected at most %d", ndim, FR_MAX_DIMS);
    e->shape.ndim = (int)ndim;
    for (size_t i = 0; i < ndim; i++) {
        const json_t *dim = json_array_get(shape, i);

        if (!json_is_integer(dim))
            return fr_fail(where, "\"shape\" holds something other than integers");
        e->shape.dim[i] = json_integer_value(dim);
    }
    return fr_shape_check(where, &e->shape, fr_file_dtypes[e->dtype].dtype, numel);
}

static bool parse_offsets(const char *where, const json_t *info, fr_safetensors_entry *e)
{
    const json_t *offsets = json_object_get(info, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);

    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return fr_fail(where, "\"data_offsets\" is missing or not a pair of integers");
    e->begin = json_integer_value(begin);
    e->end = json_integer_value(end);
    if (e->begin < 0 || e->end < e->begin)
        return fr_fail(where, "\"data_offsets\" go from %lld to %lld", (long long)e->begin, (long long)e->end);
    return true;
}

static bool parse_entry(const char *file, const char *name, const json_t *info, fr_safetensors_entry *e)
{
    char where[FR_WHERE_SIZE], text[FR_SHAPE_TEXT];
    int64_t numel;

    snprintf(where, sizeof where, "%s: tensor \"%.80s\"", file, name);
    e->name = name;
    if (!json_is_object(info))
        return fr_fail(where, "its description is not an object");
    if (!parse_dtype(where, info, e) || !parse_shape(where, info, e, &numel) || !parse_offsets(where, info, e))
        return false;

    int64_t bytes = numel * (int64_t)fr_file_dtypes[e->dtype].size;

    if (e->end - e->begin != bytes)
        return fr_fail(where, "%lld bytes between its offsets, expected %lld for %s of shape %s",
                       (long long)(e->end - e->begin), (long long)bytes, fr_file_dtypes[e->dtype].safetensors,
                       fr_shape_text(&e->shape, text));
    return true;
}

/* --- All tensors ------------------------------------------------------------------------------------------------- */

static bool check_metadata(const char *where, json_t *metadata)
{
    const char *key;
    json_t *value;

    if (!json_is_object(metadata))
        return fr_fail(where, "\"" FR_SAFETENSORS_METADATA "\" is not an object");
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return fr_fail(where, "\"" FR_SAFETENSORS_METADATA "\": the value of \"%.80s\" is not a string", key);
    }
    return true;
}

static int by_offset(const void *a, const void *b)
{
    const fr_safetensors_entry *x = a, *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return x->index - y->index; /* empty tensors at the same offset */
}

/* The values must follow one another without overlap or gap up to the end of the file. */
static bool check_layout(const char *where, const fr_safetensors_header *h, int64_t data_size)
{
    int64_t end = 0;

    for (int i = 0; i < h->count; i++) {
        const fr_safetensors_entry *e = &h->entries[i];

        if (e->begin != end)
            return fr_fail(where, "tensor \"%.80s\": its values begin at offset %lld, expected %lld: they %s", e->name,
                           (long long)e->begin, (long long)end,
                           e->begin < end ? "overlap with another tensor's" : "leave a gap");
        if (e->end > data_size)
            return fr_fail(where, "tensor \"%.80s\": its values end at offset %lld, but the file's end is at %lld",
                           e->name, (long long)e->end, (long long)data_size);
        end = e->end;
    }
    if (end != data_size)
        return fr_fail(where, "%lld bytes follow the last tensor's values", (long long)(data_size - end));
    return true;
}

static bool parse_entries(const char *where, fr_safetensors_header *h)
{
    const char *name;
    json_t *info;

    h->entries = calloc(json_object_size(h->json) + 1, sizeof *h->entries);
    if (!h->entries)
        return fr_fail_memory(where);
    json_object_foreach(h->json, name, info)
    {
        if (strcmp(name, FR_SAFETENSORS_METADATA) == 0) {
            if (!check_metadata(where, info))
                return false;
            continue;
        }
        h->entries[h->count].index = h->count;
        if (!parse_entry(where, name, info, &h->entries[h->count++]))
            return false;
    }
    return true;
}

bool fr_safetensors_parse_header(const char *where, const char *text, size_t size, int64_t data_size,
                                 fr_safetensors_header *h)
{
    json_error_t error;

    *h = (fr_safetensors_header){ 0 };
    if (size == 0 || text[0] != '{')
        return fr_fail(where, "not a safetensors file: its header does not begin with {");
    h->json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!h->json && error.text[0])
        return fr_fail(where, "header, byte %d: %s", error.position, error.text);
    if (!h->json)
        return fr_fail_memory(where);
    if (!parse_entries(where, h))
        return false;
    qsort(h->entries, (size_t)h->count, sizeof *h->entries, by_offset);
    return check_layout(where, h, data_size);
}

void fr_safetensors_free_header(fr_safetensors_header *h)
{
    json_decref(h->json);
    free(h->entries);
    *h = (fr_safetensors_header){ 0 };
}
