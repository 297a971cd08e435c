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

const fr_op fr_max_pool1d_op = {
    .name = "max_pool1d",
    .formula = "y[p] = the largest of x[p stride - padding + k dilation]",
    .shapes = "(*,L) -> (*,L')",
    FR_MAX_POOL_OP,
    FR_CASES({ "default", "d(2,3,7)", "F.max_pool1d(a, 2)", run }, { "unbatched", "d(3,8)", "F.max_pool1d(a, 2)", run },
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
             { "no images", "n(0,3,7)", "F.max_pool1d(a, 2)", run },
             { "no channels", "n(2,0,7)", "a[:, :, 1::2]", run },
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
    return fr_apply_max_pool(&fr_max_pool1d_op, 1, x, FR_SHAPE(kernel_size), options);
}
