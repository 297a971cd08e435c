/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* conv1d: y[n][o][p] = bias[o] + the sum over c, k of weight[o][c][k] x[n][c][p stride - padding + k dilation], where x
 * outside its bounds is 0. With groups, c runs over the channels of o's group. ops/conv/conv.h derives the gradients.
 */
#include "ops/conv/conv.h"

FR_RUN(run, fr_conv1d(in[0], in[1], in[2], NULL))
FR_RUN(run_without, fr_conv1d(in[0], in[1], NULL, NULL))
FR_RUN(run_stride, fr_conv1d(in[0], in[1], in[2], &(fr_conv_options){ .stride = FR_SHAPE(2) }))
FR_RUN(run_padding, fr_conv1d(in[0], in[1], in[2], &(fr_conv_options){ .padding = FR_SHAPE(2) }))
FR_RUN(run_dilation, fr_conv1d(in[0], in[1], in[2], &(fr_conv_options){ .dilation = FR_SHAPE(2) }))
FR_RUN(run_groups, fr_conv1d(in[0], in[1], in[2], &(fr_conv_options){ .groups = 2 }))
FR_RUN(run_depthwise, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .groups = 3, .padding = FR_SHAPE(1) }))
FR_RUN(run_same, fr_conv1d(in[0], in[1], in[2], &(fr_conv_options){ .same = true, .dilation = FR_SHAPE(3) }))
FR_RUN(run_strided, fr_conv1d(fr_transpose(in[0], 1, 2), fr_transpose(in[1], 0, 2), in[2], NULL))
FR_RUN(run_all, fr_conv1d(in[0], in[1], in[2],
                          &(fr_conv_options){
                              .stride = FR_SHAPE(3), .padding = FR_SHAPE(4), .dilation = FR_SHAPE(2), .groups = 2 }))
FR_RUN(run_stride_0, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .stride = FR_SHAPE(0) }))
FR_RUN(run_stride_two, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .stride = FR_SHAPE(1, 2) }))
FR_RUN(run_padding_less, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .padding = FR_SHAPE(-1) }))
FR_RUN(run_padding_huge, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .padding = FR_SHAPE(INT64_MAX) }))
FR_RUN(run_dilation_0, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .dilation = FR_SHAPE(0) }))
FR_RUN(run_dilation_huge, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .dilation = FR_SHAPE(INT64_MAX / 2) }))
FR_RUN(run_same_huge,
       fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .same = true, .dilation = FR_SHAPE(INT64_MAX - 1) }))
FR_RUN(run_groups_less, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .groups = -1 }))
FR_RUN(run_same_stride, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .same = true, .stride = FR_SHAPE(2) }))
FR_RUN(run_same_padding, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .same = true, .padding = FR_SHAPE(1) }))
FR_RUN(run_no_bias, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .no_bias = true }))
FR_RUN(run_reserved, fr_conv1d(in[0], in[1], NULL, &(fr_conv_options){ .reserved = { [7] = in[0] } }))

