/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sliding windows of ops: options, sizes, ONNX and C. */
#include "ops/sliding_window.h"

#include <inttypes.h>

bool fr_read_window_option(const char *what, const char *name, const fr_shape *given, const fr_shape *otherwise,
                           int dims, int64_t least, int64_t values[FR_SPATIAL_DIMS])
{
    const fr_shape neutral = { 1, { least } };
    char text[FR_SHAPE_TEXT];
    bool ok;

    if (given->ndim == 0)
        given = otherwise ? otherwise : &neutral;
    ok = given->ndim == 1 || given->ndim == dims;
    values[0] = least;
    for (int i = 0; ok && i < dims; i++) {
        int64_t value = given->dim[given->ndim > 1 ? i : 0];

        values[FR_SPATIAL_DIMS - dims + i] = value;
        ok = value >= least;
    }
    return ok || fr_fail(what, "%s is %s, expected one number%s, %" PRId64 " or more", name, fr_shape_text(given, text),
                         dims > 1 ? " or two" : "", least);
}

bool fr_has_spatial_dims(const fr_sliding_window *w, const fr_shape *shape)
{
    return shape->ndim == w->dims + 1 || shape->ndim == w->dims + 2;
}

void fr_window_set_input(fr_sliding_window *w, const fr_shape *x)
{
    w->in_size[0] = 1;
    for (int i = 1; i <= w->dims; i++)
        w->in_size[FR_SPATIAL_DIMS - i] = x->dim[x->ndim - i];
}

fr_shape fr_spatial_shape(const fr_sliding_window *w, const fr_shape *like, int64_t channels,
                          const int64_t space[FR_SPATIAL_DIMS])
{
    fr_shape shape = *like;

    shape.dim[shape.ndim - w->dims - 1] = channels;
    for (int i = 1; i <= w->dims; i++)
        shape.dim[shape.ndim - i] = space[FR_SPATIAL_DIMS - i];
    return shape;
}

/* The output size of one dim: 0 if no window fits, -1 if a size overflows. */
static int64_t output_size(const fr_sliding_window *w, int dim, bool ceil_mode)
{
    int64_t stride = w->stride[dim], reach, padded, start;

    if (__builtin_mul_overflow(w->kernel[dim] - 1, w->dilation[dim], &reach) ||
        __builtin_add_overflow(w->in_size[dim], w->pad_before[dim], &padded) ||
        __builtin_add_overflow(padded, w->pad_after[dim], &padded))
        return -1;

    int64_t room = padded - 1 - reach; /* for the window to slide in */

    if (room < 0)
        return ceil_mode && room > -stride;

    int64_t fitting = room / stride + 1;
    bool one_more = ceil_mode && room % stride != 0 && fr_mul_size(fitting, stride, &start) &&
                    start < w->in_size[dim] + w->pad_before[dim];

    return fitting + one_more;
}

bool fr_window_set_sizes(fr_op_call *call, const fr_shape *x, bool ceil_mode, fr_sliding_window *w)
{
    char text[FR_SHAPE_TEXT];

    fr_window_set_input(w, x);
    w->out_size[0] = 1;
    for (int i = FR_SPATIAL_DIMS - w->dims; i < FR_SPATIAL_DIMS; i++) {
        w->out_size[i] = output_size(w, i, ceil_mode);
        if (w->out_size[i] <= 0)
            return fr_op_fail(call,
                              "dim %d of shape %s, padding %" PRId64 ", kernel %" PRId64 ", dilation %" PRId64 ": %s",
                              x->ndim - FR_SPATIAL_DIMS + i, fr_shape_text(x, text), w->pad_before[i], w->kernel[i],
                              w->dilation[i], w->out_size[i] < 0 ? "too large" : "no window fits");
    }
    return true;
}

static void write_window(fr_onnx *g, const fr_sliding_window *w)
{
    int first = FR_SPATIAL_DIMS - w->dims;
    int64_t pads[2 * FR_SPATIAL_DIMS];

    for (int i = 0; i < w->dims; i++) {
        pads[i] = w->pad_before[first + i];
        pads[w->dims + i] = w->pad_after[first + i];
    }
    fr_onnx_ints(g, "kernel_shape", w->dims, w->kernel + first);
    fr_onnx_ints(g, "strides", w->dims, w->stride + first);
    fr_onnx_ints(g, "pads", 2 * w->dims, pads);
    if (w->dilation[0] != 1 || w->dilation[1] != 1) /* AveragePool has none */
        fr_onnx_ints(g, "dilations", w->dims, w->dilation + first);
}

void fr_onnx_window_node(fr_onnx *g, const fr_op_call *call, const char *type, const fr_sliding_window *w,
                         const fr_onnx_int_attribute *more)
{
    const int64_t first = 0;
    bool single = call->in[0]->shape.ndim == 1 + w->dims;
    const char *x = fr_onnx_input(g, 0), *y = fr_onnx_output(g, 0), *batch = y;

    if (single) {
        x = fr_onnx_value(g, "Unsqueeze", FR_ONNX_NAMES(x, fr_onnx_int64s(g, 1, &first)));
        batch = fr_onnx_new_name(g);
    }
    fr_onnx_node(g, type, FR_ONNX_NAMES(x, fr_onnx_input(g, 1), fr_onnx_input(g, 2)), FR_ONNX_NAMES(batch));
    write_window(g, w);
    for (; more->name; more++) {
        if (more->values)
            fr_onnx_ints(g, more->name, w->dims, more->values);
        else
            fr_onnx_int(g, more->name, more->value);
    }
    if (single)
        fr_onnx_node(g, "Squeeze", FR_ONNX_NAMES(batch, fr_onnx_int64s(g, 1, &first)), FR_ONNX_NAMES(y));
}

const char *fr_c_window(const fr_sliding_window *w, bool dilation, char text[FR_C_WINDOW_TEXT])
{
    static const char *const names[] = { "size", "kernel", "stride", "before", "dilation", "out" };
    const int64_t *const values[] = { w->in_size, w->kernel, w->stride, w->pad_before, w->dilation, w->out_size };
    size_t used = 0;

    for (int i = 0; i < 6; i++)
        if (dilation || values[i] != w->dilation)
            used += (size_t)snprintf(text + used, FR_C_WINDOW_TEXT - used, "%s.%s = { %" PRId64 ", %" PRId64 " }",
                                     used ? ", " : "", names[i], values[i][0], values[i][1]);
    return text;
}
