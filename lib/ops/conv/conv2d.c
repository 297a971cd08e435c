/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* conv2d: as conv1d, with two positions, y[n][o][p][q] = bias[o] + the sum over c, k, l of weight[o][c][k][l]
 * x[n][c][p stride0 - padding0 + k dilation0][q stride1 - padding1 + l dilation1]. */
#include "ops/conv/conv.h"

FR_RUN(run, fr_conv2d(in[0], in[1], in[2], NULL))
FR_RUN(run_without, fr_conv2d(in[0], in[1], NULL, NULL))
FR_RUN(run_stride, fr_conv2d(in[0], in[1], in[2], &(fr_conv_options){ .stride = FR_SHAPE(2) }))
FR_RUN(run_strides, fr_conv2d(in[0], in[1], in[2], &(fr_conv_options){ .stride = FR_SHAPE(1, 2) }))
FR_RUN(run_padding, fr_conv2d(in[0], in[1], in[2], &(fr_conv_options){ .padding = FR_SHAPE(0, 2) }))
FR_RUN(run_dilation, fr_conv2d(in[0], in[1], in[2], &(fr_conv_options){ .dilation = FR_SHAPE(2, 1) }))
FR_RUN(run_groups, fr_conv2d(in[0], in[1], in[2], &(fr_conv_options){ .groups = 2 }))
FR_RUN(run_same, fr_conv2d(in[0], in[1], in[2], &(fr_conv_options){ .same = true }))
FR_RUN(run_strided, fr_conv2d(fr_transpose(in[0], 1, 3), fr_transpose(in[1], 0, 2), NULL, NULL))
FR_RUN(run_all,
       fr_conv2d(in[0], in[1], in[2],
                 &(fr_conv_options){
                     .stride = FR_SHAPE(2, 3), .padding = FR_SHAPE(3, 1), .dilation = FR_SHAPE(1, 2), .groups = 2 }))
FR_RUN(run_depthwise, fr_conv2d(in[0], in[1], in[2], &(fr_conv_options){ .padding = FR_SHAPE(1, 2), .groups = 3 }))
FR_RUN(run_depthwise_strided,
       fr_conv2d(in[0], in[1], NULL,
                 &(fr_conv_options){
                     .stride = FR_SHAPE(2, 1), .padding = FR_SHAPE(0, 2), .dilation = FR_SHAPE(1, 2), .groups = 3 }))
FR_RUN(run_depthwise_padded, fr_conv2d(in[0], in[1], in[2], &(fr_conv_options){ .padding = FR_SHAPE(20), .groups = 2 }))
FR_RUN(run_three, fr_conv2d(in[0], in[1], NULL, &(fr_conv_options){ .stride = FR_SHAPE(1, 2, 3) }))
FR_RUN(run_padding_less, fr_conv2d(in[0], in[1], NULL, &(fr_conv_options){ .padding = FR_SHAPE(1, -2) }))

