/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Shapes: checking, broadcasting, strides, text. */
#include "core/shape.h"

#include "core/error.h"
#include "core/integer.h"

#include <frond/op.h>
#include <inttypes.h>

const char *fr_dtype_name(fr_dtype dtype)
{
    return dtype == FR_F32 ? "float32" : dtype == FR_F64 ? "float64" : dtype == FR_I64 ? "int64" : "unknown dtype";
}

const char *fr_shape_text(const fr_shape *shape, char text[FR_SHAPE_TEXT])
{
    size_t used = (size_t)snprintf(text, FR_SHAPE_TEXT, "(");

    for (int i = 0; i < shape->ndim && i < FR_MAX_DIMS; i++)
        used += (size_t)snprintf(text + used, FR_SHAPE_TEXT - used, i ? ", %" PRId64 : "%" PRId64, shape->dim[i]);
    snprintf(text + used, FR_SHAPE_TEXT - used, shape->ndim == 1 ? ",)" : ")");
    return text;
}

bool fr_shape_check_ndim(const char *what, const fr_shape *shape)
{
    return (shape->ndim >= 0 && shape->ndim <= FR_MAX_DIMS) ||
           fr_fail(what, "a shape of %d dimensions, expected 0 to %d", shape->ndim, FR_MAX_DIMS);
}

bool fr_shape_check(const char *what, const fr_shape *shape, fr_dtype dtype, int64_t *numel)
{
    char text[FR_SHAPE_TEXT];
    int64_t count = 1, bytes;
    bool fits = true, empty = false;

    if ((unsigned)dtype > FR_I64)
        return fr_fail(what, "dtype %d is none of float32, float64, int64", (int)dtype);
    if (!fr_shape_check_ndim(what, shape))
        return false;
    for (int i = 0; i < shape->ndim; i++) {
        if (shape->dim[i] < 0)
            return fr_fail(what, "shape %s has a negative size", fr_shape_text(shape, text));
        empty |= shape->dim[i] == 0;
        fits = fits && fr_mul_size(count, shape->dim[i] > 0 ? shape->dim[i] : 1, &count);
    }
    /* Checked for shapes without values too, as if sizes of 0 were 1: so no product of dims overflows anywhere. */
    if (!fits || !fr_mul_size(count, (int64_t)fr_dtype_size(dtype), &bytes) || bytes > PTRDIFF_MAX / 4)
        return fr_fail(what, "shape %s is too large", fr_shape_text(shape, text));
    *numel = empty ? 0 : count;
    return true;
}

bool fr_shape_equal(const fr_shape *a, const fr_shape *b)
{
    if (a->ndim != b->ndim)
        return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

int64_t fr_shape_numel(const fr_shape *shape)
{
    int64_t count = 1;

    for (int i = 0; i < shape->ndim; i++)
        if (shape->dim[i] == 0)
            return 0;
    for (int i = 0; i < shape->ndim; i++)
        count *= shape->dim[i];
    return count;
}

int fr_shape_dim(const fr_shape *shape, int dim)
{
    int n = shape->ndim > 0 ? shape->ndim : 1;

    return dim >= 0 && dim < n ? dim : dim < 0 && dim >= -n ? dim + n : -1;
}

bool fr_shape_broadcast(const fr_shape *a, const fr_shape *b, fr_shape *out)
{
    int n = a->ndim > b->ndim ? a->ndim : b->ndim;

    out->ndim = n;
    for (int i = 1; i <= n; i++) {
        int64_t x = i <= a->ndim ? a->dim[a->ndim - i] : 1, y = i <= b->ndim ? b->dim[b->ndim - i] : 1;

        if (x != y && x != 1 && y != 1)
            return false;
        out->dim[n - i] = x == 1 ? y : x;
    }
    return true;
}

bool fr_shape_broadcasts_to(const fr_shape *from, const fr_shape *to)
{
    fr_shape both;

    return from->ndim <= to->ndim && fr_shape_broadcast(from, to, &both) && fr_shape_equal(&both, to);
}

void fr_shape_strides(const fr_shape *shape, int64_t stride[FR_MAX_DIMS])
{
    int64_t step = 1;

    for (int i = shape->ndim - 1; i >= 0; i--) {
        stride[i] = step;
        step *= shape->dim[i] > 0 ? shape->dim[i] : 1;
    }
}
