/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* avg_pool2d: y[p][q] = the sum of the window / the number of its values, or / divisor_override; as avg_pool1d. */
#include "ops/pool/pool.h"

FR_RUN(run, fr_avg_pool2d(in[0], FR_SHAPE(2), NULL))
FR_RUN(run_sizes, fr_avg_pool2d(in[0], FR_SHAPE(2, 3), &(fr_avg_pool_options){ .stride = FR_SHAPE(2, 1) }))
FR_RUN(run_padding, fr_avg_pool2d(in[0], FR_SHAPE(2, 3), &(fr_avg_pool_options){ .padding = FR_SHAPE(1) }))
FR_RUN(run_exclude,
       fr_avg_pool2d(in[0], FR_SHAPE(2, 3), &(fr_avg_pool_options){ .padding = FR_SHAPE(1), .exclude_pad = true }))
FR_RUN(run_all,
       fr_avg_pool2d(in[0], FR_SHAPE(3, 2),
                     &(fr_avg_pool_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(1, 0), .ceil_mode = true }))
FR_RUN(run_all_exclude,
       fr_avg_pool2d(in[0], FR_SHAPE(3, 2),
                     &(fr_avg_pool_options){
                         .stride = FR_SHAPE(2), .padding = FR_SHAPE(1, 0), .ceil_mode = true, .exclude_pad = true }))
FR_RUN(run_divisor,
       fr_avg_pool2d(in[0], FR_SHAPE(2), &(fr_avg_pool_options){ .padding = FR_SHAPE(1), .divisor_override = 3 }))
FR_RUN(run_strided, fr_avg_pool2d(fr_transpose(in[0], 0, 2), FR_SHAPE(2), NULL))
FR_RUN(run_three, fr_avg_pool2d(in[0], FR_SHAPE(2, 2, 2), NULL))

const fr_op fr_avg_pool2d_op = {
    .name = "avg_pool2d",
    .formula = "y[p][q] = the sum of x over a window / the number of values, or divisor_override",
    .shapes = "(*,H,W) -> (*,H',W')",
    FR_AVG_POOL_OP,
    FR_CASES({ "default", "n(2,3,4,5)", "F.avg_pool2d(a, 2)", run },
             { "unbatched", "n(2,4,4)", "F.avg_pool2d(a, 2)", run },
             { "sizes", "n(2,2,4,5)", "F.avg_pool2d(a, (2, 3), (2, 1))", run_sizes },
             { "padding", "n(2,2,3,4)", "F.avg_pool2d(a, (2, 3), padding=1)", run_padding },
             { "exclude", "n(2,2,3,4)", "F.avg_pool2d(a, (2, 3), padding=1, count_include_pad=False)", run_exclude },
             { "all", "n(2,2,4,5)", "F.avg_pool2d(a, (3, 2), 2, (1, 0), True)", run_all },
             { "all, exclude", "n(2,2,4,5)", "F.avg_pool2d(a, (3, 2), 2, (1, 0), True, False)", run_all_exclude },
             { "divisor", "n(2,2,3,4)", "F.avg_pool2d(a, 2, padding=1, divisor_override=3)", run_divisor },
             { "strided", "n(4,2,3,4)", "F.avg_pool2d(a.transpose(0, 2), 2)", run_strided },
             { "no images", "n(0,3,4,5)", "F.avg_pool2d(a, 2)", run },
             { "dims", "n(4,4)", NULL, run, { "avg_pool2d", "(4, 4)", "(N, C, H, W) or (C, H, W)" } },
             { "no values", "n(2,4,0)", NULL, run, { "avg_pool2d", "(2, 4, 0)", "without values" } },
             { "small", "n(2,4,1)", NULL, run, { "avg_pool2d", "dim 2 of shape (2, 4, 1)", "no window fits" } },
             { "three sizes", "n(2,4,4)", NULL, run_three, { "avg_pool2d", "kernel_size is (2, 2, 2)", "or two" } })
};

fr_tensor *fr_avg_pool2d(fr_tensor *x, fr_shape kernel_size, const fr_avg_pool_options *options)
{
    return fr_apply_avg_pool(&fr_avg_pool2d_op, 2, x, kernel_size, options);
}
