/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What max_pool1d and max_pool2d share. The gradient of y is that of the one value of x that y is, so backward is
 * scatter_add by the positions that forward keeps. */
#include "ops/pool/pool.h"

/* True if one of the first windows, which begin in the padding, holds no value of x: with dilation it may step over
 * all. */
static bool misses_values(const fr_sliding_window *w, int dim)
{
    for (int64_t i = 0, at = -w->pad_before[dim]; i < w->out_size[dim] && at < 0; i++, at += w->stride[dim]) {
        int64_t k = (-at - 1) / w->dilation[dim] + 1; /* the first that is not in the padding before x */

        if (k >= w->kernel[dim] || at + k * w->dilation[dim] >= w->in_size[dim])
            return true;
    }
    return false;
}

bool fr_max_pool_infer(fr_op_call *call)
{
    const fr_shape *x = &call->in[0]->shape;
    char text[FR_SHAPE_TEXT];
    fr_pool_attributes a;

    if (!fr_pool_complete(call, x, &a))
        return false;
    for (int i = 0; i < FR_SPATIAL_DIMS; i++)
        if (misses_values(&a.pool.window, i))
            return fr_op_fail(call, "dim %d of shape %s: a window would hold padding alone",
                              x->ndim - FR_SPATIAL_DIMS + i, fr_shape_text(x, text));
    fr_pool_infer_output(call, &a);
    call->out[1] = (fr_meta){ .shape = call->out[0].shape, .dtype = FR_I64 };
    return true;
}

void fr_max_pool_forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];
    fr_pool_attributes a;

    if (fr_pool_complete(call, &x->shape, &a))
        fr_max_pool_planes((fr_dtype)x->dtype, &a.pool, fr_pool_planes(&a.pool, &x->shape), x->origin,
                           call->result[0]->origin, (int64_t *)call->result[1]->origin);
}

/* --- Gradients ---------------------------------------------------------------------------------------------------- */

/* The shape t, of x or y, as (planes, values of a plane). */
static fr_shape as_planes(const fr_op_call *call, const fr_shape *t)
{
    const fr_pool_attributes *a = call->attributes;
    fr_shape flat = { 2, { 1, 1 } };

    for (int i = 0; i < t->ndim; i++)
        flat.dim[i >= t->ndim - a->pool.window.dims] *= t->dim[i];
    return flat;
}

void fr_max_pool_backward(fr_op_call *call)
{
    fr_tensor *dy = call->grad_out[0], *position = call->result[1];
    fr_shape x = as_planes(call, &call->in_shape[0]), y = as_planes(call, &dy->shape);
    fr_tensor *dx = fr_scatter_add(fr_reshape(dy, y), x, 1, fr_reshape(position, y));

    call->grad_in[0] = fr_reshape(dx, call->in_shape[0]);
}

void fr_max_pool_backward_kernel(fr_op_call *call)
{
    const fr_tensor *dy = call->grad_out[0];
    fr_shape x = as_planes(call, &call->in_shape[0]), y = as_planes(call, &dy->shape);

    fr_max_pool_planes_backward((fr_dtype)dy->dtype, x.dim[0], x.dim[1], y.dim[1], dy->origin,
                                (const int64_t *)call->result[1]->origin, call->grad_in[0]->origin);
}
