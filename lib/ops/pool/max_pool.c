/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What max_pool1d and max_pool2d share. The gradient of y is that of the one value of x that y is, so backward is
 * scatter by the positions that forward keeps. */
#include "ops/pool/pool.h"

#include <inttypes.h>

bool fr_read_max_pool_options(const char *what, int dims, const fr_shape *kernel, const fr_max_pool_options *options,
                              fr_pool_attributes *a)
{
    static const fr_max_pool_options none;
    const fr_max_pool_options *o = options ? options : &none;

    *a = (fr_pool_attributes){ .ceil_mode = o->ceil_mode };
    return fr_check_reserved(what, o->reserved) &&
           fr_read_pool_window(what, dims, kernel, &o->stride, &o->padding, &o->dilation, &a->pool.window);
}

fr_tensor *fr_apply_max_pool(const char *what, const fr_op *op, int dims, fr_tensor *x, fr_shape kernel,
                             const fr_max_pool_options *options, fr_tensor **indices)
{
    fr_composition c = fr_compose(what);
    fr_tensor *results[2] = { NULL, NULL };
    fr_pool_attributes a;

    if (fr_read_max_pool_options(what, dims, &kernel, options, &a))
        fr_apply_n(op, &x, 1, &a, results);
    if (indices)
        *indices = fr_escape(results[1]);
    return fr_composed(c, results[0]);
}

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
    fr_tensor *dx = fr_scatter_zeros(fr_reshape(dy, y), x, 1, fr_reshape(position, y));

    call->grad_in[0] = fr_reshape(dx, call->in_shape[0]);
}

void fr_max_pool_backward_kernel(fr_op_call *call)
{
    const fr_shape *x = &call->in_shape[0];
    fr_tensor *dx = call->grad_in[0];
    fr_pool_attributes a;

    if (fr_pool_complete(call, x, &a))
        fr_max_pool_planes_backward((fr_dtype)dx->dtype, &a.pool, fr_pool_planes(&a.pool, x), call->grad_out[0]->origin,
                                    (int64_t *)call->result[1]->origin, dx->origin);
}

/* --- C and ONNX --------------------------------------------------------------------------------------------------- */

static const char max_pool_text[] =
    "typedef struct {\n"
    "    int planes, size[2], kernel[2], stride[2], before[2], dilation[2], out[2];\n"
    "} max_windows;\n"
    "\n"
    "/* The largest value of each window of each plane, NaN where there is one, and its position in the plane. Either\n"
    " * result may be NULL. */\n"
    "static void max_pool(const max_windows *s, const float *x, float *y, int64_t *position)\n"
    "{\n"
    "    for (int n = 0; n < s->planes * s->out[0] * s->out[1]; n++) {\n"
    "        const float *plane = x + n / (s->out[0] * s->out[1]) * s->size[0] * s->size[1];\n"
    "        const int p = n / s->out[1] % s->out[0], q = n % s->out[1];\n"
    "        float most = -INFINITY;\n"
    "        int at = -1;\n"
    "\n"
    "        for (int k = 0; k < s->kernel[0] * s->kernel[1]; k++) {\n"
    "            const int i = p * s->stride[0] - s->before[0] + k / s->kernel[1] * s->dilation[0];\n"
    "            const int j = q * s->stride[1] - s->before[1] + k % s->kernel[1] * s->dilation[1];\n"
    "\n"
    "            if (i >= 0 && i < s->size[0] && j >= 0 && j < s->size[1]) {\n"
    "                const float value = plane[i * s->size[1] + j];\n"
    "\n"
    "                at = at < 0 || value > most || value != value ? i * s->size[1] + j : at;\n"
    "                most = plane[at];\n"
    "            }\n"
    "        }\n"
    "        if (y)\n"
    "            y[n] = most;\n"
    "        if (position)\n"
    "            position[n] = at;\n"
    "    }\n"
    "}\n";

bool fr_max_pool_c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_shape *shape = &call->in[0]->shape;
    fr_op_call again = *call;
    const char *x = fr_c_in(w, call, 0), *y = fr_c_is_read(w, call, 0) ? fr_c_out(w, call, 0) : "NULL";
    const char *position = fr_c_is_read(w, call, 1) ? fr_c_out(w, call, 1) : "NULL";
    fr_pool_attributes a;
    char window[FR_C_WINDOW_TEXT];

    if (!fr_pool_complete(&again, shape, &a))
        return false;
    fr_c_helper(w, "max_pool", max_pool_text, false);
    return fr_c_line(w, "max_pool(&(const max_windows){ .planes = %" PRId64 ", %s }, %s, %s, %s);",
                     fr_pool_planes(&a.pool, shape), fr_c_window(&a.pool.window, true, window), x, y, position);
}

bool fr_max_pool_onnx(fr_onnx *g, const fr_op_call *call)
{
    const fr_pool_attributes *a = call->attributes;

    if (fr_onnx_is_read(g, 1))
        return fr_onnx_fail(g, "with indices, which in ONNX count through the whole batch");
    fr_onnx_window_node(g, call, "MaxPool", &a->pool.window,
                        (fr_onnx_int_attribute[]){ { "ceil_mode", a->ceil_mode, NULL }, { NULL, 0, NULL } });
    return true;
}
