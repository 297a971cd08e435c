/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* avg_pool1d: y[p] = the sum over k of x[p stride - padding + k] / the number of values in the window, with those of
 * the padding or, with exclude_pad, without. divisor_override takes the place of that number. */
#include "ops/pool/pool.h"

FR_RUN(run, fr_avg_pool1d(in[0], 2, NULL))
FR_RUN(run_stride, fr_avg_pool1d(in[0], 3, &(fr_avg_pool_options){ .stride = FR_SHAPE(2) }))
FR_RUN(run_long, fr_avg_pool1d(in[0], 37, &(fr_avg_pool_options){ .stride = FR_SHAPE(1) }))
FR_RUN(run_padding, fr_avg_pool1d(in[0], 3, &(fr_avg_pool_options){ .padding = FR_SHAPE(1) }))
FR_RUN(run_exclude, fr_avg_pool1d(in[0], 3, &(fr_avg_pool_options){ .padding = FR_SHAPE(1), .exclude_pad = true }))
FR_RUN(run_ceil,
       fr_avg_pool1d(in[0], 3,
                     &(fr_avg_pool_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(1), .ceil_mode = true }))
FR_RUN(run_ceil_exclude,
       fr_avg_pool1d(in[0], 3,
                     &(fr_avg_pool_options){
                         .stride = FR_SHAPE(2), .padding = FR_SHAPE(1), .ceil_mode = true, .exclude_pad = true }))
FR_RUN(run_divisor, fr_avg_pool1d(in[0], 3, &(fr_avg_pool_options){ .divisor_override = -2 }))
FR_RUN(run_strided, fr_avg_pool1d(fr_transpose(in[0], 0, 2), 2, NULL))
FR_RUN(run_less, fr_avg_pool1d(in[0], -1, NULL))
FR_RUN(run_stride_less, fr_avg_pool1d(in[0], 2, &(fr_avg_pool_options){ .stride = FR_SHAPE(-1) }))
FR_RUN(run_too_padded, fr_avg_pool1d(in[0], 3, &(fr_avg_pool_options){ .padding = FR_SHAPE(2) }))
FR_RUN(run_reserved, fr_avg_pool1d(in[0], 2, &(fr_avg_pool_options){ .reserved = { in[0] } }))

const fr_op fr_avg_pool1d_op = {
    .name = "avg_pool1d",
    .formula = "y[p] = the sum of x[p stride - padding + k] / the number of values",
    .shapes = "(*,L) -> (*,L')",
    FR_AVG_POOL_OP,
    FR_CASES({ "default", "n(2,3,7)", "F.avg_pool1d(a, 2)", run }, { "unbatched", "n(3,8)", "F.avg_pool1d(a, 2)", run },
             { "stride", "n(2,3,8)", "F.avg_pool1d(a, 3, 2)", run_stride },
             { "long", "n(1,2,40)", "F.avg_pool1d(a, 37, 1)", run_long },
             { "padding", "n(2,3,8)", "F.avg_pool1d(a, 3, padding=1)", run_padding },
             { "exclude", "n(2,3,8)", "F.avg_pool1d(a, 3, padding=1, count_include_pad=False)", run_exclude },
             { "ceil", "n(2,3,6)", "F.avg_pool1d(a, 3, 2, 1, ceil_mode=True)", run_ceil },
             { "ceil, exclude", "n(2,3,6)", "F.avg_pool1d(a, 3, 2, 1, True, False)", run_ceil_exclude },
             { "ceil, small", "n(2,3,1)", "F.avg_pool1d(a, 3, 2, 1, True)", run_ceil },
             { "divisor", "n(2,3,6)", "F.avg_pool2d(a, (1, 3), divisor_override=-2)", run_divisor },
             { "strided", "n(8,3,2)", "F.avg_pool1d(a.transpose(0, 2), 2)", run_strided },
             { "nan", "v1,nan,2,inf,3,4(1,1,6)", "F.avg_pool1d(a, 2)", run },
             { "no images", "n(0,3,7)", "F.avg_pool1d(a, 2)", run },
             { "no channels", "n(2,0,7)", "a[:, :, 1::2]", run },
             { "dims", "n(1,1,1,7)", NULL, run, { "avg_pool1d", "(1, 1, 1, 7)", "(N, C, L) or (C, L)" } },
             { "no values", "n(2,3,0)", NULL, run, { "avg_pool1d", "(2, 3, 0)", "without values" } },
             { "small", "n(2,3,1)", NULL, run, { "avg_pool1d", "dim 2 of shape (2, 3, 1)", "no window fits" } },
             { "kernel -1", "n(2,3,1)", NULL, run_less, { "avg_pool1d", "kernel_size is (-1,)", "1 or more" } },
             { "stride -1", "n(2,3,5)", NULL, run_stride_less, { "avg_pool1d", "stride is (-1,)", "1 or more" } },
             { "too padded", "n(2,3,5)", NULL, run_too_padded, { "avg_pool1d", "padding 2", "kernel of 3", "half" } },
             { "reserved", "n(2,3,5)", NULL, run_reserved, { "avg_pool1d", "reserved[0]" } },
             { "int64", "i5(2,3,5)", NULL, run, { "avg_pool1d", "int64" } })
};

fr_tensor *fr_avg_pool1d(fr_tensor *x, int64_t kernel_size, const fr_avg_pool_options *options)
{
    return fr_apply_avg_pool(&fr_avg_pool1d_op, 1, x, FR_SHAPE(kernel_size), options);
}
