/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What conv1d and conv2d share: options, shapes, and the two gradients, which are ops themselves. */
#include "ops/conv/conv.h"

#include <inttypes.h>

extern const fr_op fr_conv1d_op, fr_conv2d_op;

/* --- Options and shapes ------------------------------------------------------------------------------------------- */

bool fr_convolution_read(const char *what, int dims, const fr_conv_options *options, fr_convolution *c)
{
    static const fr_conv_options none;
    const fr_conv_options *o = options ? options : &none;

    *c = (fr_convolution){ .w.dims = dims, .groups = o->groups ? o->groups : 1, .same = o->same };
    if (!fr_check_reserved(what, o->reserved) ||
        !fr_window_option(what, "stride", &o->stride, NULL, dims, 1, c->w.stride) ||
        !fr_window_option(what, "padding", &o->padding, NULL, dims, 0, c->w.before) ||
        !fr_window_option(what, "dilation", &o->dilation, NULL, dims, 1, c->w.dilation))
        return false;
    memcpy(c->w.after, c->w.before, sizeof c->w.after);
    if (c->groups < 1)
        return fr_fail(what, "groups is %" PRId64 ", expected 1 or more", c->groups);
    if (o->same && (c->w.stride[0] != 1 || c->w.stride[1] != 1))
        return fr_fail(what, "same is for stride 1: with another the output is smaller than the input");
    if (o->same && o->padding.ndim > 0)
        return fr_fail(what, "same and padding are given: same finds the padding itself");
    return true;
}

static bool check_shapes(fr_op_call *call, const fr_convolution *c, const fr_shape *x, const fr_shape *w,
                         const fr_tensor *b)
{
    char p[FR_SHAPE_TEXT], q[FR_SHAPE_TEXT];
    bool two = c->w.dims == 2;

    fr_shape_text(x, p);
    fr_shape_text(w, q);
    if (!fr_is_spatial(&c->w, x) || w->ndim != c->w.dims + 2)
        return fr_op_fail(call, "x %s, weight %s: expected (N, C, %s) or (C, %s), and (O, C / groups, %s)", p, q,
                          two ? "H, W" : "L", two ? "H, W" : "L", two ? "KH, KW" : "K");

    int64_t channels = x->dim[x->ndim - c->w.dims - 1];

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

/* padding='same': as much as the window reaches, an odd one behind. What overflows here is too large in any case. */
static bool pad_to_same(fr_windows *w)
{
    for (int i = 0; i < FR_SPACE; i++) {
        int64_t reach;

        if (!fr_mul_size(w->kernel[i] - 1, w->dilation[i], &reach))
            return false;
        w->before[i] = reach / 2;
        w->after[i] = reach - reach / 2;
    }
    return true;
}

/* The attributes completed by the shapes of inputs 0 and 1, x and weight. */
static bool complete(fr_op_call *call, fr_convolution *c)
{
    const fr_shape *x = &call->in[0]->shape, *w = &call->in[1]->shape;

    *c = *(const fr_convolution *)call->attributes;
    if (!check_shapes(call, c, x, w, call->in[2]))
        return false;
    c->x = *x;
    c->images = x->ndim == c->w.dims + 2 ? x->dim[0] : 1;
    c->channels = w->dim[1];
    c->filters = w->dim[0] / c->groups;
    c->w.kernel[0] = 1;
    for (int i = 1; i <= c->w.dims; i++)
        c->w.kernel[FR_SPACE - i] = w->dim[w->ndim - i];
    if (c->same && !pad_to_same(&c->w))
        return fr_op_fail(call, "dilation is too large");
    return fr_windows_fit(call, x, false, &c->w);
}

/* --- The convolution ---------------------------------------------------------------------------------------------- */

bool fr_infer_convolution(fr_op_call *call)
{
    fr_convolution c;

    if (!complete(call, &c))
        return false;
    call->out[0].dtype = fr_dtype_of(call->in[0]);
    call->out[0].shape = fr_spatial_shape(&c.w, &c.x, c.groups * c.filters, c.w.out);
    return true;
}

void fr_convolution_forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0], *w = call->in[1], *bias = call->in[2];
    fr_tensor *y = call->result[0];
    fr_convolution c;

    if (!complete(call, &c))
        return;
    if (bias) {
        fr_tensor b = *bias;

        b.shape = (fr_shape){ c.w.dims + 1, { bias->numel, 1, 1 } };
        memset(b.stride + 1, 0, sizeof b.stride - sizeof *b.stride);
        fr_copy_values(y, &b);
    }
    call->failed |=
        !fr_convolve_values(call->op->name, &c, (fr_dtype)y->dtype, x->origin, w->origin, bias != NULL, y->origin);
}

