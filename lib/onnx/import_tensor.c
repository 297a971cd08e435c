/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A TensorProto as a tensor: the values of initializers and of Constant nodes. They are in raw_data, as bytes, or in a
 * field of their own type. */
#include <config.h>

#include "core/error.h"
#include "core/shape.h"
#include "files/dtype.h"
#include "onnx/import.h"

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
static bool read_shape(const char *where, const fr_tensor_proto *p, int kind, fr_shape *shape)
{
    size_t present = p->raw_data.len + p->n_float_data + p->n_double_data + p->n_int64_data + p->n_int32_data;
    int64_t numel;

    if (p->n_dims > FR_MAX_DIMS)
        return fr_fail(where, "tensor %.80s has %zu dims, expected at most %d", name_of(p), p->n_dims, FR_MAX_DIMS);
    *shape = (fr_shape){ .ndim = (int)p->n_dims };
    for (int i = 0; i < shape->ndim; i++)
        shape->dim[i] = p->dims[i];
    if (!fr_shape_check(where, shape, fr_file_dtypes[kind].dtype, &numel))
        return false;
    return numel <= (int64_t)present ||
           fr_fail(where, "tensor %.80s has fewer values than its shape needs", name_of(p));
}

fr_tensor *fr_import_tensor(const char *where, const fr_tensor_proto *p)
{
    int kind = p->has_data_type ? kind_of(p->data_type) : -1;
    fr_shape shape;
    fr_tensor *t;

    if (p->has_data_location && p->data_location != 0)
        return fr_fail(where, "tensor %.80s has its values in another file, which frond does not read", name_of(p));
    if (kind < 0)
        return fr_fail(where, "tensor %.80s has data type %d, which frond does not have", name_of(p), p->data_type);
    if (!read_shape(where, p, kind, &shape))
        return NULL;
    t = fr_tensor_alloc(where, &shape, fr_file_dtypes[kind].dtype);
    if (t && !(p->has_raw_data ? read_raw_data(where, p, kind, t) : read_typed_data(where, p, kind, t))) {
        fr_unref(t);
        return NULL;
    }
    return t;
}
