/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What conv1d and conv2d share: options, shapes, calling the kernel, C and ONNX. */
#include "ops/conv/conv.h"

#include <inttypes.h>

/* --- Options and shapes ------------------------------------------------------------------------------------------- */

bool fr_read_conv_options(const char *what, int dims, const fr_conv_options *options, fr_conv_attributes *a)
{
    static const fr_conv_options none;
    const fr_conv_options *o = options ? options : &none;

    fr_sliding_window *w = &a->conv.window;

    *a = (fr_conv_attributes){ .conv.window.dims = dims, .conv.groups = o->groups ? o->groups : 1, .same = o->same };
    if (!fr_check_reserved(what, o->reserved) ||
        !fr_read_window_option(what, "stride", &o->stride, NULL, dims, 1, w->stride) ||
        !fr_read_window_option(what, "padding", &o->padding, NULL, dims, 0, w->pad_before) ||
        !fr_read_window_option(what, "dilation", &o->dilation, NULL, dims, 1, w->dilation))
        return false;
    memcpy(w->pad_after, w->pad_before, sizeof w->pad_after);
    if (a->conv.groups < 1)
        return fr_fail(what, "groups is %" PRId64 ", expected 1 or more", a->conv.groups);
    if (o->same && (w->stride[0] != 1 || w->stride[1] != 1))
        return fr_fail(what, "same is for stride 1: with another the output is smaller than the input");
    if (o->same && o->padding.ndim > 0)
        return fr_fail(what, "same and padding are given: same finds the padding itself");
    return true;
}

static bool check_shapes(fr_op_call *call, const fr_convolution *c, const fr_shape *x, const fr_shape *w,
                         const fr_tensor *b)
{
    char p[FR_SHAPE_TEXT], q[FR_SHAPE_TEXT];
    bool two = c->window.dims == 2;

    fr_shape_text(x, p);
    fr_shape_text(w, q);
    if (!fr_has_spatial_dims(&c->window, x) || w->ndim != c->window.dims + 2)
        return fr_op_fail(call, "x %s, weight %s: expected (N, C, %s) or (C, %s), and (O, C / groups, %s)", p, q,
                          two ? "H, W" : "L", two ? "H, W" : "L", two ? "KH, KW" : "K");

    int64_t channels = x->dim[x->ndim - c->window.dims - 1];

    if (channels % c->groups != 0 || channels / c->groups != w->dim[1])
        return fr_op_fail(call,
                          "x %s has %" PRId64 " channels; weight %s expects %" PRId64 " in each of %" PRId64 " groups",
                          p, channels, q, w->dim[1], c->groups);
    if (w->dim[0] % c->groups != 0)
        return fr_op_fail(call, "weight %s: %" PRId64 " groups, which do not divide its dim 0", q, c->groups);
    for (int i = 2; i < w->ndim; i++)
        if (w->dim[i] == 0)
            return fr_op_fail(call, "weight %s: a kernel of size 0", q);
    if (b && (b->shape.ndim != 1 || b->shape.dim[0] != w->dim[0]))
        return fr_op_fail(call, "weight %s, bias %s: expected (O, ...) and (O,)", q, fr_shape_text(&b->shape, p));
    return true;
}

/* padding="same": as much as the window reaches beyond its first value, an odd one behind. False if that overflows. */
static bool pad_to_same(fr_sliding_window *w)
{
    for (int i = 0; i < FR_SPATIAL_DIMS; i++) {
        int64_t reach;

        if (!fr_mul_size(w->kernel[i] - 1, w->dilation[i], &reach))
            return false;
        w->pad_before[i] = reach / 2;
        w->pad_after[i] = reach - reach / 2;
    }
    return true;
}

/* Sets the window's kernel and, with `same`, its padding. False if that overflows. */
static bool set_kernel(fr_conv_attributes *a, const fr_shape *weight)
{
    fr_sliding_window *w = &a->conv.window;

    w->kernel[0] = 1;
    for (int i = 1; i <= w->dims; i++)
        w->kernel[FR_SPATIAL_DIMS - i] = weight->dim[weight->ndim - i];
    return !a->same || pad_to_same(w);
}

