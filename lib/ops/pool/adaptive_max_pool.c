/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* adaptive_max_pool1d and adaptive_max_pool2d: along one dim after the other the values of all windows are laid out
 * side by side, the last of a window repeated where it is shorter than others; then the largest is taken. Their cases
 * stand in adaptive_avg_pool2d.c. */
#include "core/recorder.h"
#include "ops/pool/pool.h"

#include <inttypes.h>

/* Window i covers floor(i in / out) .. ceil((i + 1) in / out) - 1. */
static int64_t window_end(int64_t i, int64_t in, int64_t out)
{
    return ((i + 1) * in - 1) / out + 1;
}

static fr_tensor *max_along(const char *what, fr_tensor *x, int dim, int64_t out)
{
    int64_t in = x->shape.dim[dim], widest = 1, product;
    fr_shape windows = x->shape;
    fr_tensor *index;
    char text[FR_SHAPE_TEXT];

    if (out == 0)
        return fr_slice(x, dim, 0, 0, 1);
    if (out > INT64_MAX / 32 || !fr_mul_size(in, out + 1, &product) || product > INT64_MAX / 32)
        return fr_fail(what, "x %s to %" PRId64 " values: too large", fr_shape_text(&x->shape, text), out);
    for (int64_t i = 0; i < out; i++) {
        int64_t width = window_end(i, in, out) - i * in / out;

        widest = width > widest ? width : widest;
    }
    index = fr_hold(what, fr_tensor_alloc(what, &(fr_shape){ 1, { out * widest } }, FR_I64));
    for (int64_t i = 0; index && i < index->numel; i++) {
        int64_t at = i / widest * in / out + i % widest, last = window_end(i / widest, in, out) - 1;

        ((int64_t *)(void *)index->origin)[i] = at < last ? at : last;
    }
    fr_note_constant(fr_thread_self(), index);
    memmove(windows.dim + dim + 1, windows.dim + dim, (size_t)(windows.ndim - dim) * sizeof *windows.dim);
    windows.ndim++;
    windows.dim[dim] = out;
    windows.dim[dim + 1] = widest;
    return index ? fr_max_dim(fr_reshape(fr_index_select(x, dim, index), windows), dim + 1, false) : NULL;
}

static fr_tensor *pooled(const char *what, int dims, fr_tensor *x, const fr_shape *output_size)
{
    int64_t out[FR_SPATIAL_DIMS], numel;
    int ndim = x->shape.ndim;
    fr_shape y = x->shape;
    char text[FR_SHAPE_TEXT];

    if (!fr_read_output_size(what, dims, output_size, out))
        return NULL;
    if (ndim != dims + 1 && ndim != dims + 2)
        return fr_fail(what, "x %s, expected %s", fr_shape_text(&x->shape, text),
                       dims == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)");
    for (int i = ndim - dims; i < ndim; i++)
        if (x->shape.dim[i] == 0)
            return fr_fail(what, "x %s has channels without values", fr_shape_text(&x->shape, text));
    for (int i = 1; i <= dims; i++)
        if (out[FR_SPATIAL_DIMS - i] >= 0)
            y.dim[ndim - i] = out[FR_SPATIAL_DIMS - i];
    if (!fr_shape_check(what, &y, (fr_dtype)x->dtype, &numel))
        return NULL;
    for (int i = 1; x && i <= dims; i++)
        x = out[FR_SPATIAL_DIMS - i] < 0 ? x : max_along(what, x, ndim - i, y.dim[ndim - i]);
    return x ? fr_reshape(x, x->shape) : NULL; /* a new one, even if all sizes are kept */
}

static fr_tensor *apply(const char *what, int dims, fr_tensor *x, fr_shape output_size)
{
    fr_composition c = fr_compose(what);

    return fr_composed(c, fr_check_argument(what, x, "x") ? pooled(what, dims, x, &output_size) : NULL);
}

fr_tensor *fr_adaptive_max_pool1d(fr_tensor *x, int64_t output_size)
{
    return apply("adaptive_max_pool1d", 1, x, FR_SHAPE(output_size));
}

fr_tensor *fr_adaptive_max_pool2d(fr_tensor *x, fr_shape output_size)
{
    return apply("adaptive_max_pool2d", 2, x, output_size);
}
