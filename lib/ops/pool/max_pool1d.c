/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* max_pool1d: y[p] = the largest over k of x[p stride - padding + k dilation]. Padding counts as -inf. */
#include "ops/pool/pool.h"

FR_RUN(run, fr_max_pool1d(in[0], 2, NULL))
FR_RUN(run_stride, fr_max_pool1d(in[0], 3, &(fr_max_pool_options){ .stride = FR_SHAPE(2) }))
FR_RUN(run_steps, fr_max_pool1d(in[0], 3, &(fr_max_pool_options){ .stride = FR_SHAPE(1) }))
FR_RUN(run_padding, fr_max_pool1d(in[0], 3, &(fr_max_pool_options){ .padding = FR_SHAPE(1) }))
FR_RUN(run_dilation, fr_max_pool1d(in[0], 3, &(fr_max_pool_options){ .stride = FR_SHAPE(1), .dilation = FR_SHAPE(2) }))
FR_RUN(run_ceil, fr_max_pool1d(in[0], 3, &(fr_max_pool_options){ .stride = FR_SHAPE(2), .ceil_mode = true }))
FR_RUN(run_ceil_gap, fr_max_pool1d(in[0], 1, &(fr_max_pool_options){ .stride = FR_SHAPE(4), .ceil_mode = true }))
FR_RUN(run_all,
       fr_max_pool1d(in[0], 2,
                     &(fr_max_pool_options){
                         .stride = FR_SHAPE(3), .padding = FR_SHAPE(1), .dilation = FR_SHAPE(3), .ceil_mode = true }))
FR_RUN(run_strided, fr_max_pool1d(fr_transpose(in[0], 0, 2), 2, NULL))
FR_RUN(run_none, fr_max_pool1d(in[0], 0, NULL))
FR_RUN(run_stride_0, fr_max_pool1d(in[0], 2, &(fr_max_pool_options){ .stride = FR_SHAPE(0) }))
FR_RUN(run_too_padded, fr_max_pool1d(in[0], 3, &(fr_max_pool_options){ .padding = FR_SHAPE(2) }))
FR_RUN(run_missing,
       fr_max_pool1d(in[0], 2,
                     &(fr_max_pool_options){ .stride = FR_SHAPE(1), .padding = FR_SHAPE(1), .dilation = FR_SHAPE(3) }))
FR_RUN(run_dilation_0, fr_max_pool1d(in[0], 2, &(fr_max_pool_options){ .dilation = FR_SHAPE(0) }))
FR_RUN(run_reserved, fr_max_pool1d(in[0], 2, &(fr_max_pool_options){ .reserved = { in[0] } }))
FR_RUN(run_indices, fr_max_pool1d_with_indices(in[0], 2, NULL).indices)
FR_RUN(run_indices_all, fr_max_pool1d_with_indices(in[0], 2,
                                                   &(fr_max_pool_options){ .stride = FR_SHAPE(3),
                                                                           .padding = FR_SHAPE(1),
                                                                           .dilation = FR_SHAPE(3),
                                                                           .ceil_mode = true })
                            .indices)
FR_RUN(run_values, fr_max_pool1d_with_indices(in[0], 3, &(fr_max_pool_options){ .stride = FR_SHAPE(2) }).values)

#ifdef FR_TESTS
/* Pools and unpools. */
static fr_tensor *there_and_back(fr_tensor *x, int64_t kernel, fr_shape stride, fr_shape padding, fr_shape output_size)
{
    fr_extreme y =
        fr_max_pool1d_with_indices(x, kernel, &(fr_max_pool_options){ .stride = stride, .padding = padding });
    fr_max_unpool_options o = { .stride = stride, .padding = padding, .output_size = output_size };

    return fr_max_unpool1d(y.values, y.indices, kernel, &o);
}
#endif
FR_RUN(run_back, there_and_back(in[0], 2, FR_SHAPE(2), FR_SHAPE(0), (fr_shape){ 0 }))
FR_RUN(run_back_apart, there_and_back(in[0], 3, FR_SHAPE(4), FR_SHAPE(1), FR_SHAPE(10)))
FR_RUN(run_back_dense, there_and_back(in[0], 3, FR_SHAPE(1), FR_SHAPE(0), (fr_shape){ 0 }))
FR_RUN(run_back_longer, there_and_back(in[0], 2, FR_SHAPE(2), FR_SHAPE(0), FR_SHAPE(7)))
FR_RUN(run_back_whole, there_and_back(in[0], 2, FR_SHAPE(2), FR_SHAPE(0), fr_shape_of(in[0])))
FR_RUN(run_unpool, fr_max_unpool1d(in[0], fr_argsort(in[1], -1, false), 2, NULL))
FR_RUN(run_unpool_given, fr_max_unpool1d(in[0], in[1], 2, NULL))
FR_RUN(run_unpool_negative, fr_max_unpool1d(in[0], fr_sub_scalar(in[1], 9), 2, NULL))
FR_RUN(run_unpool_far, fr_max_unpool1d(in[0], in[1], 2, &(fr_max_unpool_options){ .output_size = FR_SHAPE(8) }))
FR_RUN(run_unpool_sizes, fr_max_unpool1d(in[0], in[1], 2, &(fr_max_unpool_options){ .output_size = FR_SHAPE(6, 6) }))
FR_RUN(run_unpool_large, fr_max_unpool1d(in[0], in[1], 2, &(fr_max_unpool_options){ .stride = FR_SHAPE(INT64_MAX) }))

