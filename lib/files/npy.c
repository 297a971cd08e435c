/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NumPy's npy files: fr_save_npy, fr_load_npy, and the encoding that npz files share with them. */
#include <config.h>

#include "files/npy.h"

#include "core/integer.h"
#include "core/memory_limit.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "files/replace_file.h"
#include "files/values_place.h"

#include <frond/io.h>
#include <frond/op.h>
#include <inttypes.h>
#include <stdlib.h>

/* A view of t with its dimensions in reverse order: numpy.transpose. The caller owns one reference. */
static fr_tensor *transpose_all(const char *where, const fr_tensor *t)
{
    fr_shape shape = { .ndim = t->shape.ndim };
    int64_t stride[FR_MAX_DIMS];

    for (int i = 0; i < shape.ndim; i++) {
        shape.dim[i] = t->shape.dim[shape.ndim - 1 - i];
        stride[i] = t->stride[shape.ndim - 1 - i];
    }
    return fr_tensor_share(where, t, &shape, stride, 0);
}

/* --- Reading ----------------------------------------------------------------------------------------------------- */

/* Reads up to the dict. Returns its size in bytes, or -1 with an error; *python2: Python 2 may have written it. */
static int64_t read_prefix(fr_byte_stream *s, bool *python2)
{
    enum { DICT_MAX = UINT16_MAX }; /* more than any array of plain numbers has */
    unsigned char prefix[FR_NPY_PREFIX], length[4] = { 0 };

    if (s->remaining < FR_NPY_PREFIX)
        return fr_fail(s->where, "not an npy file: %" PRId64 " bytes are too few", s->remaining), -1;
    if (!fr_byte_stream_read(s, prefix, sizeof prefix))
        return -1;
    if (memcmp(prefix, "PK\3\4", 4) == 0)
        return fr_fail(s->where, "not an npy file but a zip archive, as npz files are"), -1;
    if (memcmp(prefix, FR_NPY_MAGIC, 6) != 0)
        return fr_fail(s->where, "not an npy file: it does not begin with \\x93NUMPY"), -1;
    if (prefix[6] < 1 || prefix[6] > 3 || prefix[7] != 0)
        return fr_fail(s->where, "npy format %d.%d, expected 1.0, 2.0 or 3.0", prefix[6], prefix[7]), -1;
    *python2 = prefix[6] < 3;
    if (!fr_byte_stream_read(s, length, prefix[6] == 1 ? 2 : 4))
        return -1;

    int64_t size = (int64_t)length[3] << 24 | length[2] << 16 | length[1] << 8 | length[0];
    int64_t limit = fr_least(DICT_MAX, s->remaining);

    if (size > limit)
        return fr_fail(s->where, "a header of %" PRId64 " bytes, expected at most %" PRId64, size, limit), -1;
    return size;
}

static bool read_header(fr_byte_stream *s, fr_npy_header *h)
{
    bool python2;
    int64_t size = read_prefix(s, &python2);

    if (size < 0)
        return false;

    char *text = malloc((size_t)size + 1);
    bool ok = (text || fr_fail_memory(s->where)) && fr_byte_stream_read(s, text, (size_t)size) &&
              fr_npy_parse_header(s->where, text, (size_t)size, python2, h);

    free(text);
    return ok;
}

/* The values must take up the rest of the stream, and in memory, where a byte may become an int64, at most limit bytes.
 */
static bool check_size(const fr_byte_stream *s, const fr_npy_header *h, int64_t limit)
{
    const fr_file_dtype_info *info = &fr_file_dtypes[h->dtype];
    char text[FR_SHAPE_TEXT];
    int64_t numel;

    if (!fr_shape_check(s->where, &h->shape, info->dtype, &numel))
        return false;
    if (numel * (int64_t)info->size != s->remaining)
        return fr_fail(s->where, "%" PRId64 " bytes of values, expected %" PRId64 " for %s of shape %s", s->remaining,
                       numel * (int64_t)info->size, info->npy, fr_shape_text(&h->shape, text));

    int64_t needed = numel * (int64_t)fr_dtype_size(info->dtype) * (h->column_major ? 2 : 1);

    return needed <= limit || fr_fail_memory_limit(s->where, "its values, unpacked,", needed, limit);
}

/* Column-major values of shape (2,3) are row-major values of shape (3,2): reads those and copies their transpose. */
static fr_tensor *read_column_major(fr_byte_stream *s, const fr_npy_header *h)
{
    fr_shape shape = { .ndim = h->shape.ndim };

    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = h->shape.dim[shape.ndim - 1 - i];

    fr_tensor *t = fr_tensor_alloc(s->where, &shape, fr_file_dtypes[h->dtype].dtype);
    fr_tensor *view = t && fr_read_values(s, h->dtype, h->big_endian, t) ? transpose_all(s->where, t) : NULL;
    fr_tensor *copy = view ? fr_tensor_copy(s->where, view) : NULL;

    fr_unref(view);
    fr_unref(t);
    return copy;
}

fr_tensor *fr_npy_read(fr_byte_stream *s, int64_t limit, bool *left_out)
{
    fr_npy_header h = { .unsupported = "" };

    if (!read_header(s, &h))
        return NULL;
    if (*h.unsupported && !left_out)
        return fr_fail(s->where, "%s", h.unsupported);
    if (*h.unsupported) {
        fr_warn(s->where, "left out: %s", h.unsupported);
        *left_out = true;
        return NULL;
    }
    if (!check_size(s, &h, limit))
        return NULL;
    if (h.column_major)
        return read_column_major(s, &h);

    fr_tensor *t = fr_tensor_alloc(s->where, &h.shape, fr_file_dtypes[h.dtype].dtype);

    if (t && !fr_read_values(s, h.dtype, h.big_endian, t)) {
        fr_unref(t);
        return NULL;
    }
    return t;
}

