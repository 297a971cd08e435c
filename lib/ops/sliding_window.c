/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Windows: reading their options, counting them, and where a tap meets values. */
#include "ops/sliding_window.h"

#include <inttypes.h>

bool fr_window_option(const char *what, const char *name, const fr_shape *given, const fr_shape *otherwise, int dims,
                      int64_t least, int64_t values[FR_SPACE])
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

        values[FR_SPACE - dims + i] = value;
        ok = value >= least;
    }
    return ok || fr_fail(what, "%s is %s, expected one number%s, %" PRId64 " or more", name, fr_shape_text(given, text),
                         dims > 1 ? " or two" : "", least);
}

bool fr_is_spatial(const fr_windows *w, const fr_shape *shape)
{
    return shape->ndim == w->dims + 1 || shape->ndim == w->dims + 2;
}

void fr_windows_over(fr_windows *w, const fr_shape *x)
{
    w->size[0] = 1;
    for (int i = 1; i <= w->dims; i++)
        w->size[FR_SPACE - i] = x->dim[x->ndim - i];
}

fr_shape fr_spatial_shape(const fr_windows *w, const fr_shape *lead, int64_t channels, const int64_t space[FR_SPACE])
{
    fr_shape shape = *lead;

    shape.dim[shape.ndim - w->dims - 1] = channels;
    for (int i = 1; i <= w->dims; i++)
        shape.dim[shape.ndim - i] = space[FR_SPACE - i];
    return shape;
}

/* Of one dim; 0 where no window fits, -1 where a size overflows. */
static int64_t count(const fr_windows *w, int dim, bool ceil_mode)
{
    int64_t stride = w->stride[dim], reach, padded, start;

    if (__builtin_mul_overflow(w->kernel[dim] - 1, w->dilation[dim], &reach) ||
        __builtin_add_overflow(w->size[dim], w->before[dim], &padded) ||
        __builtin_add_overflow(padded, w->after[dim], &padded))
        return -1;

    int64_t room = padded - 1 - reach; /* for the window to slide in */

    if (room < 0)
        return ceil_mode && room > -stride;

    int64_t fitting = room / stride + 1;
    bool one_more = ceil_mode && room % stride != 0 && fr_mul_size(fitting, stride, &start) &&
                    start < w->size[dim] + w->before[dim];

    return fitting + one_more;
}

bool fr_windows_fit(fr_op_call *call, const fr_shape *x, bool ceil_mode, fr_windows *w)
{
    char text[FR_SHAPE_TEXT];

    fr_windows_over(w, x);
    w->out[0] = 1;
    for (int i = FR_SPACE - w->dims; i < FR_SPACE; i++) {
        w->out[i] = count(w, i, ceil_mode);
        if (w->out[i] <= 0)
            return fr_op_fail(call,
                              "dim %d of shape %s, padding %" PRId64 ", kernel %" PRId64 ", dilation %" PRId64 ": %s",
                              x->ndim - FR_SPACE + i, fr_shape_text(x, text), w->before[i], w->kernel[i],
                              w->dilation[i], w->out[i] < 0 ? "too large" : "no window fits");
    }
    return true;
}

void fr_windows_within(const fr_windows *w, int dim, int64_t tap, int64_t *from, int64_t *to, int64_t *start)
{
    int64_t first = tap * w->dilation[dim] - w->before[dim], stride = w->stride[dim], size = w->size[dim];
    int64_t end = first < size ? (size - 1 - first) / stride + 1 : 0;

    *start = first;
    *from = first < 0 ? (-first - 1) / stride + 1 : 0;
    *to = end < w->out[dim] ? end : w->out[dim];
    if (*from > *to)
        *from = *to;
}

static void put_windows(fr_onnx *g, const fr_windows *w)
{
    int first = FR_SPACE - w->dims;
    int64_t pads[2 * FR_SPACE];

    for (int i = 0; i < w->dims; i++) {
        pads[i] = w->before[first + i];
        pads[w->dims + i] = w->after[first + i];
    }
    fr_onnx_ints(g, "kernel_shape", w->dims, w->kernel + first);
    fr_onnx_ints(g, "strides", w->dims, w->stride + first);
    fr_onnx_ints(g, "pads", 2 * w->dims, pads);
    if (w->dilation[0] != 1 || w->dilation[1] != 1) /* AveragePool has none */
        fr_onnx_ints(g, "dilations", w->dims, w->dilation + first);
}

void fr_onnx_slide(fr_onnx *g, const fr_op_call *call, const char *type, const fr_windows *w, const fr_onnx_whole *more)
{
    const int64_t first = 0;
    bool single = call->in[0]->shape.ndim == 1 + w->dims;
    const char *x = fr_onnx_input(g, 0), *y = fr_onnx_output(g, 0), *batch = y;

    if (single) {
        x = fr_onnx_value(g, "Unsqueeze", FR_ONNX_NAMES(x, fr_onnx_int64s(g, 1, &first)));
        batch = fr_onnx_new_name(g);
    }
    fr_onnx_node(g, type, FR_ONNX_NAMES(x, fr_onnx_input(g, 1), fr_onnx_input(g, 2)), FR_ONNX_NAMES(batch));
    put_windows(g, w);
    for (; more->name; more++)
        fr_onnx_int(g, more->name, more->value);
    if (single)
        fr_onnx_node(g, "Squeeze", FR_ONNX_NAMES(batch, fr_onnx_int64s(g, 1, &first)), FR_ONNX_NAMES(y));
}