bool fr_conv_complete(fr_op_call *call, fr_conv_attributes *a)
{
    const fr_shape *x = &call->in[0]->shape, *weight = &call->in[1]->shape;
    fr_convolution *c = &a->conv;

    *a = *(const fr_conv_attributes *)call->attributes;
    if (!check_shapes(call, c, x, weight, call->in[2]))
        return false;
    a->x = *x;
    c->batch = x->ndim == c->window.dims + 2 ? x->dim[0] : 1;
    c->in_channels = weight->dim[1];
    c->out_channels = weight->dim[0] / c->groups;
    if (!set_kernel(a, weight))
        return fr_op_fail(call, "dilation is too large");
    return fr_window_set_sizes(call, x, false, &c->window);
}

/* --- The op ------------------------------------------------------------------------------------------------------- */

bool fr_conv_infer(fr_op_call *call)
{
    fr_conv_attributes a;

    if (!fr_conv_complete(call, &a))
        return false;
    call->out[0].dtype = fr_dtype_of(call->in[0]);
    call->out[0].shape =
        fr_spatial_shape(&a.conv.window, &a.x, a.conv.groups * a.conv.out_channels, a.conv.window.out_size);
    return true;
}

void fr_conv_forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0], *weight = call->in[1], *bias = call->in[2];
    fr_tensor *y = call->result[0];
    fr_conv_attributes a;

    if (!fr_conv_complete(call, &a))
        return;
    if (!fr_convolve((fr_dtype)y->dtype, &a.conv, x->origin, weight->origin, bias ? bias->origin : NULL, y->origin))
        call->failed = !fr_fail_memory(call->op->name);
}

void fr_conv_backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *weight = call->in[1], *g = call->grad_out[0];
    fr_conv_attributes a;

    if (!fr_conv_complete(call, &a))
        return;
    if (call->needs[0])
        call->grad_in[0] = fr_conv_by_x(g, weight, &a);
    if (call->needs[1])
        call->grad_in[1] = fr_conv_by_weight(x, g, &a);
    if (call->needs[2]) {
        fr_shape channels = { a.conv.window.dims + 1, { a.conv.groups * a.conv.out_channels, 1, 1 } };

        call->grad_in[2] = fr_reshape(fr_sum_to(g, channels), call->in_shape[2]);
    }
}

fr_tensor *fr_conv_without_bias(fr_tensor *x, fr_tensor *weight, const fr_conv_attributes *a)
{
    return fr_apply(a->conv.window.dims == 1 ? &fr_conv1d_op : &fr_conv2d_op, (fr_tensor *[]){ x, weight, NULL }, a);
}

/* Products with padding count too. */
int64_t fr_conv_multiply_adds(const fr_op_call *call)
{
    const fr_tensor *weight = call->in[1];

    return weight->numel ? call->result[0]->numel * (weight->numel / weight->shape.dim[0]) : 0;
}

fr_tensor *fr_apply_conv(const fr_op *op, int dims, fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                         const fr_conv_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    fr_tensor *y = NULL;
    fr_conv_attributes a;

    if (options && options->no_bias)
        fr_fail(op->name, "no_bias is for layers: here it is bias NULL");
    else if (fr_read_conv_options(op->name, dims, options, &a))
        y = fr_apply(op, (fr_tensor *[]){ x, weight, bias }, &a);
    fr_finish(th, before);
    return y;
}

#ifdef FR_TESTS
fr_tensor *fr_conv_test_gradient(const fr_op *op, int dims, fr_tensor *const *in)
{
    const fr_shape x = dims == 1 ? FR_SHAPE(2, 4, 8) : FR_SHAPE(2, 6, 4);
    const fr_shape weight = dims == 1 ? FR_SHAPE(6, 2, 3) : FR_SHAPE(3, 2, 3, 2);
    const fr_conv_options options[] = {
        { .stride = { 1, { 2 } }, .padding = { 1, { 1 } }, .groups = 2 },
        { .stride = { 2, { 2, 1 } }, .padding = { 2, { 0, 1 } }, .dilation = { 2, { 1, 2 } } },
    };
    fr_conv_attributes given, a = { .same = false };
    fr_op_call call = { .op = &fr_conv1d_op,
                        .attributes = &given,
                        .in = (fr_tensor *[]){ fr_zeros(x), fr_zeros(weight), NULL } };

    if (fr_read_conv_options("test", dims, &options[dims - 1], &given))
        fr_conv_complete(&call, &a);
    return fr_apply(op, in, &a);
}
#endif

