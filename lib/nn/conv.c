/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Conv1d, Conv2d, ConvTranspose1d and ConvTranspose2d. */
#include "nn/module.h"
#include "ops/conv/conv.h"

#include <inttypes.h>

typedef struct {
    fr_tensor *weight, *bias;
    /* For the op: one of the two. */
    fr_conv_options options;
    fr_conv_transpose_options transposed;
} conv;

static fr_tensor *forward1d(fr_module *m, fr_tensor *x)
{
    const conv *c = fr_self(m);

    return fr_conv1d(x, c->weight, c->bias, &c->options);
}

static fr_tensor *forward2d(fr_module *m, fr_tensor *x)
{
    const conv *c = fr_self(m);

    return fr_conv2d(x, c->weight, c->bias, &c->options);
}

static fr_tensor *forward_transpose1d(fr_module *m, fr_tensor *x)
{
    const conv *c = fr_self(m);

    return fr_conv_transpose1d(x, c->weight, c->bias, &c->transposed);
}

static fr_tensor *forward_transpose2d(fr_module *m, fr_tensor *x)
{
    const conv *c = fr_self(m);

    return fr_conv_transpose2d(x, c->weight, c->bias, &c->transposed);
}

/* What a layer is made from. */
typedef struct {
    const char *maker, *type;
    fr_forward_function *forward;
    int dims;
    bool transposed;
} kind;

/* Appends ", NAME=(1, 2)", unless all values are the default. */
static void add_option(char *text, size_t room, const char *name, int dims, const int64_t values[FR_SPATIAL_DIMS],
                       int64_t default_value)
{
    fr_shape shape = { dims, { values[FR_SPATIAL_DIMS - dims], values[FR_SPATIAL_DIMS - 1] } };
    size_t used = strlen(text);
    char tuple[FR_SHAPE_TEXT];

    if (values[0] != default_value || values[1] != default_value)
        snprintf(text + used, room - used, ", %s=%s", name, fr_shape_text(&shape, tuple));
}

static bool describe(fr_module *m, const fr_conv_attributes *a, const int64_t longer[FR_SPATIAL_DIMS], int64_t in,
                     int64_t out, bool bias)
{
    enum { NONE = -1 }; /* no default: always printed */
    const fr_sliding_window *w = &a->conv.window;
    char text[512], groups[40] = "";

    snprintf(text, sizeof text, "%" PRId64 ", %" PRId64, in, out);
    add_option(text, sizeof text, "kernel_size", w->dims, w->kernel, NONE);
    add_option(text, sizeof text, "stride", w->dims, w->stride, NONE);
    if (a->same)
        strcat(text, ", padding=same");
    add_option(text, sizeof text, "padding", w->dims, w->pad_before, 0);
    add_option(text, sizeof text, "dilation", w->dims, w->dilation, 1);
    add_option(text, sizeof text, "output_padding", w->dims, longer, 0);
    if (a->conv.groups != 1)
        snprintf(groups, sizeof groups, ", groups=%" PRId64, a->conv.groups);
    strcat(text, groups);
    if (!bias)
        strcat(text, ", bias=False");
    return fr_module_describe(m, text);
}

static bool check(const kind *k, int64_t in, int64_t out, const fr_shape *kernel, const conv *with,
                  fr_conv_attributes *a, int64_t longer[FR_SPATIAL_DIMS])
{
    if (in < 0 || out < 0)
        return fr_fail(k->maker, "in %" PRId64 ", out %" PRId64 ", expected 0 or more", in, out);
    if (!(k->transposed ? fr_read_conv_transpose_options(k->maker, k->dims, &with->transposed, a, longer)
                        : fr_read_conv_options(k->maker, k->dims, &with->options, a)) ||
        !fr_read_window_option(k->maker, "kernel_size", kernel, kernel, k->dims, 1, a->conv.window.kernel))
        return false;
    return (in % a->conv.groups == 0 && out % a->conv.groups == 0) ||
           fr_fail(k->maker, "in %" PRId64 ", out %" PRId64 ", expected both divisible by groups, %" PRId64, in, out,
                   a->conv.groups);
}

static bool fill(const kind *k, fr_module *m, const fr_conv_attributes *a, int64_t in, int64_t out, bool bias)
{
    const fr_sliding_window *w = &a->conv.window;
    fr_shape weight = { w->dims + 2, { k->transposed ? in : out, (k->transposed ? out : in) / a->conv.groups } };
    conv *self = fr_self(m);

    for (int i = 0; i < w->dims; i++)
        weight.dim[2 + i] = w->kernel[FR_SPATIAL_DIMS - w->dims + i];
    return fr_weight_and_bias(k->maker, m, weight, out, &self->weight, bias ? &self->bias : NULL);
}

/* with: the options, as the user gave them. */
static fr_module *make(const kind *k, int64_t in, int64_t out, fr_shape kernel, conv with)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, k->maker);
    bool bias = !with.options.no_bias && !with.transposed.no_bias;
    int64_t longer[FR_SPATIAL_DIMS] = { 0 };
    fr_module *m = NULL;
    fr_conv_attributes a;

    if (check(k, in, out, &kernel, &with, &a, longer))
        m = fr_module_new(k->type, sizeof(conv), k->forward);
    if (m) {
        with.options.no_bias = with.transposed.no_bias = false;
        *(conv *)fr_self(m) = with;
    }
    m = fr_module_finish(m, m && fill(k, m, &a, in, out, bias) && describe(m, &a, longer, in, out, bias));
    fr_finish(th, before);
    return m;
}

static conv with_options(const fr_conv_options *options)
{
    return options ? (conv){ .options = *options } : (conv){ .weight = NULL };
}

static conv with_transposed(const fr_conv_transpose_options *options)
{
    return options ? (conv){ .transposed = *options } : (conv){ .weight = NULL };
}

fr_module *fr_nn_conv1d(int64_t in, int64_t out, int64_t kernel_size, const fr_conv_options *options)
{
    static const kind k = { "nn_conv1d", "Conv1d", forward1d, 1, false };

    return make(&k, in, out, FR_SHAPE(kernel_size), with_options(options));
}

fr_module *fr_nn_conv2d(int64_t in, int64_t out, fr_shape kernel_size, const fr_conv_options *options)
{
    static const kind k = { "nn_conv2d", "Conv2d", forward2d, 2, false };

    return make(&k, in, out, kernel_size, with_options(options));
}

fr_module *fr_nn_conv_transpose1d(int64_t in, int64_t out, int64_t kernel_size,
                                  const fr_conv_transpose_options *options)
{
    static const kind k = { "nn_conv_transpose1d", "ConvTranspose1d", forward_transpose1d, 1, true };

    return make(&k, in, out, FR_SHAPE(kernel_size), with_transposed(options));
}

fr_module *fr_nn_conv_transpose2d(int64_t in, int64_t out, fr_shape kernel_size,
                                  const fr_conv_transpose_options *options)
{
    static const kind k = { "nn_conv_transpose2d", "ConvTranspose2d", forward_transpose2d, 2, true };

    return make(&k, in, out, kernel_size, with_transposed(options));
}
