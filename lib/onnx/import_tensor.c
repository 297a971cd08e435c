/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A TensorProto as a tensor: the values of initializers and of Constant nodes. They are in raw_data, as bytes, in a
 * field of their own type, or in another file of the model's folder. */
#include <config.h>

#include "core/error.h"
#include "core/file.h"
#include "core/shape.h"
#include "files/dtype.h"
#include "onnx/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *name_of(const fr_tensor_proto *p)
{
    return p->name ? p->name : "";
}

/* The fr_file_dtype of a TensorProto.DataType; -1: frond has no such values. */
static int kind_of(int data_type)
{
    static const int kinds[] = {
        [FR_ONNX_FLOAT] = 1 + FR_FILE_F32,     [FR_ONNX_UINT8] = 1 + FR_FILE_U8,   [FR_ONNX_INT8] = 1 + FR_FILE_I8,
        [FR_ONNX_UINT16] = 1 + FR_FILE_U16,    [FR_ONNX_INT16] = 1 + FR_FILE_I16,  [FR_ONNX_INT32] = 1 + FR_FILE_I32,
        [FR_ONNX_INT64] = 1 + FR_FILE_I64,     [FR_ONNX_BOOL] = 1 + FR_FILE_BOOL,  [FR_ONNX_FLOAT16] = 1 + FR_FILE_F16,
        [FR_ONNX_DOUBLE] = 1 + FR_FILE_F64,    [FR_ONNX_UINT32] = 1 + FR_FILE_U32, [FR_ONNX_UINT64] = 1 + FR_FILE_U64,
        [FR_ONNX_BFLOAT16] = 1 + FR_FILE_BF16, /* the gaps stay 0 */
    };

    return data_type >= 0 && (size_t)data_type < sizeof kinds / sizeof *kinds ? kinds[data_type] - 1 : -1;
}

int fr_import_dtype(int type)
{
    int kind = kind_of(type);

    return kind < 0 ? -1 : (int)fr_file_dtypes[kind].dtype;
}

/* A source whose handle points to the next byte. */
static bool read_bytes(fr_byte_stream *s, void *into, size_t bytes)
{
    const char **next = s->handle;

    memcpy(into, *next, bytes);
    *next += bytes;
    return true;
}

static bool read_raw_data(const char *where, const fr_tensor_proto *p, int kind, fr_tensor *t)
{
    const char *next = (const char *)p->raw_data.data;
    fr_byte_stream s = { .where = where, .handle = &next, .read = read_bytes, .remaining = (int64_t)p->raw_data.len };
    uint64_t expected = (uint64_t)t->numel * fr_file_dtypes[kind].size;

    if (expected != p->raw_data.len)
        return fr_fail(where, "tensor %.80s has %zu bytes of values, expected %llu", name_of(p), p->raw_data.len,
                       (unsigned long long)expected);
    return t->numel == 0 || fr_read_values(&s, (fr_file_dtype)kind, false, t);
}

/* Half precision stands in int32_data by its bits. */
static bool read_halves(const char *where, const fr_tensor_proto *p, int kind, fr_tensor *t)
{
    bool ok = p->n_int32_data == (uint64_t)t->numel;

    for (size_t i = 0; ok && i < p->n_int32_data; i++) {
        uint8_t bits[] = { (uint8_t)p->int32_data[i], (uint8_t)((uint32_t)p->int32_data[i] >> 8) };
        fr_tensor one = *t;
        const char *next = (const char *)bits;
        fr_byte_stream s = { .where = where, .handle = &next, .read = read_bytes, .remaining = sizeof bits };

        one.numel = 1;
        one.origin = t->origin + i * sizeof(float);
        ok = fr_read_values(&s, (fr_file_dtype)kind, false, &one);
    }
    return ok || fr_fail(where, "tensor %.80s: the number of its values does not fit its shape and type", name_of(p));
}

/* Reads float_data, double_data, int64_data or int32_data, which holds all smaller integers too. */
static bool read_typed_data(const char *where, const fr_tensor_proto *p, int kind, fr_tensor *t)
{
    bool small = kind == FR_FILE_BOOL || kind == FR_FILE_I8 || kind == FR_FILE_I16 || kind == FR_FILE_I32 ||
                 kind == FR_FILE_U8 || kind == FR_FILE_U16;
    const void *values = kind == FR_FILE_F32   ? (const void *)p->float_data
                         : kind == FR_FILE_F64 ? (const void *)p->double_data
                                               : (const void *)p->int64_data;
    size_t n = kind == FR_FILE_F32   ? p->n_float_data
               : kind == FR_FILE_F64 ? p->n_double_data
               : kind == FR_FILE_I64 ? p->n_int64_data
               : small               ? p->n_int32_data
                                     : SIZE_MAX;

    if (n != (uint64_t)t->numel)
        return fr_fail(where, "tensor %.80s: the number of its values does not fit its shape and type", name_of(p));
    for (size_t i = 0; small && i < n; i++)
        ((int64_t *)(void *)t->origin)[i] = p->int32_data[i];
    if (!small && n > 0)
        memcpy(t->origin, values, n * fr_dtype_size((fr_dtype)t->dtype));
    return true;
}

/* The shape, checked. It is not believed before its values are seen to be there: a damaged file may ask for any size.
 */
