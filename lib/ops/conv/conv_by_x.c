/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* conv_by_x: the gradient of a convolution by its input, from the gradient g of its output; also known as transposed
 * convolution. It is linear in g and weight: ops/conv/conv.h says why its gradients are the other two maps. */
#include "ops/conv/conv.h"

#include <inttypes.h>

static bool infer(fr_op_call *call)
{
    const fr_conv_attributes *a = call->attributes;

    call->out[0] = (fr_meta){ .shape = a->x, .dtype = fr_dtype_of(call->in[0]) };
    return true;
}

static void forward(fr_op_call *call)
{
    const fr_conv_attributes *a = call->attributes;
    const fr_tensor *g = call->in[0], *weight = call->in[1];
    fr_tensor *dx = call->result[0];

    if (!fr_convolve_grad_input((fr_dtype)dx->dtype, &a->conv, g->origin, weight->origin, dx->origin))
        call->failed = !fr_fail_memory(call->op->name);
}

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->in[0], *weight = call->in[1], *dx = call->grad_out[0]; /* dx: here the gradient of it */

    if (call->needs[0])
        call->grad_in[0] = fr_conv_without_bias(dx, weight, call->attributes);
    if (call->needs[1])
        call->grad_in[1] = fr_conv_by_weight(dx, g, call->attributes);
}

static int64_t multiply_adds(const fr_op_call *call)
{
    const fr_tensor *weight = call->in[1];

    return weight->numel ? call->in[0]->numel * (weight->numel / weight->shape.dim[0]) : 0;
}

/* --- C and ONNX --------------------------------------------------------------------------------------------------- */

static const char c_text[] =
    "typedef struct {\n"
    "    int images, groups, channels, filters; /* channels of y and filters of one group */\n"
    "    int size[2], kernel[2], stride[2], before[2], dilation[2], out[2]; /* size: of y; out: of x */\n"
    "} transposed_convolution;\n"
    "\n"
    "/* Adds a times one filter, channels by kernel, to the window at (p,q) of y. */\n"
    "static void add_window(const transposed_convolution *s, int p, int q, float a, const float *w, float *y)\n"
    "{\n"
    "    for (int c = 0; c < s->channels; c++, y += s->size[0] * s->size[1]) {\n"
    "        for (int k = 0; k < s->kernel[0] * s->kernel[1]; k++, w++) {\n"
    "            const int i = p * s->stride[0] - s->before[0] + k / s->kernel[1] * s->dilation[0];\n"
    "            const int j = q * s->stride[1] - s->before[1] + k % s->kernel[1] * s->dilation[1];\n"
    "\n"
    "            if (i >= 0 && i < s->size[0] && j >= 0 && j < s->size[1])\n"
    "                y[i * s->size[1] + j] += a * *w;\n"
    "        }\n"
    "    }\n"
    "}\n"
    "\n"
    "/* x (images,groups filters,out), w (groups filters,channels,kernel), y (images,groups channels,size). */\n"
    "static void convolve_transposed(const transposed_convolution *s, const float *x, const float *w, float *y)\n"
    "{\n"
    "    const int image = s->channels * s->size[0] * s->size[1], taps = s->channels * s->kernel[0] * s->kernel[1];\n"
    "\n"
    "    memset(y, 0, (size_t)s->images * (size_t)s->groups * (size_t)image * sizeof *y);\n"
    "    for (int n = 0; n < s->images * s->groups; n++, y += image) {\n"
    "        const int first = n % s->groups * s->filters;\n"
    "\n"
    "        for (int f = first; f < first + s->filters; f++)\n"
    "            for (int p = 0; p < s->out[0]; p++)\n"
    "                for (int q = 0; q < s->out[1]; q++)\n"
    "                    add_window(s, p, q, *x++, w + f * taps, y);\n"
    "    }\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_convolution *c = &((const fr_conv_attributes *)call->attributes)->conv;
    const char *x = fr_c_in(w, call, 0), *weight = fr_c_in(w, call, 1), *y = fr_c_out(w, call, 0);
    char window[FR_C_WINDOW_TEXT];

    if (fr_conv_c_has_tiles(c))
        return fr_conv_c_tiles(w, FR_CONV_TILES_BY_X, c, fr_c_format(w, "%s, %s", x, weight), y);
    fr_c_helper(w, "convolve_transposed", c_text, false);
    return fr_c_line(w,
                     "convolve_transposed(&(const transposed_convolution){ .images = %" PRId64 ", .groups = %" PRId64
                     ", .channels = %" PRId64 ", .filters = %" PRId64 ", %s }, %s, %s, %s);",
                     c->batch, c->groups, c->in_channels, c->out_channels, fr_c_window(&c->window, true, window), x,
                     weight, y);
}

