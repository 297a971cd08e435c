/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* max_pool2d: y[p][q] = the largest value of the window, as max_pool1d. */
#include "ops/pool/pool.h"

FR_RUN(run, fr_max_pool2d(in[0], FR_SHAPE(2), NULL))
FR_RUN(run_sizes, fr_max_pool2d(in[0], FR_SHAPE(2, 3), NULL))
FR_RUN(run_steps, fr_max_pool2d(in[0], FR_SHAPE(3, 2), &(fr_max_pool_options){ .stride = FR_SHAPE(1) }))
FR_RUN(run_stride, fr_max_pool2d(in[0], FR_SHAPE(2), &(fr_max_pool_options){ .stride = FR_SHAPE(1, 2) }))
FR_RUN(run_all, fr_max_pool2d(in[0], FR_SHAPE(2, 3),
                              &(fr_max_pool_options){ .stride = FR_SHAPE(2),
                                                      .padding = FR_SHAPE(0, 1),
                                                      .dilation = FR_SHAPE(2, 1),
                                                      .ceil_mode = true }))
FR_RUN(run_strided, fr_max_pool2d(fr_transpose(in[0], 0, 2), FR_SHAPE(2), NULL))
FR_RUN(run_sizeless, fr_max_pool2d(in[0], (fr_shape){ 0 }, NULL))
FR_RUN(run_three, fr_max_pool2d(in[0], FR_SHAPE(2, 2, 2), NULL))
FR_RUN(run_too_padded, fr_max_pool2d(in[0], FR_SHAPE(3, 2), &(fr_max_pool_options){ .padding = FR_SHAPE(1, 2) }))

const fr_op fr_max_pool2d_op = {
    .name = "max_pool2d",
    .formula = "y[p][q] = the largest x of a window",
    .shapes = "(*,H,W) -> (*,H',W')",
    FR_MAX_POOL_OP,
    FR_CASES(
        { "default", "d(2,3,4,5)", "F.max_pool2d(a, 2)", run }, { "unbatched", "d(2,4,4)", "F.max_pool2d(a, 2)", run },
        { "sizes", "d(2,2,4,7)", "F.max_pool2d(a, (2, 3))", run_sizes },
        { "steps", "d(2,2,4,5)", "F.max_pool2d(a, (3, 2), 1)", run_steps },
        { "stride", "d(2,2,4,5)", "F.max_pool2d(a, 2, (1, 2))", run_stride },
        { "all", "d(2,2,6,4)", "F.max_pool2d(a, (2, 3), 2, (0, 1), (2, 1), True)", run_all },
        { "strided", "d(4,2,3,4)", "F.max_pool2d(a.transpose(0, 2), 2)", run_strided },
        { "ties", "v1,2,2,2,3,3,3,3,1,3,3,0(1,3,4)", "F.max_pool2d(a, (3, 2), 1)", run_steps },
        { "nan", "v1,2,nan,2,3,nan,3,3,1,3,3,0(1,3,4)", "F.max_pool2d(a, (3, 2), 1)", run_steps },
        { "no images", "n(0,3,4,5)", "F.max_pool2d(a, 2)", run },
        { "dims", "n(4,4)", NULL, run, { "max_pool2d", "(4, 4)", "(N, C, H, W) or (C, H, W)" } },
        { "no values", "n(2,0,4)", NULL, run, { "max_pool2d", "(2, 0, 4)", "without values" } },
        { "small", "n(2,1,4)", NULL, run, { "max_pool2d", "dim 1 of shape (2, 1, 4)", "no window fits" } },
        { "no kernel", "n(2,4,4)", NULL, run_sizeless, { "max_pool2d", "kernel_size is ()", "one number or two" } },
        { "three sizes", "n(2,4,4)", NULL, run_three, { "max_pool2d", "kernel_size is (2, 2, 2)", "or two" } },
        { "too padded", "n(2,4,4)", NULL, run_too_padded, { "max_pool2d", "padding 2", "kernel of 2", "half" } })
};

fr_tensor *fr_max_pool2d(fr_tensor *x, fr_shape kernel_size, const fr_max_pool_options *options)
{
    return fr_apply_max_pool(&fr_max_pool2d_op, 2, x, kernel_size, options);
}