static fr_tensor *by_x(fr_tensor *g, fr_tensor *w, const fr_convolution *c);
static fr_tensor *by_w(fr_tensor *x, fr_tensor *g, const fr_convolution *c);

static fr_tensor *convolved(fr_tensor *x, fr_tensor *w, const fr_convolution *c)
{
    return fr_apply(c->w.dims == 1 ? &fr_conv1d_op : &fr_conv2d_op, (fr_tensor *[]){ x, w, NULL }, c);
}

void fr_convolution_backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *w = call->in[1], *g = call->grad_out[0];
    fr_convolution c;

    if (!complete(call, &c))
        return;
    if (call->needs[0])
        call->grad_in[0] = by_x(g, w, &c);
    if (call->needs[1])
        call->grad_in[1] = by_w(x, g, &c);
    if (call->needs[2]) {
        fr_shape channels = { c.w.dims + 1, { c.groups * c.filters, 1, 1 } };

        call->grad_in[2] = fr_reshape(fr_sum_to(g, channels), call->in_shape[2]);
    }
}

/* Padding is multiplied too. */
int64_t fr_convolution_multiply_adds(const fr_op_call *call)
{
    const fr_tensor *w = call->in[1];

    return w->numel ? call->result[0]->numel * (w->numel / w->shape.dim[0]) : 0;
}

fr_tensor *fr_convolve(const fr_op *op, int dims, fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                       const fr_conv_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    fr_tensor *y = NULL;
    fr_convolution c;

    if (options && options->no_bias)
        fr_fail(op->name, "no_bias is for layers: here it is bias NULL");
    else if (fr_convolution_read(op->name, dims, options, &c))
        y = fr_apply(op, (fr_tensor *[]){ x, weight, bias }, &c);
    fr_finish(th, before);
    return y;
}

/* --- Its gradient by x: also known as a transposed convolution ---------------------------------------------------- */

static bool by_x_infer(fr_op_call *call)
{
    const fr_convolution *c = call->attributes;

    call->out[0] = (fr_meta){ .shape = c->x, .dtype = fr_dtype_of(call->in[0]) };
    return true;
}

static void by_x_forward(fr_op_call *call)
{
    fr_tensor *dx = call->result[0];

    call->failed |= !fr_convolve_by_x(call->op->name, call->attributes, (fr_dtype)dx->dtype, call->in[0]->origin,
                                      call->in[1]->origin, dx->origin);
}

static void by_x_backward(fr_op_call *call)
{
    const fr_convolution *c = call->attributes;
    fr_tensor *h = call->grad_out[0];

    if (call->needs[0])
        call->grad_in[0] = convolved(h, call->in[1], c);
    if (call->needs[1])
        call->grad_in[1] = by_w(h, call->in[0], c);
}

#ifdef FR_TESTS
/* A convolution of such shapes, as infer completes it. */
static fr_convolution completed(int dims, fr_shape x, fr_shape w, const fr_conv_options *options)
{
    fr_convolution given, c = { .groups = 0 };
    fr_op_call call = { .op = &fr_conv1d_op,
                        .attributes = &given,
                        .in = (fr_tensor *[]){ fr_zeros(x), fr_zeros(w), NULL } };

    if (fr_convolution_read("test", dims, options, &given))
        complete(&call, &c);
    return c;
}