bool fr_npy_stream_find_values(fr_byte_stream *s, fr_values_place *place)
{
    fr_npy_header h = { .unsupported = "" };
    int64_t size = s->remaining;

    if (!read_header(s, &h))
        return false;
    if (*h.unsupported)
        return fr_fail(s->where, "%s", h.unsupported);
    if (!check_size(s, &h, INT64_MAX))
        return false;
    if (h.column_major && h.shape.ndim > 1)
        return fr_fail(s->where, "is column-major (fortran_order): its rows do not lie together; save it again as "
                                 "numpy.ascontiguousarray makes it");
    *place = (fr_values_place){ h.dtype, h.big_endian, h.shape, size - s->remaining };
    return true;
}

bool fr_npy_find_values(const char *where, FILE *file, fr_values_place *place)
{
    fr_byte_stream s;

    return fr_byte_stream_from_file(&s, where, file) && fr_npy_stream_find_values(&s, place);
}

static fr_tensor *load_npy(const char *what, const char *path)
{
    char where[FR_WHERE_SIZE];
    FILE *file = fr_file_open(fr_file_where(what, path, where), path);
    fr_byte_stream s;

    if (!file)
        return NULL;

    fr_tensor *t = fr_byte_stream_from_file(&s, where, file) ? fr_npy_read(&s, INT64_MAX, NULL) : NULL;

    fclose(file);
    return fr_hold(what, t);
}

fr_tensor *fr_load_npy(const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "load_npy");
    fr_tensor *t = load_npy("load_npy", path);

    fr_finish(th, before);
    return t;
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

/* {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } and spaces. As NumPy does, leaves room for the size of
 * the slowest dimension to grow to 21 digits. Returns the length, which is below FR_NPY_HEADER_MAX for any shape. */
static int print_dict(char *text, size_t size, const fr_tensor *t, bool column_major)
{
    int ndim = t->shape.ndim;
    int length = snprintf(text, size, "{'descr': '<%s', 'fortran_order': %s, 'shape': (", fr_file_dtypes[t->dtype].npy,
                          column_major ? "True" : "False");

    for (int i = 0; i < ndim; i++)
        length += snprintf(text + length, size - (size_t)length, "%s%" PRId64, i ? ", " : "", t->shape.dim[i]);
    length += snprintf(text + length, size - (size_t)length, "%s), }", ndim == 1 ? "," : "");
    if (ndim > 0) {
        int digits = snprintf(NULL, 0, "%" PRId64, t->shape.dim[column_major ? ndim - 1 : 0]);

        length += snprintf(text + length, size - (size_t)length, "%*s", 21 - digits, "");
    }
    return length;
}

/* Prefix, dict, spaces and a newline, up to a multiple of 64 bytes. */
static void make_header(fr_npy_encoded *npy, const fr_tensor *t, bool column_major)
{
    enum { BEFORE = FR_NPY_PREFIX + 2, ALIGNED = 64 };
    char *text = npy->header + BEFORE;
    size_t length = (size_t)print_dict(text, sizeof npy->header - BEFORE, t, column_major);
    size_t all = (BEFORE + length + 1) / ALIGNED * ALIGNED + ALIGNED;

    memcpy(npy->header, FR_NPY_MAGIC "\1", FR_NPY_PREFIX);
    npy->header[BEFORE - 2] = (char)((all - BEFORE) & 0xff);
    npy->header[BEFORE - 1] = (char)((all - BEFORE) >> 8);
    memset(text + length, ' ', all - BEFORE - length);
    npy->header[all - 1] = '\n';
    npy->header_size = all;
}

bool fr_npy_encode(const char *where, fr_tensor *t, fr_npy_encoded *npy)
{
    *npy = (fr_npy_encoded){ .values = NULL };
    if (!fr_check_argument(where, t, "tensor"))
        return false;

    fr_tensor *transposed = t->contiguous ? NULL : transpose_all(where, t);

    if (!t->contiguous && !transposed)
        return false;

    bool column_major = transposed && transposed->contiguous;

    make_header(npy, t, column_major);
    npy->values = fr_values_for_file(where, column_major ? transposed : t);
    npy->values_size = (size_t)t->numel * fr_dtype_size((fr_dtype)t->dtype);
    fr_unref(transposed);
    return npy->values != NULL;
}

void fr_npy_encoded_free(fr_npy_encoded *npy)
{
    fr_unref(npy->values);
}

static bool save_npy(const char *what, const char *path, fr_tensor *t)
{
    char where[FR_WHERE_SIZE];
    fr_npy_encoded npy;
    fr_replacement r;

    if (!fr_npy_encode(fr_file_where(what, path, where), t, &npy))
        return false;

    bool ok = fr_replace_begin(&r, where, path) &&
              fr_replace_finish(&r, fr_replace_write(&r, npy.header, npy.header_size) &&
                                        fr_replace_write(&r, npy.values->origin, npy.values_size));

    fr_npy_encoded_free(&npy);
    return ok;
}

bool fr_save_npy(const char *path, fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "save_npy");
    bool ok = save_npy("save_npy", path, t);

    fr_finish(th, before);
    return ok;
}