/* ONNX computes the size of y from the others and output_padding. */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const fr_convolution *c = &((const fr_conv_attributes *)call->attributes)->conv;
    const fr_sliding_window *w = &c->window;
    int64_t more[FR_SPATIAL_DIMS];

    for (int i = 0; i < FR_SPATIAL_DIMS; i++)
        more[i] = w->in_size[i] + w->pad_before[i] + w->pad_after[i] - (w->out_size[i] - 1) * w->stride[i] -
                  (w->kernel[i] - 1) * w->dilation[i] - 1;
    fr_onnx_window_node(g, call, "ConvTranspose", w,
                        (fr_onnx_int_attribute[]){ { "group", c->groups, NULL },
                                                   { "output_padding", 0, more + FR_SPATIAL_DIMS - w->dims },
                                                   { NULL, 0, NULL } });
    return true;
}

FR_RUN(run_1d, fr_conv_test_gradient(&fr_conv_by_x_op, 1, in))
FR_RUN(run_2d, fr_conv_test_gradient(&fr_conv_by_x_op, 2, in))
FR_RUN(run_transpose, fr_conv_transpose1d(in[0], in[1], in[2], NULL))
FR_RUN(run_transpose_all, fr_conv_transpose1d(in[0], in[1], in[2],
                                              &(fr_conv_transpose_options){ .stride = FR_SHAPE(3),
                                                                            .padding = FR_SHAPE(1),
                                                                            .output_padding = FR_SHAPE(2),
                                                                            .dilation = FR_SHAPE(2),
                                                                            .groups = 2 }))
FR_RUN(run_transpose_without, fr_conv_transpose1d(in[0], in[1], NULL, NULL))
FR_RUN(run_transpose2, fr_conv_transpose2d(in[0], in[1], in[2], NULL))
FR_RUN(run_transpose2_stride,
       fr_conv_transpose2d(in[0], in[1], NULL,
                           &(fr_conv_transpose_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(1) }))
FR_RUN(run_transpose2_all, fr_conv_transpose2d(in[0], in[1], in[2],
                                               &(fr_conv_transpose_options){ .stride = FR_SHAPE(2, 3),
                                                                             .padding = FR_SHAPE(0, 1),
                                                                             .output_padding = FR_SHAPE(1, 2),
                                                                             .dilation = FR_SHAPE(1, 2),
                                                                             .groups = 2 }))
FR_RUN(run_longer,
       fr_conv_transpose1d(in[0], in[1], NULL, &(fr_conv_transpose_options){ .output_padding = FR_SHAPE(1) }))
FR_RUN(run_padded, fr_conv_transpose1d(in[0], in[1], NULL, &(fr_conv_transpose_options){ .padding = FR_SHAPE(5) }))
FR_RUN(run_groups, fr_conv_transpose1d(in[0], in[1], NULL, &(fr_conv_transpose_options){ .groups = 2 }))