static bool read_shape(const char *where, const fr_tensor_proto *p, int kind, int64_t external_bytes, fr_shape *shape)
{
    uint64_t present = p->raw_data.len + p->n_float_data + p->n_double_data + p->n_int64_data + p->n_int32_data;
    int64_t numel;

    present = external_bytes > 0 ? (uint64_t)external_bytes : present;
    if (p->n_dims > FR_MAX_DIMS)
        return fr_fail(where, "tensor %.80s has %zu dims, expected at most %d", name_of(p), p->n_dims, FR_MAX_DIMS);
    *shape = (fr_shape){ .ndim = (int)p->n_dims };
    for (int i = 0; i < shape->ndim; i++)
        shape->dim[i] = p->dims[i];
    if (!fr_shape_check(where, shape, fr_file_dtypes[kind].dtype, &numel))
        return false;
    return (uint64_t)numel <= present ||
           fr_fail(where, "tensor %.80s has fewer values than its shape needs", name_of(p));
}

/* --- Values in another file -------------------------------------------------------------------------------------- */

/* Where in the model's folder a tensor's bytes are. */
typedef struct {
    const char *location;
    int64_t offset, length; /* length -1: up to the end of the file */
} external_place;

/* An integer, 0 or more, that fills text. */
static bool read_count(const char *text, int64_t *count)
{
    char *end;

    errno = 0;
    *count = strtoll(text, &end, 10);
    return end != text && !*end && errno == 0 && *count >= 0;
}

static bool read_place(const char *where, const fr_tensor_proto *p, external_place *place)
{
    *place = (external_place){ .length = -1 };
    for (size_t i = 0; i < p->n_external_data; i++) {
        const char *key = p->external_data[i]->key, *value = p->external_data[i]->value;
        bool ok = key && value;

        if (ok && strcmp(key, "location") == 0)
            place->location = value;
        else if (ok && strcmp(key, "offset") == 0)
            ok = read_count(value, &place->offset);
        else if (ok && strcmp(key, "length") == 0)
            ok = read_count(value, &place->length);
        if (!ok)
            return fr_fail(where, "tensor %.80s: bad description of where its values are", name_of(p));
    }
    if (place->location && *place->location && !strpbrk(place->location, "/\\") && strcmp(place->location, "..") != 0)
        return true;
    return fr_fail(where, "tensor %.80s has its values in %.80s, expected a file of the model's folder", name_of(p),
                   place->location ? place->location : "no file");
}

/* Opens the file, at the tensor's bytes. NULL with an error. */
static FILE *open_external(const char *where, const fr_tensor_proto *p, const char *folder, fr_byte_stream *s)
{
    char path[4096], name[FR_WHERE_SIZE];
    external_place place;
    FILE *file;

    if (!folder)
        return fr_fail(where, "tensor %.80s has its values in another file", name_of(p));
    if (!read_place(where, p, &place))
        return NULL;
    if ((size_t)snprintf(path, sizeof path, "%s%s", folder, place.location) >= sizeof path)
        return fr_fail(where, "tensor %.80s: the path of its values is too long", name_of(p));
    file = fr_file_open(fr_file_where("load_onnx", path, name), path);
    if (!file)
        return NULL;
    if (!fr_byte_stream_from_file(s, where, file)) {
        fclose(file);
        return NULL;
    }
    if (place.offset > s->remaining || place.length > s->remaining - place.offset ||
        fseeko(file, (off_t)place.offset, SEEK_SET) != 0) {
        fclose(file);
        return fr_fail(where, "tensor %.80s: its values lie beyond the end of %.80s", name_of(p), place.location);
    }
    s->remaining = place.length < 0 ? s->remaining - place.offset : place.length;
    return file;
}

static fr_tensor *read_external(const char *where, const fr_tensor_proto *p, int kind, const char *folder)
{
    fr_byte_stream s;
    FILE *file = open_external(where, p, folder, &s);
    fr_shape shape;
    fr_tensor *t = NULL;

    if (!file)
        return NULL;
    if (read_shape(where, p, kind, s.remaining, &shape))
        t = fr_tensor_alloc(where, &shape, fr_file_dtypes[kind].dtype);
    if (t && (s.remaining < t->numel * (int64_t)fr_file_dtypes[kind].size ||
              (t->numel > 0 && !fr_read_values(&s, (fr_file_dtype)kind, false, t)))) {
        fr_fail(where, "tensor %.80s: it has fewer bytes than its shape needs", name_of(p));
        fr_unref(t);
        t = NULL;
    }
    fclose(file);
    return t;
}

/* --- A tensor ---------------------------------------------------------------------------------------------------- */

static bool read_values(const char *where, const fr_tensor_proto *p, int kind, fr_tensor *t)
{
    if (p->has_raw_data)
        return read_raw_data(where, p, kind, t);
    if (kind == FR_FILE_F16 || kind == FR_FILE_BF16)
        return read_halves(where, p, kind, t);
    return read_typed_data(where, p, kind, t);
}

fr_tensor *fr_import_tensor(const char *where, const fr_tensor_proto *p, const char *folder)
{
    int kind = p->has_data_type ? kind_of(p->data_type) : -1;
    fr_shape shape;
    fr_tensor *t;

    if (kind < 0)
        return fr_fail(where, "tensor %.80s has data type %d, which frond does not have", name_of(p), p->data_type);
    if (p->has_data_location && p->data_location != 0)
        return read_external(where, p, kind, folder);
    if (!read_shape(where, p, kind, 0, &shape))
        return NULL;
    t = fr_tensor_alloc(where, &shape, fr_file_dtypes[kind].dtype);
    if (t && !read_values(where, p, kind, t)) {
        fr_unref(t);
        return NULL;
    }
    return t;
}
