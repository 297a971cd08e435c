/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Parses the header of a safetensors file. It checks every rule of the format, so that the code that reads the values
 * has nothing left to check.
 *
 * jansson parses one tensor's description at a time: what it makes of a text takes twenty times the text's memory. */
#include <config.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "core/utf8.h"
#include "files/safetensors.h"

#include <frond/op.h>
#include <jansson.h>
#include <limits.h>
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

static bool parse_entry(const char *file, const json_t *info, fr_safetensors_entry *e)
{
    char where[FR_WHERE_SIZE], text[FR_SHAPE_TEXT];
    int64_t numel;

    snprintf(where, sizeof where, "%s: tensor \"%.80s\"", file, e->name);
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

/* --- The text ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *where, *text;
    size_t at, size;
    fr_safetensors_header *header;
    bool has_metadata;
} parser;

static bool expected(const parser *p, const char *what)
{
    return fr_fail(p->where, "header, byte %zu: expected %s", p->at, what);
}

/* The next character that is not blank, '\0' at the end. */
static char peek(parser *p)
{
    while (p->at < p->size && p->text[p->at] && strchr(" \t\n\r", p->text[p->at]))
        p->at++;
    return p->at < p->size ? p->text[p->at] : '\0';
}

static bool accept(parser *p, char token)
{
    bool is = peek(p) == token;

    p->at += is;
    return is;
}

/* The value that begins at p->at, of at most max bytes. NULL with an error. */
static json_t *parse_value(parser *p, size_t max)
{
    size_t left = p->size - p->at, size = left < max ? left : max;
    json_error_t error;
    json_t *value =
        json_loadb(p->text + p->at, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &error);

    if (value)
        p->at += (size_t)error.position;
    else if (size < left && error.position >= (int)size)
        fr_fail(p->where, "header, byte %zu: a description of more than %zu bytes", p->at, size);
    else if (error.text[0])
        fr_fail(p->where, "header, byte %zu: %s", p->at + (size_t)error.position, error.text);
    else
        fr_fail_memory(p->where);
    return value;
}

/* The length of a string that stands for itself, without escapes, from its first character to its closing quote; -1: it
 * is no such string. */
static int64_t plain_length(const char *text, size_t left)
{
    for (size_t i = 0; i < left; i++) {
        if (text[i] == '"')
            return (int64_t)i;
        if (text[i] == '\\' || (unsigned char)text[i] < ' ')
            return -1;
    }
    return -1;
}

static char *decode_string(parser *p)
{
    json_t *value = parse_value(p, SIZE_MAX);
    char *string = value ? strdup(json_string_value(value)) : NULL;

    if (value && !string)
        fr_fail_memory(p->where);
    json_decref(value);
    return string;
}

/* The next string, to be freed. NULL with an error. jansson is left with the rare ones: where its buffer for a string
 * cannot grow, it drops a character and goes on. */
static char *parse_string(parser *p)
{
    char *string;
    int64_t length;

    if (peek(p) != '"')
        return expected(p, "a string"), NULL;
    length = plain_length(p->text + p->at + 1, p->size - p->at - 1);
    if (length < 0)
        return decode_string(p);
    string = strndup(p->text + p->at + 1, (size_t)length);
    if (!string)
        return fr_fail_memory(p->where);
    if (!fr_is_utf8(string)) {
        free(string);
        return decode_string(p); /* for its error */
    }
    p->at += (size_t)length + 2;
    return string;
}

/* Calls member for each name in an object. It parses the value that comes next. */
static bool parse_object(parser *p, bool (*member)(parser *p, const char *name))
{
    if (!accept(p, '{'))
        return expected(p, "{");
    if (accept(p, '}'))
        return true;
    do {
        char *name = parse_string(p);
        bool ok = name && (accept(p, ':') || expected(p, ":")) && member(p, name);

        free(name);
        if (!ok)
            return false;
    } while (accept(p, ','));
    return accept(p, '}') || expected(p, ", or }");
}

/* --- All tensors ------------------------------------------------------------------------------------------------- */

static bool parse_metadata(parser *p, const char *name)
{
    if (peek(p) != '"')
        return fr_fail(p->where, "\"" FR_SAFETENSORS_METADATA "\": the value of \"%.80s\" is not a string", name);

    char *value = parse_string(p);

    free(value);
    return value != NULL;
}

static bool parse_tensor(parser *p, const char *name)
{
    enum { DESCRIPTION_MAX = 1 << 16 }; /* bytes, far more than any has */
    fr_safetensors_header *h = p->header;

    if (!fr_make_room(&h->entries, sizeof *h->entries, h->count, &h->capacity) || h->count >= INT_MAX)
        return fr_fail_memory(p->where);

    fr_safetensors_entry *e = &h->entries[h->count];

    *e = (fr_safetensors_entry){ .name = strdup(name), .index = (int)h->count };
    h->count += e->name != NULL;
    if (!e->name)
        return fr_fail_memory(p->where);
    peek(p);

    json_t *info = parse_value(p, DESCRIPTION_MAX);
    bool ok = info && parse_entry(p->where, info, e);

    json_decref(info);
    return ok;
}

static bool parse_member(parser *p, const char *name)
{
    if (strcmp(name, FR_SAFETENSORS_METADATA) != 0)
        return parse_tensor(p, name);
    if (p->has_metadata)
        return fr_fail(p->where, "\"" FR_SAFETENSORS_METADATA "\" is there twice");
    p->has_metadata = true;
    if (peek(p) == 'n' && p->size - p->at >= 4 && memcmp(p->text + p->at, "null", 4) == 0) {
        p->at += 4; /* as the safetensors library reads it: there is none */
        return true;
    }
    if (peek(p) != '{')
        return fr_fail(p->where, "\"" FR_SAFETENSORS_METADATA "\" is not an object");
    return parse_object(p, parse_metadata);
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

static int by_name(const void *a, const void *b)
{
    const fr_safetensors_entry *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Sorts the entries by their offsets; by their names before, to find those that are there twice. */
static bool sort_entries(const char *where, const fr_safetensors_header *h)
{
    if (h->count == 0)
        return true;
    qsort(h->entries, h->count, sizeof *h->entries, by_name);
    for (size_t i = 1; i < h->count; i++)
        if (strcmp(h->entries[i - 1].name, h->entries[i].name) == 0)
            return fr_fail(where, "tensor \"%.80s\" is a duplicate: its name is there twice", h->entries[i].name);
    qsort(h->entries, h->count, sizeof *h->entries, by_offset);
    return true;
}

/* The values must follow one another without overlap or gap up to the end of the file. */
static bool check_layout(const char *where, const fr_safetensors_header *h, int64_t data_size)
{
    int64_t end = 0;

    for (size_t i = 0; i < h->count; i++) {
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

bool fr_safetensors_parse_header(const char *where, const char *text, size_t size, int64_t data_size,
                                 fr_safetensors_header *h)
{
    parser p = { where, text, 0, size, h, false };

    *h = (fr_safetensors_header){ 0 };
    if (size == 0 || text[0] != '{')
        return fr_fail(where, "not a safetensors file: its header does not begin with {");
    if (!parse_object(&p, parse_member))
        return false;
    if (peek(&p) != '\0' || p.at < size)
        return expected(&p, "its end");
    return sort_entries(where, h) && check_layout(where, h, data_size);
}

void fr_safetensors_free_header(fr_safetensors_header *h)
{
    for (size_t i = 0; i < h->count; i++)
        free(h->entries[i].name);
    free(h->entries);
    *h = (fr_safetensors_header){ 0 };
}
