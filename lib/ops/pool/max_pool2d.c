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
FR_RUN(run_indices, fr_max_pool2d_with_indices(in[0], FR_SHAPE(2, 3), NULL).indices)
FR_RUN(run_indices_all, fr_max_pool2d_with_indices(in[0], FR_SHAPE(2, 3),
                                                   &(fr_max_pool_options){ .stride = FR_SHAPE(2),
                                                                           .padding = FR_SHAPE(0, 1),
                                                                           .dilation = FR_SHAPE(2, 1),
                                                                           .ceil_mode = true })
                            .indices)

#ifdef FR_TESTS
/* Pools and unpools. */
static fr_tensor *there_and_back(fr_tensor *x, fr_shape kernel, fr_shape padding, fr_shape output_size)
{
    fr_extreme y = fr_max_pool2d_with_indices(x, kernel, &(fr_max_pool_options){ .padding = padding });
    fr_max_unpool_options o = { .padding = padding, .output_size = output_size };

    return fr_max_unpool2d(y.values, y.indices, kernel, &o);
}
#endif
FR_RUN(run_back, there_and_back(in[0], FR_SHAPE(2), FR_SHAPE(0), (fr_shape){ 0 }))
FR_RUN(run_back_padded, there_and_back(in[0], FR_SHAPE(3, 2), FR_SHAPE(1, 0), FR_SHAPE(5, 4)))
FR_RUN(run_back_whole, there_and_back(in[0], FR_SHAPE(2), FR_SHAPE(0), fr_shape_of(in[0])))
FR_RUN(run_unpool_range, fr_max_unpool2d(in[0], fr_full_of(FR_SHAPE(1, 1, 1), 4, FR_I64), FR_SHAPE(2), NULL))
FR_RUN(run_unpool, fr_max_unpool2d(in[0], in[1], FR_SHAPE(2), NULL))
FR_RUN(run_unpool_square,
       fr_max_unpool2d(in[0], fr_reshape(fr_argsort(fr_flatten(in[1], 1, 2), -1, false), FR_SHAPE(1, 2, 2)),
                       FR_SHAPE(2), &(fr_max_unpool_options){ .output_size = FR_SHAPE(5) }))
FR_RUN(run_unpool_sizes,
       fr_max_unpool2d(in[0], in[1], FR_SHAPE(2), &(fr_max_unpool_options){ .output_size = FR_SHAPE(1, 4, 4) }))

const fr_op fr_max_pool2d_op = {
    .name = "max_pool2d",
    .formula = "y[p][q] = the largest x of a window",
    .shapes = "(*,H,W) -> (*,H',W') (*,H',W')",
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
        { "indices", "d(2,2,4,7)", "F.max_pool2d(a, (2, 3), return_indices=True)[1]", run_indices, .no_grad = true },
        { "indices, all", "d(2,2,6,4)", "F.max_pool2d(a, (2, 3), 2, (0, 1), (2, 1), True, True)[1]", run_indices_all,
          .no_grad = true },
        { "unpool", "d(2,2,4,6)", "(lambda y, i: F.max_unpool2d(y, i, 2))(*F.max_pool2d(a, 2, return_indices=True))",
          run_back },
        { "unpool padded", "d(2,5,4)",
          "(lambda y, i: F.max_unpool2d(y, i, (3, 2), padding=(1, 0), output_size=(5, 4)))"
          "(*F.max_pool2d(a, (3, 2), padding=(1, 0), return_indices=True))",
          run_back_padded },
        { "unpool whole", "d(2,1,5,7)",
          "(lambda y, i: F.max_unpool2d(y, i, 2, output_size=a.shape))(*F.max_pool2d(a, 2, return_indices=True))",
          run_back_whole },
        { "unpool range", "n(1,1,1) i9(1,1,1)", NULL, run_unpool_range, { "max_unpool2d", "index 4", "of size 4" } },
        { "unpool dims",
          "n(4,4) i4(4,4)",
          NULL,
          run_unpool,
          { "max_unpool2d", "(4, 4)", "(N, C, H, W) or (C, H, W)" } },
        { "unpool square", "n(1,2,2) d(1,2,2)",
          "F.max_unpool2d(a, b.flatten(1).argsort(-1).view(1, 2, 2), 2, output_size=(5, 5))", run_unpool_square },
        { "unpool sizes",
          "n(1,1,2,2) i4(1,1,2,2)",
          NULL,
          run_unpool_sizes,
          { "max_unpool2d", "(1, 4, 4)", "one number, two or" } },
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
    return fr_apply_max_pool("max_pool2d", &fr_max_pool2d_op, 2, x, kernel_size, options, NULL);
}

fr_extreme fr_max_pool2d_with_indices(fr_tensor *x, fr_shape kernel_size, const fr_max_pool_options *options)
{
    fr_extreme y;

    y.values = fr_apply_max_pool("max_pool2d_with_indices", &fr_max_pool2d_op, 2, x, kernel_size, options, &y.indices);
    return y;
}