const fr_op fr_conv_by_x_op = {
    .name = "conv_by_x",
    .formula = "dx[c][p stride - padding + k dilation] = sum of weight[o][c][k] g[o][p]",
    .shapes = "(*,O,L') (O,C/groups,K) -> (*,C,L); (*,O,H',W') (O,C/groups,K,K') -> (*,C,H,W)",
    .input_names = "g weight",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .attributes_size = sizeof(fr_conv_attributes),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_multilinear,
    .multiply_adds = multiply_adds,
    .c_code = c_code,
    .onnx_name = "ConvTranspose",
    .onnx = onnx,
    FR_CASES(
        { "one dim", "n(2,6,4) n(6,2,3)", "F.conv_transpose1d(a, b, stride=2, padding=1, output_padding=1, groups=2)",
          run_1d },
        { "two dims", "n(3,2,4) n(3,2,3,2)",
          "F.conv_transpose2d(a, b, stride=(2, 1), padding=(0, 1), output_padding=(1, 0), dilation=(1, 2))", run_2d },
        { "transpose1d", "n(2,3,5) n(3,4,3) n(4)", "F.conv_transpose1d(a, b, c)", run_transpose, .may_lack = true },
        { "transpose1d, unbatched", "n(3,5) n(3,4,3)", "F.conv_transpose1d(a, b)", run_transpose_without },
        { "transpose1d, all", "n(2,4,5) n(4,3,2) n(6)",
          "F.conv_transpose1d(a, b, c, stride=3, padding=1, output_padding=2, dilation=2, groups=2)", run_transpose_all,
          .may_lack = true },
        { "transpose2d", "n(2,3,3,4) n(3,2,2,3) n(2)", "F.conv_transpose2d(a, b, c)", run_transpose2,
          .may_lack = true },
        { "transpose2d, unbatched", "n(3,3,4) n(3,2,2,1) n(2)", "F.conv_transpose2d(a, b, c)", run_transpose2,
          .may_lack = true },
        { "transpose2d, stride", "n(2,3,4,4) n(3,5,4,4)", "F.conv_transpose2d(a, b, stride=2, padding=1)",
          run_transpose2_stride },
        { "transpose2d, all", "n(2,4,3,2) n(4,1,3,2) n(2)",
          "F.conv_transpose2d(a, b, c, (2, 3), (0, 1), (1, 2), 2, (1, 2))", run_transpose2_all, .may_lack = true },
        { "transpose, no images", "n(0,3,5) n(3,4,3) n(4)", "F.conv_transpose1d(a, b, c)", run_transpose,
          .may_lack = true },
        { "transpose, channels",
          "n(2,3,5) n(4,3,3)",
          NULL,
          run_transpose,
          { "conv_transpose1d", "(2, 3, 5)", "(4, 3, 3)", "(C, O / groups, K)" } },
        { "transpose, bias", "n(2,3,5) n(3,4,3) n(3)", NULL, run_transpose, { "conv_transpose1d", "bias (3,)" } },
        { "transpose, groups", "n(3,5) n(3,4,3)", NULL, run_groups, { "conv_transpose1d", "2 groups" } },
        { "transpose, longer", "n(3,5) n(3,4,3)", NULL, run_longer, { "conv_transpose1d", "stride 1" } },
        { "transpose, padding", "n(3,5) n(3,4,3)", NULL, run_padded, { "conv_transpose1d", "dim 1", "no or" } },
        { "transpose, dims", "n(2,3,5) n(3,4,3)", NULL, run_transpose2, { "conv_transpose2d", "KH, KW" } },
        { "transpose, int64", "i5(2,3,5) i5(3,4,3)", NULL, run_transpose, { "conv_transpose1d", "int64" } },
        { "int64", "i5(2,6,4) i5(6,2,3)", NULL, run_1d, { "conv_by_x", "int64" } })
};

fr_tensor *fr_conv_by_x(fr_tensor *g, fr_tensor *weight, const fr_conv_attributes *a)
{
    return fr_apply(&fr_conv_by_x_op, (fr_tensor *[]){ g, weight }, a);
}