static fr_tensor *run_by_x(fr_tensor *const *in)
{
    fr_conv_options options = { .stride = { 1, { 2 } }, .padding = { 1, { 1 } }, .groups = 2 };
    fr_convolution c = completed(1, FR_SHAPE(2, 4, 8), FR_SHAPE(6, 2, 3), &options);

    return by_x(in[0], in[1], &c);
}

static fr_tensor *run_by_x_two(fr_tensor *const *in)
{
    fr_conv_options options = { .stride = { 2, { 2, 1 } }, .padding = { 2, { 0, 1 } }, .dilation = { 2, { 1, 2 } } };
    fr_convolution c = completed(2, FR_SHAPE(2, 6, 4), FR_SHAPE(3, 2, 3, 2), &options);

    return by_x(in[0], in[1], &c);
}
#endif

const fr_op fr_conv_by_x_op = {
    .name = "conv_by_x",
    .formula = "dx[c][p stride - padding + k dilation] = sum of weight[o][c][k] g[o][p]",
    .shapes = "(*,O,L') (O,C/groups,K) -> (*,C,L); (*,O,H',W') (O,C/groups,K,K') -> (*,C,H,W)",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .attributes_size = sizeof(fr_convolution),
    .infer = by_x_infer,
    .forward = by_x_forward,
    .backward = by_x_backward,
    FR_CASES({ "one dim", "n(2,6,4) n(6,2,3)",
               "F.conv_transpose1d(a, b, stride=2, padding=1, output_padding=1, groups=2)", run_by_x },
             { "two dims", "n(3,2,4) n(3,2,3,2)",
               "F.conv_transpose2d(a, b, stride=(2, 1), padding=(0, 1), output_padding=(1, 0), dilation=(1, 2))",
               run_by_x_two },
             { "int64", "i5(2,6,4) i5(6,2,3)", NULL, run_by_x, { "conv_by_x", "int64" } })
};

static fr_tensor *by_x(fr_tensor *g, fr_tensor *w, const fr_convolution *c)
{
    return fr_apply(&fr_conv_by_x_op, (fr_tensor *[]){ g, w }, c);
}

/* --- Its gradient by weight --------------------------------------------------------------------------------------- */

static bool by_w_infer(fr_op_call *call)
{
    const fr_convolution *c = call->attributes;
    fr_shape lead = { c->w.dims + 2, { c->groups * c->filters } };

    call->out[0] = (fr_meta){ .shape = fr_spatial_shape(&c->w, &lead, c->channels, c->w.kernel),
                              .dtype = fr_dtype_of(call->in[0]) };
    return true;
}

static void by_w_forward(fr_op_call *call)
{
    fr_tensor *dw = call->result[0];

    call->failed |= !fr_convolve_by_w(call->op->name, call->attributes, (fr_dtype)dw->dtype, call->in[0]->origin,
                                      call->in[1]->origin, dw->origin);
}

static void by_w_backward(fr_op_call *call)
{
    const fr_convolution *c = call->attributes;
    fr_tensor *h = call->grad_out[0];

    if (call->needs[0])
        call->grad_in[0] = by_x(call->in[1], h, c);
    if (call->needs[1])
        call->grad_in[1] = convolved(call->in[0], h, c);
}

#ifdef FR_TESTS
static fr_tensor *run_by_w(fr_tensor *const *in)
{
    fr_conv_options options = { .stride = { 1, { 2 } }, .padding = { 1, { 1 } }, .groups = 2 };
    fr_convolution c = completed(1, FR_SHAPE(2, 4, 8), FR_SHAPE(6, 2, 3), &options);

    return by_w(in[0], in[1], &c);
}

static fr_tensor *run_by_w_two(fr_tensor *const *in)
{
    fr_conv_options options = { .stride = { 2, { 2, 1 } }, .padding = { 2, { 0, 1 } }, .dilation = { 2, { 1, 2 } } };
    fr_convolution c = completed(2, FR_SHAPE(2, 6, 4), FR_SHAPE(3, 2, 3, 2), &options);

    return by_w(in[0], in[1], &c);
}
#endif