const fr_op fr_conv2d_op = {
    .name = "conv2d",
    .formula = "y[o][p][q] = bias[o] + sum of weight[o][c][k][l] x[c][at p, k][at q, l]",
    .shapes = "(*,C,H,W) (O,C/groups,K,K') (O)? -> (*,O,H',W')",
    FR_CONV_OP,
    FR_CASES(
        { "bias", "n(2,3,5,6) n(4,3,2,3) n(4)", "F.conv2d(a, b, c)", run },
        { "without", "n(2,3,5,4) n(4,3,3,2)", "F.conv2d(a, b)", run_without },
        { "unbatched", "n(3,5,4) n(4,3,2,3) n(4)", "F.conv2d(a, b, c)", run },
        { "one value", "n(2,3,3,4) n(4,3,1,1) n(4)", "F.conv2d(a, b, c)", run },
        { "one column", "n(2,3,3,4) n(4,3,2,1) n(4)", "F.conv2d(a, b, c)", run },
        { "stride", "n(2,3,5,6) n(4,3,2,2) n(4)", "F.conv2d(a, b, c, stride=2)", run_stride },
        { "strides", "n(2,3,5,6) n(4,3,2,2) n(4)", "F.conv2d(a, b, c, stride=(1, 2))", run_strides },
        { "padding", "n(2,3,3,4) n(4,3,2,3) n(4)", "F.conv2d(a, b, c, padding=(0, 2))", run_padding },
        { "dilation", "n(2,3,5,4) n(4,3,2,3) n(4)", "F.conv2d(a, b, c, dilation=(2, 1))", run_dilation },
        { "groups", "n(2,4,3,4) n(6,2,2,3) n(6)", "F.conv2d(a, b, c, groups=2)", run_groups },
        { "depthwise", "n(2,3,5,6) n(3,1,3,2) n(3)", "F.conv2d(a, b, c, padding=(1, 2), groups=3)", run_depthwise },
        { "depthwise, wide", "n(1,3,3,70) n(3,1,3,3) n(3)", "F.conv2d(a, b, c, padding=(1, 2), groups=3)",
          run_depthwise },
        { "depthwise, strided", "n(2,3,7,5) n(6,1,3,2)", "F.conv2d(a, b, None, (2, 1), (0, 2), (1, 2), 3)",
          run_depthwise_strided },
        { "depthwise, many taps", "n(1,3,12,9) n(3,1,13,11) n(3)", "F.conv2d(a, b, c, padding=(1, 2), groups=3)",
          run_depthwise },
        { "depthwise, much padding", "n(1,2,2,3) n(2,1,2,2) n(2)", "F.conv2d(a, b, c, padding=20, groups=2)",
          run_depthwise_padded },
        { "same", "n(2,3,4,3) n(2,3,3,2) n(2)", "F.conv2d(a, b, c, padding='same')", run_same },
        { "all", "n(2,4,3,7) n(6,2,3,2) n(6)", "F.conv2d(a, b, c, (2, 3), (3, 1), (1, 2), 2)", run_all },
        { "strided", "n(2,4,3,3) n(2,3,4,3)", "F.conv2d(a.transpose(1, 3), b.transpose(0, 2))", run_strided },
        { "no images", "n(0,3,5,6) n(4,3,2,3) n(4)", "F.conv2d(a, b, c)", run },
        { "no channels", "n(2,0,3,3) n(4,0,2,2) n(4)", "a.sum() + c[:, None, None].expand(2, 4, 2, 2) + b.sum()", run },
        { "dims", "n(7,8) n(4,3,3,3)", NULL, run_without, { "conv2d", "(7, 8)", "(C, H, W)", "KH, KW" } },
        { "channels", "n(2,4,5,5) n(3,2,2,2)", NULL, run_without, { "conv2d", "4 channels", "(3, 2, 2, 2)" } },
        { "kernel", "n(2,3,7,7) n(4,3,0,2)", NULL, run_without, { "conv2d", "(4, 3, 0, 2)", "size 0" } },
        { "small", "n(3,2,5) n(4,3,3,3)", NULL, run_without, { "conv2d", "dim 1", "(3, 2, 5)", "no window fits" } },
        { "three strides", "n(3,7,7) n(4,3,3,3)", NULL, run_three, { "conv2d", "(1, 2, 3)", "one number or two" } },
        { "padding -2", "n(3,7,7) n(4,3,3,3)", NULL, run_padding_less, { "conv2d", "padding is (1, -2)" } },
        { "bias shape", "n(3,7,7) n(4,3,3,3) n(4,1)", NULL, run, { "conv2d", "(4, 3, 3, 3)", "(4, 1)" } })
};

fr_tensor *fr_conv2d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias, const fr_conv_options *options)
{
    return fr_apply_conv(&fr_conv2d_op, 2, x, weight, bias, options);
}