const fr_op fr_max_pool1d_op = {
    .name = "max_pool1d",
    .formula = "y[p] = the largest of x[p stride - padding + k dilation]",
    .shapes = "(*,L) -> (*,L') (*,L')",
    FR_MAX_POOL_OP,
    FR_CASES(
        { "default", "d(2,3,7)", "F.max_pool1d(a, 2)", run }, { "unbatched", "d(3,8)", "F.max_pool1d(a, 2)", run },
        { "stride", "d(2,3,8)", "F.max_pool1d(a, 3, 2)", run_stride },
        { "steps", "d(2,3,8)", "F.max_pool1d(a, 3, 1)", run_steps },
        { "padding", "d(2,3,8)", "F.max_pool1d(a, 3, padding=1)", run_padding },
        { "dilation", "d(2,3,8)", "F.max_pool1d(a, 3, 1, dilation=2)", run_dilation },
        { "ceil", "d(2,3,8)", "F.max_pool1d(a, 3, 2, ceil_mode=True)", run_ceil },
        { "ceil, exact", "d(2,3,7)", "F.max_pool1d(a, 3, 2, ceil_mode=True)", run_ceil },
        { "ceil, small", "d(2,3,2)", "F.max_pool1d(a, 3, 2, ceil_mode=True)", run_ceil },
        { "ceil, no more", "d(1,1,4)", "F.max_pool1d(a, 1, 4, ceil_mode=True)", run_ceil_gap },
        { "all", "d(2,3,9)", "F.max_pool1d(a, 2, 3, 1, 3, True)", run_all },
        { "strided", "d(8,3,2)", "F.max_pool1d(a.transpose(0, 2), 2)", run_strided },
        { "ties", "v3,3,1,2,2,5,5,5(1,2,4)", "F.max_pool1d(a, 3, 1)", run_steps },
        { "nan", "v1,nan,2,nan,3,4,5,nan(1,1,8)", "F.max_pool1d(a, 3, 1)", run_steps },
        { "infinite", "v-inf,-inf,-inf,inf,inf,1(1,1,6)", "F.max_pool1d(a, 3, padding=1)", run_padding },
        { "indices", "d(2,3,7)", "F.max_pool1d(a, 2, return_indices=True)[1]", run_indices, .no_grad = true },
        { "indices, all", "d(2,3,9)", "F.max_pool1d(a, 2, 3, 1, 3, True, True)[1]", run_indices_all, .no_grad = true },
        { "indices of ties", "v3,3,3,3,2,5,5,5,nan,nan(1,2,5)", "F.max_pool1d(a, 2, return_indices=True)[1]",
          run_indices, .no_grad = true },
        { "indices of nan", "v1,nan,nan,2,3,nan,4,5(1,1,8)", "F.max_pool1d(a, 2, return_indices=True)[1]", run_indices,
          .no_grad = true },
        { "values of both", "d(3,8)", "F.max_pool1d(a, 3, 2, return_indices=True)[0]", run_values },
        { "unpool", "d(2,3,8)", "(lambda y, i: F.max_unpool1d(y, i, 2))(*F.max_pool1d(a, 2, return_indices=True))",
          run_back },
        { "unpool apart", "d(3,10)",
          "(lambda y, i: F.max_unpool1d(y, i, 3, 4, 1, (10,)))(*F.max_pool1d(a, 3, 4, 1, return_indices=True))",
          run_back_apart },
        { "unpool overlapping", "d(2,9)",
          "(lambda y, i: F.max_unpool1d(y, i, 3, 1))(*F.max_pool1d(a, 3, 1, return_indices=True))", run_back_dense,
          .no_grad = true },
        { "unpool longer", "d(2,1,7)",
          "(lambda y, i: F.max_unpool1d(y, i, 2, output_size=(7,)))(*F.max_pool1d(a, 2, return_indices=True))",
          run_back_longer },
        { "unpool whole", "d(2,2,7)",
          "(lambda y, i: F.max_unpool1d(y, i, 2, output_size=a.shape))(*F.max_pool1d(a, 2, return_indices=True))",
          run_back_whole },
        { "unpool given", "n(2,3,4) d(2,3,4)", "F.max_unpool1d(a, b.argsort(-1), 2)", run_unpool },
        { "unpool dtype", "n(1,1,3) v9,9,9(1,1,3)", NULL, run_unpool_given, { "max_unpool1d", "float32", "int64" } },
        { "unpool none", "n(1,2,0) i2(1,2,0)", NULL, run_unpool_given, { "max_unpool1d", "without values" } },
        { "unpool negative",
          "n(2,3) i9(2,3)",
          NULL,
          run_unpool_negative,
          { "max_unpool1d", "index -", "dim 1 of size 6" } },
        { "unpool shapes", "n(2,3) i2(2,2)", NULL, run_unpool_given, { "max_unpool1d", "(2, 2)", "(2, 3)" } },
        { "unpool dims", "n(3) i2(3)", NULL, run_unpool_given, { "max_unpool1d", "(3,)", "(N, C, L) or (C, L)" } },
        { "unpool far", "n(2,3) i2(2,3)", NULL, run_unpool_far, { "max_unpool1d", "(8,)", "stride, 2", "from 6" } },
        { "unpool sizes", "n(1,2,3) i2(1,2,3)", NULL, run_unpool_sizes, { "max_unpool1d", "(6, 6)", "one number" } },
        { "unpool large", "n(2,3) i2(2,3)", NULL, run_unpool_large, { "max_unpool1d", "(2, 3)", "too large" } },
        { "no images", "n(0,3,7)", "F.max_pool1d(a, 2)", run }, { "no channels", "n(2,0,7)", "a[:, :, 1::2]", run },
        { "dims", "n(7)", NULL, run, { "max_pool1d", "(7,)", "(N, C, L) or (C, L)" } },
        { "no values", "n(2,3,0)", NULL, run, { "max_pool1d", "(2, 3, 0)", "without values" } },
        { "small", "n(2,3,1)", NULL, run, { "max_pool1d", "dim 2 of shape (2, 3, 1)", "no window fits" } },
        { "kernel 0", "n(2,3,1)", NULL, run_none, { "max_pool1d", "kernel_size is (0,)", "1 or more" } },
        { "stride 0", "n(2,3,5)", NULL, run_stride_0, { "max_pool1d", "stride is (0,)", "1 or more" } },
        { "dilation 0", "n(2,3,5)", NULL, run_dilation_0, { "max_pool1d", "dilation is (0,)", "1 or more" } },
        { "too padded", "n(2,3,5)", NULL, run_too_padded, { "max_pool1d", "padding 2", "kernel of 3", "half" } },
        { "padding alone", "n(2,3,2)", NULL, run_missing, { "max_pool1d", "dim 2", "(2, 3, 2)", "alone" } },
        { "reserved", "n(2,3,5)", NULL, run_reserved, { "max_pool1d", "reserved[0]" } },
        { "int64", "i5(2,3,5)", NULL, run, { "max_pool1d", "int64" } })
};

fr_tensor *fr_max_pool1d(fr_tensor *x, int64_t kernel_size, const fr_max_pool_options *options)
{
    return fr_apply_max_pool("max_pool1d", &fr_max_pool1d_op, 1, x, FR_SHAPE(kernel_size), options, NULL);
}

fr_extreme fr_max_pool1d_with_indices(fr_tensor *x, int64_t kernel_size, const fr_max_pool_options *options)
{
    fr_extreme y;

    y.values = fr_apply_max_pool("max_pool1d_with_indices", &fr_max_pool1d_op, 1, x, FR_SHAPE(kernel_size), options,
                                 &y.indices);
    return y;
}
