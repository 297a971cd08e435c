/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* max_unpool1d and max_unpool2d: the reverse of a max pool puts x to the indices, positions in their plane, of zeros.
 * Their cases stand in max_pool1d.c and max_pool2d.c. */
#include "ops/pool/pool.h"

#include <inttypes.h>

bool fr_read_max_unpool_options(const char *what, int dims, const fr_shape *kernel,
                                const fr_max_unpool_options *options, fr_sliding_window *w)
{
    static const fr_max_unpool_options none;
    const fr_max_unpool_options *o = options ? options : &none;

    return fr_check_reserved(what, o->reserved) &&
           fr_read_pool_window(what, dims, kernel, &o->stride, &o->padding, &(fr_shape){ 0 }, w);
}

/* Sets out_size[]: the size from which the pool's formula gives in_size, or the one that is given, which is near it. */
static bool set_sizes(const char *what, fr_sliding_window *w, const fr_tensor *x, const fr_shape *given)
{
    char text[FR_SHAPE_TEXT];
    int64_t size;

    if (given->ndim > 1 && given->ndim != w->dims && given->ndim != x->shape.ndim)
        return fr_fail(what, "output_size is %s, expected one number%s or one for each dim of x",
                       fr_shape_text(given, text), w->dims == 1 ? "" : ", two");
    w->out_size[0] = 1;
    for (int i = FR_SPATIAL_DIMS - w->dims; i < FR_SPATIAL_DIMS; i++) {
        if (!fr_mul_size(w->in_size[i] - 1, w->stride[i], &size) || size > INT64_MAX - w->kernel[i])
            return fr_fail(what, "x %s: too large", fr_shape_text(&x->shape, text));
        size += w->kernel[i] - 2 * w->pad_before[i];
        w->out_size[i] = given->ndim ? given->dim[given->ndim > 1 ? given->ndim - FR_SPATIAL_DIMS + i : 0] : size;
        if (w->out_size[i] < 0 || w->out_size[i] <= size - w->stride[i] || w->out_size[i] - w->stride[i] >= size)
            return fr_fail(what,
                           "output_size is %s: %" PRId64 " is not less than the stride, %" PRId64 ", from %" PRId64,
                           fr_shape_text(given, text), w->out_size[i], w->stride[i], size);
    }
    return true;
}

static fr_tensor *unpooled(const char *what, fr_sliding_window *w, fr_tensor *x, fr_tensor *indices,
                           const fr_shape *given)
{
    const int lead = x->shape.ndim - w->dims;
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];
    fr_shape values = { 2, { 1, 1 } }, zeros, y;

    if (!fr_has_spatial_dims(w, &x->shape))
        return fr_fail(what, "x %s, expected %s", fr_shape_text(&x->shape, a),
                       w->dims == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)");
    if (!fr_shape_equal(&indices->shape, &x->shape))
        return fr_fail(what, "indices %s for x %s, expected the same shape", fr_shape_text(&indices->shape, a),
                       fr_shape_text(&x->shape, b));
    fr_window_set_input(w, &x->shape);
    if (fr_window_in_numel(w) == 0)
        return fr_fail(what, "x %s has channels without values", fr_shape_text(&x->shape, a));
    if (!set_sizes(what, w, x, given))
        return NULL;
    y = fr_spatial_shape(w, &x->shape, x->shape.dim[lead - 1], w->out_size);
    if (!fr_shape_check(what, &y, (fr_dtype)x->dtype, &(int64_t){ 0 }))
        return NULL;
    for (int i = 0; i < x->shape.ndim; i++)
        values.dim[i >= lead] *= x->shape.dim[i];
    zeros = FR_SHAPE(values.dim[0], w->out_size[0] * w->out_size[1]);
    return fr_reshape(fr_scatter_to_zeros(fr_reshape(x, values), zeros, 1, fr_reshape(indices, values)), y);
}

fr_tensor *fr_apply_max_unpool(const char *what, int dims, fr_tensor *x, fr_tensor *indices, fr_shape kernel,
                               const fr_max_unpool_options *options)
{
    fr_composition c = fr_compose(what);
    fr_sliding_window w;
    bool ok = fr_check_argument(what, x, "x") && fr_check_argument(what, indices, "indices") &&
              fr_read_max_unpool_options(what, dims, &kernel, options, &w);

    return fr_composed(c,
                       ok ? unpooled(what, &w, x, indices, options ? &options->output_size : &(fr_shape){ 0 }) : NULL);
}

fr_tensor *fr_max_unpool1d(fr_tensor *x, fr_tensor *indices, int64_t kernel_size, const fr_max_unpool_options *options)
{
    return fr_apply_max_unpool("max_unpool1d", 1, x, indices, FR_SHAPE(kernel_size), options);
}

fr_tensor *fr_max_unpool2d(fr_tensor *x, fr_tensor *indices, fr_shape kernel_size, const fr_max_unpool_options *options)
{
    return fr_apply_max_unpool("max_unpool2d", 2, x, indices, kernel_size, options);
}
