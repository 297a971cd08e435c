/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Conv1d and Conv2d. */
#include "nn/module.h"
#include "ops/conv/conv.h"

#include <inttypes.h>

typedef struct {
    fr_tensor *weight, *bias;
    fr_conv_options options; /* for the op */
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

static bool describe(fr_module *m, const fr_conv_attributes *a, int64_t in, int64_t out, bool bias)
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
    if (a->conv.groups != 1)
        snprintf(groups, sizeof groups, ", groups=%" PRId64, a->conv.groups);
    strcat(text, groups);
    if (!bias)
        strcat(text, ", bias=False");
    return fr_module_describe(m, text);
}

static bool check(const char *what, int64_t in, int64_t out, int dims, const fr_shape *kernel,
                  const fr_conv_options *options, fr_conv_attributes *a)
{
    if (in < 0 || out < 0)
        return fr_fail(what, "in %" PRId64 ", out %" PRId64 ", expected 0 or more", in, out);
    if (!fr_read_conv_options(what, dims, options, a) ||
        !fr_read_window_option(what, "kernel_size", kernel, kernel, dims, 1, a->conv.window.kernel))
        return false;
    return (in % a->conv.groups == 0 && out % a->conv.groups == 0) ||
           fr_fail(what, "in %" PRId64 ", out %" PRId64 ", expected both divisible by groups, %" PRId64, in, out,
                   a->conv.groups);
}

static bool fill(const char *what, fr_module *m, const fr_conv_attributes *a, int64_t in, int64_t out,
                 const fr_conv_options *options)
{
    const fr_sliding_window *w = &a->conv.window;
    fr_shape weight = { w->dims + 2, { out, in / a->conv.groups } };
    bool bias = !options || !options->no_bias;
    conv *self = fr_self(m);

    for (int i = 0; i < w->dims; i++)
        weight.dim[2 + i] = w->kernel[FR_SPATIAL_DIMS - w->dims + i];
    if (options)
        self->options = *options;
    self->options.no_bias = false;
    return fr_weight_and_bias(what, m, weight, &self->weight, bias ? &self->bias : NULL) &&
           describe(m, a, in, out, bias);
}

static fr_module *make(const char *what, const char *type, fr_forward_function *forward, int64_t in, int64_t out,
                       int dims, fr_shape kernel, const fr_conv_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_module *m = NULL;
    fr_conv_attributes a;

    if (check(what, in, out, dims, &kernel, options, &a))
        m = fr_module_new(type, sizeof(conv), forward);
    m = fr_module_finish(m, m && fill(what, m, &a, in, out, options));
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_conv1d(int64_t in, int64_t out, int64_t kernel_size, const fr_conv_options *options)
{
    return make("nn_conv1d", "Conv1d", forward1d, in, out, 1, FR_SHAPE(kernel_size), options);
}

fr_module *fr_nn_conv2d(int64_t in, int64_t out, fr_shape kernel_size, const fr_conv_options *options)
{
    return make("nn_conv2d", "Conv2d", forward2d, in, out, 2, kernel_size, options);
}