const fr_op fr_conv_by_weight_op = {
    .name = "conv_by_weight",
    .formula = "dw[o][c][k] = sum of x[c][p stride - padding + k dilation] g[o][p]",
    .shapes = "(*,C,L) (*,O,L') -> (O,C/groups,K); (*,C,H,W) (*,O,H',W') -> (O,C/groups,K,K')",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .attributes_size = sizeof(fr_convolution),
    .infer = by_w_infer,
    .forward = by_w_forward,
    .backward = by_w_backward,
    FR_CASES({ "one dim", "n(2,4,8) n(2,6,4)",
               "torch.nn.grad.conv1d_weight(a, (6, 2, 3), b, stride=2, padding=1, groups=2)", run_by_w },
             { "two dims", "n(2,6,4) n(3,2,4)",
               "torch.nn.grad.conv2d_weight(a[None], (3, 2, 3, 2), b[None], (2, 1), (0, 1), (1, 2))", run_by_w_two },
             { "int64", "i5(2,4,8) i5(2,6,4)", NULL, run_by_w, { "conv_by_weight", "int64" } })
};

static fr_tensor *by_w(fr_tensor *x, fr_tensor *g, const fr_convolution *c)
{
    return fr_apply(&fr_conv_by_weight_op, (fr_tensor *[]){ x, g }, c);
}

/* --- C ------------------------------------------------------------------------------------------------------------ */

static const char convolve_text[] =
    "typedef struct {\n"
    "    int images, groups, channels, filters; /* channels and filters of one group */\n"
    "    int size[2], kernel[2], stride[2], before[2], dilation[2], out[2];\n"
    "} convolution$q;\n"
    "\n"
    "/* The sum over one window, at (p,q), of one filter's products. */\n"
    "static float window$q(const convolution$q *s, int p, int q, const float *x, const $t *w)\n"
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
    "static void convolve$q(const convolution$q *s, const float *x, const $t *w{{, const float *scale}}, const float "
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

bool fr_convolution_c_code(fr_c_writer *w, const fr_op_call *call)
{
    fr_op_call again = *call;
    bool int8 = fr_c_int8(w, call, 2);
    const char *x = fr_c_in(w, call, 0), *weight = fr_c_weight(w, call, 1), *b = fr_c_in(w, call, 2);
    const char *y = fr_c_out(w, call, 0);
    fr_convolution c;
    char pairs[6][64];

    if (!complete(&again, &c))
        return false;

    const int64_t *const of[6] = { c.w.size, c.w.kernel, c.w.stride, c.w.before, c.w.dilation, c.w.out };

    for (int i = 0; i < 6; i++)
        snprintf(pairs[i], sizeof pairs[i], "{ %" PRId64 ", %" PRId64 " }", of[i][0], of[i][1]);
    fr_c_helper(w, "convolve", convolve_text, int8);
    return fr_c_line(w,
                     "convolve%s(&(const convolution%s){ .images = %" PRId64 ", .groups = %" PRId64
                     ", .channels = %" PRId64 ", .filters = %" PRId64
                     ", .size = %s, .kernel = %s, .stride = %s, .before = %s, .dilation = %s, .out = %s }, %s, %s, %s, "
                     "%s);",
                     int8 ? "_int8" : "", int8 ? "_int8" : "", c.images, c.groups, c.channels, c.filters, pairs[0],
                     pairs[1], pairs[2], pairs[3], pairs[4], pairs[5], x, weight, b, y);
}

/* --- As ONNX ----------------------------------------------------------------------------------------------------- */

bool fr_convolution_onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_convolution c = *(const fr_convolution *)call->attributes;

    c.w.kernel[0] = 1;
    for (int i = 0; i < c.w.dims; i++)
        c.w.kernel[FR_SPACE - c.w.dims + i] = call->in[1]->shape.dim[2 + i];
    if (c.same && !pad_to_same(&c.w))
        return fr_onnx_fail(g, "its padding is too large");
    fr_onnx_slide(g, call, "Conv", &c.w, (fr_onnx_whole[]){ { "group", c.groups }, { NULL, 0 } });
    return true;
}