const fr_op fr_conv1d_op = {
    .name = "conv1d",
    .formula = "y[o][p] = bias[o] + sum of weight[o][c][k] x[c][p stride - padding + k dilation]",
    .shapes = "(*,C,L) (O,C/groups,K) (O)? -> (*,O,L')",
    FR_CONV_OP,
    FR_CASES(
        { "bias", "n(2,3,7) n(4,3,3) n(4)", "F.conv1d(a, b, c)", run },
        { "without", "n(2,3,7) n(4,3,3)", "F.conv1d(a, b)", run_without },
        { "unbatched", "n(3,7) n(4,3,3) n(4)", "F.conv1d(a, b, c)", run },
        { "one value", "n(2,3,5) n(4,3,1) n(4)", "F.conv1d(a, b, c)", run },
        { "one value without", "n(2,3,5) n(4,3,1)", "F.conv1d(a, b)", run_without },
        { "one place", "n(2,3,4) n(2,3,4) n(2)", "F.conv1d(a, b, c)", run },
        { "stride", "n(2,3,8) n(4,3,3) n(4)", "F.conv1d(a, b, c, stride=2)", run_stride },
        { "stride of one value", "n(2,3,6) n(4,3,1) n(4)", "F.conv1d(a, b, c, stride=2)", run_stride },
        { "padding", "n(2,3,4) n(4,3,3) n(4)", "F.conv1d(a, b, c, padding=2)", run_padding },
        { "padding of one value", "n(2,3,4) n(4,3,1) n(4)", "F.conv1d(a, b, c, padding=2)", run_padding },
        { "dilation", "n(2,3,8) n(4,3,3) n(4)", "F.conv1d(a, b, c, dilation=2)", run_dilation },
        { "groups", "n(2,4,5) n(6,2,3) n(6)", "F.conv1d(a, b, c, groups=2)", run_groups },
        { "depthwise", "n(2,3,5) n(6,1,3)", "F.conv1d(a, b, padding=1, groups=3)", run_depthwise },
        { "same", "n(2,3,8) n(4,3,3) n(4)", "F.conv1d(a, b, c, padding='same', dilation=3)", run_same },
        { "same, odd", "n(2,3,8) n(4,3,4) n(4)", "F.conv1d(a, b, c, padding='same', dilation=3)", run_same },
        { "all", "n(2,4,9) n(6,2,3) n(6)", "F.conv1d(a, b, c, 3, 4, 2, 2)", run_all },
        { "strided", "n(2,7,3) n(3,3,4) n(4)", "F.conv1d(a.mT, b.transpose(0, 2), c)", run_strided },
        { "no images", "n(0,3,7) n(4,3,3) n(4)", "F.conv1d(a, b, c)", run },
        { "no channels", "n(2,0,7) n(4,0,3) n(4)", "a.sum() + c[:, None].expand(2, 4, 5) + b.sum()", run },
        { "no channels, no bias", "n(2,0,7) n(4,0,3)", "torch.zeros(2, 4, 5) + a.sum() + b.sum()", run_without },
        { "no outputs", "n(2,3,7) n(0,3,3) n(0)", "torch.zeros(2, 0, 5) + a.sum() + b.sum() + c.sum()", run },
        { "no values", "n(2,3,0) n(4,3,3) n(4)", "F.conv1d(F.pad(a, (2, 2)), b, c)", run_padding },
        { "nan", "vnan,1,2,inf,3,4(1,1,6) v1,-2(1,1,2) v3(1)", "F.conv1d(a, b, c)", run },
        { "dims", "n(7) n(4,3,3)", NULL, run_without, { "conv1d", "(7,)", "(N, C, L)", "K" } },
        { "weight dims", "n(3,7) n(4,3)", NULL, run_without, { "conv1d", "(4, 3)", "(N, C, L)" } },
        { "channels",
          "n(2,4,5) n(3,2,2)",
          NULL,
          run_without,
          { "conv1d", "4 channels", "(3, 2, 2)", "2 in each of 1" } },
        { "groups of channels", "n(2,5,5) n(4,2,2)", NULL, run_groups, { "conv1d", "5 channels", "2 in each of 2" } },
        { "groups of outputs", "n(2,4,5) n(3,2,2)", NULL, run_groups, { "conv1d", "(3, 2, 2)", "2 groups" } },
        { "groups -1", "n(2,4,5) n(3,2,2)", NULL, run_groups_less, { "conv1d", "groups is -1", "1 or more" } },
        { "bias shape", "n(2,3,7) n(4,3,3) n(3)", NULL, run, { "conv1d", "(4, 3, 3)", "(3,)" } },
        { "kernel", "n(2,3,7) n(4,3,0)", NULL, run_without, { "conv1d", "(4, 3, 0)", "size 0" } },
        { "small", "n(2,3,2) n(4,3,3)", NULL, run_without, { "conv1d", "dim 2", "(2, 3, 2)", "no window fits" } },
        { "stride 0", "n(3,7) n(4,3,3)", NULL, run_stride_0, { "conv1d", "stride is (0,)", "1 or more" } },
        { "two strides", "n(3,7) n(4,3,3)", NULL, run_stride_two, { "conv1d", "stride is (1, 2)", "one number" } },
        { "padding -1", "n(3,7) n(4,3,3)", NULL, run_padding_less, { "conv1d", "padding is (-1,)", "0 or more" } },
        { "huge padding", "n(3,7) n(4,3,3)", NULL, run_padding_huge, { "conv1d", "dim 1", "too large" } },
        { "dilation 0", "n(3,7) n(4,3,3)", NULL, run_dilation_0, { "conv1d", "dilation is (0,)", "1 or more" } },
        { "huge dilation", "n(3,7) n(4,3,3)", NULL, run_dilation_huge, { "conv1d", "dim 1", "no window fits" } },
        { "huge same", "n(3,7) n(4,3,3)", NULL, run_same_huge, { "conv1d", "dilation", "too large" } },
        { "same with stride", "n(3,7) n(4,3,3)", NULL, run_same_stride, { "conv1d", "same", "stride 1" } },
        { "same with padding", "n(3,7) n(4,3,3)", NULL, run_same_padding, { "conv1d", "same and padding" } },
        { "no_bias", "n(3,7) n(4,3,3)", NULL, run_no_bias, { "conv1d", "no_bias", "bias NULL" } },
        { "reserved", "n(3,7) n(4,3,3)", NULL, run_reserved, { "conv1d", "reserved[7]" } },
        { "int64", "i5(3,7) i5(4,3,3)", NULL, run_without, { "conv1d", "int64" } })
};

fr_tensor *fr_conv1d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias, const fr_conv_options *options)
{
    return fr_apply_conv(&fr_conv1d_op, 1, x, weight, bias, options);
}
