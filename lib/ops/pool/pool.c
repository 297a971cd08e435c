/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What all pools share: reading the window and finding shapes. */
#include "ops/pool/pool.h"

#include <inttypes.h>

bool fr_read_pool_window(const char *what, int dims, const fr_shape *kernel, const fr_shape *stride,
                         const fr_shape *padding, const fr_shape *dilation, fr_sliding_window *w)
{
    w->dims = dims;
    if (!fr_read_window_option(what, "kernel_size", kernel, kernel, dims, 1, w->kernel) ||
        !fr_read_window_option(what, "stride", stride, kernel, dims, 1, w->stride) ||
        !fr_read_window_option(what, "padding", padding, NULL, dims, 0, w->pad_before) ||
        !fr_read_window_option(what, "dilation", dilation, NULL, dims, 1, w->dilation))
        return false;
    for (int i = 0; i < FR_SPATIAL_DIMS; i++) {
        w->pad_after[i] = w->pad_before[i];
        if (w->pad_before[i] > w->kernel[i] / 2)
            return fr_fail(what, "padding %" PRId64 " for a kernel of %" PRId64 ", expected at most half of it",
                           w->pad_before[i], w->kernel[i]);
    }
    return true;
}

bool fr_pool_complete(fr_op_call *call, const fr_shape *x, fr_pool_attributes *a)
{
    fr_sliding_window *w = &a->pool.window;
    char text[FR_SHAPE_TEXT];
    int64_t product; /* fits: the kernel computes an adaptive window's place from it */

    *a = *(const fr_pool_attributes *)call->attributes;
    if (!fr_has_spatial_dims(w, x))
        return fr_op_fail(call, "x %s, expected %s", fr_shape_text(x, text),
                          w->dims == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)");
    fr_window_set_input(w, x);
    if (fr_window_in_numel(w) == 0)
        return fr_op_fail(call, "x %s has channels without values", fr_shape_text(x, text));
    if (!a->pool.adaptive)
        return fr_window_set_sizes(call, x, a->ceil_mode, w);
    if (w->dims == 1)
        w->out_size[0] = 1;
    for (int i = 0; i < FR_SPATIAL_DIMS; i++)
        if (!fr_mul_size(w->in_size[i], w->out_size[i], &product))
            return fr_op_fail(call, "x %s to %" PRId64 " values: too large", fr_shape_text(x, text), w->out_size[i]);
    return true;
}

void fr_pool_infer_output(fr_op_call *call, const fr_pool_attributes *a)
{
    const fr_sliding_window *w = &a->pool.window;
    const fr_shape *x = &call->in[0]->shape;

    call->out[0].dtype = fr_dtype_of(call->in[0]);
    call->out[0].shape = fr_spatial_shape(w, x, x->dim[x->ndim - w->dims - 1], w->out_size);
}

int64_t fr_pool_planes(const fr_pool *p, const fr_shape *x)
{
    fr_shape planes = *x;

    planes.ndim -= p->window.dims;
    return fr_shape_numel(&planes);
}
