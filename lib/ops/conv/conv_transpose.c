/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* conv_transpose1d and conv_transpose2d: the gradient of a convolution by its input, as a map of its own. What is x
 * here is there the gradient of the output, so the weight is (channels of x, channels of y / groups, kernel). Their
 * cases stand in conv_by_x.c. */
#include "ops/conv/conv.h"

#include <inttypes.h>

fr_conv_options fr_conv_transpose_window(const fr_conv_transpose_options *o)
{
    fr_conv_options window = {
        .stride = o->stride, .padding = o->padding, .dilation = o->dilation, .groups = o->groups, .no_bias = o->no_bias
    };

    memcpy(window.reserved, o->reserved, sizeof window.reserved);
    return window;
}

bool fr_read_conv_transpose_options(const char *what, int dims, const fr_conv_transpose_options *o,
                                    fr_conv_attributes *a, int64_t output_padding[FR_SPATIAL_DIMS])
{
    fr_conv_options window = fr_conv_transpose_window(o);

    if (!fr_read_conv_options(what, dims, &window, a) ||
        !fr_read_window_option(what, "output_padding", &o->output_padding, NULL, dims, 0, output_padding))
        return false;
    for (int i = 0; i < FR_SPATIAL_DIMS; i++)
        if (output_padding[i] >= a->conv.window.stride[i])
            return fr_fail(what, "output_padding %" PRId64 " for stride %" PRId64 ", expected less", output_padding[i],
                           a->conv.window.stride[i]);
    return true;
}

static bool check_shapes(const char *what, int dims, const fr_tensor *x, const fr_tensor *weight, const fr_tensor *bias,
                         int64_t groups)
{
    const fr_shape *s = &x->shape, *w = &weight->shape;
    char p[FR_SHAPE_TEXT], q[FR_SHAPE_TEXT];

    fr_shape_text(s, p);
    fr_shape_text(w, q);
    if ((s->ndim != dims + 1 && s->ndim != dims + 2) || w->ndim != dims + 2 || s->dim[s->ndim - dims - 1] != w->dim[0])
        return fr_fail(what, "x %s, weight %s: expected (N, C, %s) or (C, %s), and (C, O / groups, %s)", p, q,
                       dims == 2 ? "H, W" : "L", dims == 2 ? "H, W" : "L", dims == 2 ? "KH, KW" : "K");
    if (w->dim[0] % groups != 0)
        return fr_fail(what, "weight %s: %" PRId64 " groups, which do not divide its dim 0", q, groups);
    if (bias && (bias->shape.ndim != 1 || bias->shape.dim[0] != w->dim[1] * groups))
        return fr_fail(what, "weight %s, %" PRId64 " groups, bias %s: expected (%" PRId64 ",)", q, groups,
                       fr_shape_text(&bias->shape, p), w->dim[1] * groups);
    return true;
}

/* (size - 1) stride - 2 padding + dilation (kernel - 1) + more + 1; -1 if that overflows. */
static int64_t output_size(int64_t size, int64_t stride, int64_t padding, int64_t dilation, int64_t kernel,
                           int64_t more)
{
    int64_t reach;

    if (__builtin_mul_overflow(size - 1, stride, &size) || __builtin_mul_overflow(kernel - 1, dilation, &reach) ||
        __builtin_add_overflow(size, reach, &size) || __builtin_add_overflow(size, more + 1, &size) ||
        __builtin_sub_overflow(size, padding, &size) || __builtin_sub_overflow(size, padding, &size))
        return -1;
    return size;
}

/* The attributes of the convolution of an input of y's shape whose output has x's shape. */
static bool complete(const char *what, const fr_tensor *x, fr_tensor *weight, const int64_t more[FR_SPATIAL_DIMS],
                     fr_conv_attributes *a)
{
    const fr_sliding_window *w = &a->conv.window;
    fr_conv_attributes given = *a;
    fr_tensor y = { .shape = x->shape };
    int channels = x->shape.ndim - w->dims - 1;
    char text[FR_SHAPE_TEXT];

    y.shape.dim[channels] = weight->shape.dim[1] * a->conv.groups;
    for (int i = 1; i <= w->dims; i++) {
        int64_t *size = &y.shape.dim[y.shape.ndim - i];
        int k = FR_SPATIAL_DIMS - i;

        *size = output_size(*size, w->stride[k], w->pad_before[k], w->dilation[k],
                            weight->shape.dim[weight->shape.ndim - i], more[k]);
        if (*size < 1)
            return fr_fail(what, "dim %d of x %s, padding %" PRId64 ": no or too many values would be left",
                           x->shape.ndim - i, fr_shape_text(&x->shape, text), w->pad_before[k]);
    }
    return fr_conv_complete(
        &(fr_op_call){ .op = &fr_conv_by_x_op, .attributes = &given, .in = (fr_tensor *[]){ &y, weight, NULL } }, a);
}

static fr_tensor *transposed(const char *what, int dims, fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                             const fr_conv_transpose_options *options)
{
    static const fr_conv_transpose_options none;
    fr_conv_attributes a;
    int64_t more[FR_SPATIAL_DIMS];
    fr_tensor *y;

    if (options && options->no_bias)
        return fr_fail(what, "no_bias is for layers: here it is bias NULL");
    if (!fr_read_conv_transpose_options(what, dims, options ? options : &none, &a, more) ||
        !check_shapes(what, dims, x, weight, bias, a.conv.groups) || !complete(what, x, weight, more, &a))
        return NULL;
    y = fr_conv_by_x(x, weight, &a);
    return bias ? fr_add(y, fr_reshape(bias, (fr_shape){ dims + 1, { bias->numel, 1, 1 } })) : y;
}

static fr_tensor *apply(const char *what, int dims, fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                        const fr_conv_transpose_options *options)
{
    fr_composition c = fr_compose(what);
    bool given = fr_check_argument(what, x, "x") && fr_check_argument(what, weight, "weight") &&
                 (bias ? fr_check_argument(what, bias, "bias") : !fr_failed_before(c.th));

    return fr_composed(c, given ? transposed(what, dims, x, weight, bias, options) : NULL);
}

fr_tensor *fr_conv_transpose1d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                               const fr_conv_transpose_options *options)
{
    return apply("conv_transpose1d", 1, x, weight, bias, options);
}

fr_tensor *fr_conv_transpose2d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                               const fr_conv_transpose_options *options)
{
    return apply("conv_transpose2d", 2, x, weight, bias, options);
}