/* --- C ------------------------------------------------------------------------------------------------------------ */

void fr_c_convolution(fr_c_writer *w)
{
    fr_c_helper(w, "convolution",
                "typedef struct {\n"
                "    int images, groups, channels, filters; /* channels and filters of one group */\n"
                "    int size[2], kernel[2], stride[2], before[2], dilation[2], out[2];\n"
                "} convolution;\n",
                false);
}

static const char convolve_text[] =
    "/* The sum over one window, at (p,q), of one filter's products. */\n"
    "static float window$q(const convolution *s, int p, int q, const float *x, const $t *w)\n"
    "{\n"
    "    float sum = 0;\n"
    "\n"
    "    for (int c = 0; c < s->channels; c++, x += s->size[0] * s->size[1]) {\n"
    "        for (int k = 0; k < s->kernel[0]; k++) {\n"
    "            const int i = p * s->stride[0] - s->before[0] + k * s->dilation[0];\n"
    "\n"
    "            for (int l = 0; l < s->kernel[1]; l++, w++) {\n"
    "                const int j = q * s->stride[1] - s->before[1] + l * s->dilation[1];\n"
    "\n"
    "                if (i >= 0 && i < s->size[0] && j >= 0 && j < s->size[1])\n"
    "                    sum += *w * x[i * s->size[1] + j];\n"
    "            }\n"
    "        }\n"
    "    }\n"
    "    return sum;\n"
    "}\n"
    "\n"
    "/* x (images,groups channels,size), w (groups filters,channels,kernel), b (groups filters) or NULL. */\n"
    "static void convolve$q(const convolution *s, const float *x, const $t *w{{, const float *scale}}, const float "
    "*b, "
    "float *y)\n"
    "{\n"
    "    const int image = s->channels * s->size[0] * s->size[1], taps = s->channels * s->kernel[0] * s->kernel[1];\n"
    "\n"
    "    for (int n = 0; n < s->images * s->groups; n++, x += image) {\n"
    "        const int first = n % s->groups * s->filters;\n"
    "\n"
    "        for (int f = first; f < first + s->filters; f++)\n"
    "            for (int p = 0; p < s->out[0]; p++)\n"
    "                for (int q = 0; q < s->out[1]; q++)\n"
    "                    *y++ = window$q(s, p, q, x, w + f * taps){{ * scale[f]}} + (b ? b[f] : 0);\n"
    "    }\n"
    "}\n";

bool fr_conv_c_code(fr_c_writer *w, const fr_op_call *call)
{
    fr_op_call again = *call;
    bool int8 = fr_c_int8(w, call, 2);
    const char *x = fr_c_in(w, call, 0), *weight = fr_c_weight(w, call, 1), *b = fr_c_in(w, call, 2);
    const char *y = fr_c_out(w, call, 0), *suffix = int8 ? "_int8" : "";
    fr_conv_attributes a;
    char window[FR_C_WINDOW_TEXT];

    if (!fr_conv_complete(&again, &a))
        return false;
    if (!int8 && fr_conv_c_has_tiles(&a.conv))
        return fr_conv_c_tiles(w, FR_CONV_TILES, &a.conv, fr_c_format(w, "%s, %s, %s", x, weight, b), y);
    fr_c_convolution(w);
    fr_c_helper(w, "convolve", convolve_text, int8);
    return fr_c_line(w,
                     "convolve%s(&(const convolution){ .images = %" PRId64 ", .groups = %" PRId64
                     ", .channels = %" PRId64 ", .filters = %" PRId64 ", %s }, %s, %s, %s, %s);",
                     suffix, a.conv.batch, a.conv.groups, a.conv.in_channels, a.conv.out_channels,
                     fr_c_window(&a.conv.window, true, window), x, weight, b, y);
}

/* --- As ONNX ----------------------------------------------------------------------------------------------------- */

bool fr_conv_onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_conv_attributes a = *(const fr_conv_attributes *)call->attributes;

    if (!set_kernel(&a, &call->in[1]->shape))
        return fr_onnx_fail(g, "its padding is too large");
    fr_onnx_window_node(g, call, "Conv", &a.conv.window,
                        (fr_onnx_int_attribute[]){ { "group", a.conv.groups, NULL }, { NULL, 0, NULL } });
    return true;
}
