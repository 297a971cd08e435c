/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* conv_by_weight: the gradient of a convolution by its weight, from the gradient g of its output. It is linear in x and
 * g: ops/conv/conv.h says why its gradients are the other two maps. */
#include "ops/conv/conv.h"
#include "ops/reduce/reduce.h"

#include <inttypes.h>

static bool infer(fr_op_call *call)
{
    const fr_convolution *c = &((const fr_conv_attributes *)call->attributes)->conv;
    fr_shape like = { c->window.dims + 2, { c->groups * c->out_channels } };

    call->out[0] = (fr_meta){ .shape = fr_spatial_shape(&c->window, &like, c->in_channels, c->window.kernel),
                              .dtype = fr_dtype_of(call->in[0]) };
    return true;
}

/* The kernel leaves a sum for each slice of the images. */
static void forward(fr_op_call *call)
{
    const fr_convolution *c = &((const fr_conv_attributes *)call->attributes)->conv;
    const fr_tensor *x = call->in[0], *g = call->in[1];
    fr_tensor *dw = call->result[0];
    fr_dtype dtype = (fr_dtype)dw->dtype;
    int64_t slices = fr_convolve_slices(c);
    size_t bytes = fr_bytes(slices * dw->numel * (int64_t)fr_dtype_size(dtype));
    void *sums = slices > 1 ? fr_alloc(bytes) : dw->origin;

    if (!sums || !fr_convolve_grad_weight(dtype, c, x->origin, g->origin, sums))
        call->failed = !fr_fail_memory(call->op->name);
    else if (slices > 1)
        call->failed = !fr_sum_rows(call->op->name, dtype, slices, dw->numel, sums, dw->origin);
    if (slices > 1 && sums)
        fr_free(sums, bytes);
}

static void backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *g = call->in[1], *dw = call->grad_out[0]; /* dw: here the gradient of it */

    if (call->needs[0])
        call->grad_in[0] = fr_conv_by_x(g, dw, call->attributes);
    if (call->needs[1])
        call->grad_in[1] = fr_conv_without_bias(x, dw, call->attributes);
}

static const char c_text[] =
    "/* For each filter and tap the sum over all places of g times what the tap sees of x. x (images,groups channels,\n"
    " * size), g (images,groups filters,out), w (groups filters,channels,kernel). */\n"
    "static void convolve_by_weight(const convolution *s, const float *x, const float *g, float *w)\n"
    "{\n"
    "    const int image = s->channels * s->size[0] * s->size[1], places = s->out[0] * s->out[1];\n"
    "    const int area = s->kernel[0] * s->kernel[1], taps = s->channels * area;\n"
    "\n"
    "    memset(w, 0, (size_t)(s->groups * s->filters * taps) * sizeof *w);\n"
    "    for (int n = 0; n < s->images * s->groups; n++, x += image) {\n"
    "        float *filter = w + n % s->groups * s->filters * taps;\n"
    "\n"
    "        for (int f = 0; f < s->filters; f++, g += places) {\n"
    "            for (int k = 0; k < taps; k++, filter++) {\n"
    "                const float *plane = x + k / area * s->size[0] * s->size[1];\n"
    "                const int top = k % area / s->kernel[1] * s->dilation[0] - s->before[0];\n"
    "                const int left = k % s->kernel[1] * s->dilation[1] - s->before[1];\n"
    "                float sum = 0;\n"
    "\n"
    "                for (int p = 0; p < places; p++) {\n"
    "                    const int i = p / s->out[1] * s->stride[0] + top, j = p % s->out[1] * s->stride[1] + left;\n"
    "\n"
    "                    if (i >= 0 && i < s->size[0] && j >= 0 && j < s->size[1])\n"
    "                        sum += g[p] * plane[i * s->size[1] + j];\n"
    "                }\n"
    "                *filter += sum;\n"
    "            }\n"
    "        }\n"
    "    }\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_convolution *c = &((const fr_conv_attributes *)call->attributes)->conv;
    const char *x = fr_c_in(w, call, 0), *g = fr_c_in(w, call, 1), *dw = fr_c_out(w, call, 0);
    char window[FR_C_WINDOW_TEXT];

    if (fr_conv_c_has_tiles(c))
        return fr_conv_c_tiles(w, FR_CONV_TILES_BY_WEIGHT, c, fr_c_format(w, "%s, %s", x, g), dw);
    fr_c_convolution(w);
    fr_c_helper(w, "convolve_by_weight", c_text, false);
    return fr_c_line(w,
                     "convolve_by_weight(&(const convolution){ .images = %" PRId64 ", .groups = %" PRId64
                     ", .channels = %" PRId64 ", .filters = %" PRId64 ", %s }, %s, %s, %s);",
                     c->batch, c->groups, c->in_channels, c->out_channels, fr_c_window(&c->window, true, window), x, g,
                     dw);
}

FR_RUN(run_1d, fr_conv_test_gradient(&fr_conv_by_weight_op, 1, in))
FR_RUN(run_2d, fr_conv_test_gradient(&fr_conv_by_weight_op, 2, in))

const fr_op fr_conv_by_weight_op = {
    .name = "conv_by_weight",
    .formula = "dw[o][c][k] = sum of x[c][p stride - padding + k dilation] g[o][p]",
    .shapes = "(*,C,L) (*,O,L') -> (O,C/groups,K); (*,C,H,W) (*,O,H',W') -> (O,C/groups,K,K')",
    .input_names = "x g",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .attributes_size = sizeof(fr_conv_attributes),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .c_code = c_code,
    FR_CASES({ "one dim", "n(2,4,8) n(2,6,4)",
               "torch.nn.grad.conv1d_weight(a, (6, 2, 3), b, stride=2, padding=1, groups=2)", run_1d },
             { "two dims", "n(2,6,4) n(3,2,4)",
               "torch.nn.grad.conv2d_weight(a[None], (3, 2, 3, 2), b[None], (2, 1), (0, 1), (1, 2))", run_2d },
             { "int64", "i5(2,4,8) i5(2,6,4)", NULL, run_1d, { "conv_by_weight", "int64" } })
};

fr_tensor *fr_conv_by_weight(fr_tensor *x, fr_tensor *g, const fr_conv_attributes *a)
{
    return fr_apply(&fr_conv_by_weight_op, (fr_tensor *[]){ x, g }, a);
}
