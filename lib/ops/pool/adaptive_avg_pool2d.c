/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* adaptive_avg_pool2d: as adaptive_avg_pool1d, for height and width. */
#include "ops/pool/pool.h"

FR_RUN(run, fr_adaptive_avg_pool2d(in[0], FR_SHAPE(2, 3)))
FR_RUN(run_one, fr_adaptive_avg_pool2d(in[0], FR_SHAPE(1)))
FR_RUN(run_kept, fr_adaptive_avg_pool2d(in[0], FR_SHAPE(2, -1)))
FR_RUN(run_nothing, fr_adaptive_avg_pool2d(in[0], FR_SHAPE(0, 2)))
FR_RUN(run_less, fr_adaptive_avg_pool2d(in[0], FR_SHAPE(-2)))
FR_RUN(run_max, fr_adaptive_max_pool2d(in[0], FR_SHAPE(2, 3)))
FR_RUN(run_max_one, fr_adaptive_max_pool2d(in[0], FR_SHAPE(1)))
FR_RUN(run_max_kept, fr_adaptive_max_pool2d(in[0], FR_SHAPE(2, -1)))
FR_RUN(run_max1, fr_adaptive_max_pool1d(in[0], 3))
FR_RUN(run_max1_nothing, fr_adaptive_max_pool1d(in[0], 0))
FR_RUN(run_max1_less, fr_adaptive_max_pool1d(in[0], -1))

const fr_op fr_adaptive_avg_pool2d_op = {
    .name = "adaptive_avg_pool2d",
    .formula = "y[p][q] = the mean of x over window p along H and window q along W, as in adaptive_avg_pool1d",
    .shapes = "(*,H,W) -> (*,H',W')",
    FR_AVG_POOL_OP,
    FR_CASES({ "divides", "n(2,3,4,6)", "F.adaptive_avg_pool2d(a, (2, 3))", run },
             { "overlaps", "n(2,3,5,7)", "F.adaptive_avg_pool2d(a, (2, 3))", run },
             { "repeats", "n(2,3,1,2)", "F.adaptive_avg_pool2d(a, (2, 3))", run },
             { "unbatched", "n(3,5,7)", "F.adaptive_avg_pool2d(a, (2, 3))", run },
             { "one", "n(2,3,5,7)", "F.adaptive_avg_pool2d(a, 1)", run_one },
             { "kept", "n(2,3,5,7)", "F.adaptive_avg_pool2d(a, (2, None))", run_kept },
             { "to nothing", "n(2,3,5,7)", "a[:, :, :0, :2]", run_nothing },
             { "no images", "n(0,3,5,7)", "F.adaptive_avg_pool2d(a, (2, 3))", run },
             { "max, divides", "d(2,3,4,6)", "F.adaptive_max_pool2d(a, (2, 3))", run_max },
             { "max, overlaps", "d(2,3,5,7)", "F.adaptive_max_pool2d(a, (2, 3))", run_max },
             { "max, repeats", "d(2,3,1,2)", "F.adaptive_max_pool2d(a, (2, 3))", run_max },
             { "max, unbatched", "d(3,5,7)", "F.adaptive_max_pool2d(a, (2, 3))", run_max },
             { "max, one", "d(2,3,5,7)", "F.adaptive_max_pool2d(a, 1)", run_max_one },
             { "max, kept", "d(2,3,5,7)", "F.adaptive_max_pool2d(a, (2, None))", run_max_kept },
             { "max, ties", "v1,2,2,2,3,3,3,3,1,3,3,0(1,3,4)", "F.adaptive_max_pool2d(a, (2, 3))", run_max },
             { "max, no images", "n(0,3,5,7)", "F.adaptive_max_pool2d(a, (2, 3))", run_max },
             { "max1d", "d(2,3,7)", "F.adaptive_max_pool1d(a, 3)", run_max1 },
             { "max1d, unbatched", "d(3,2)", "F.adaptive_max_pool1d(a, 3)", run_max1 },
             { "max1d, to nothing", "d(2,3,7)", "a[:, :, :0]", run_max1_nothing },
             { "no values", "n(2,3,0,4)", NULL, run, { "adaptive_avg_pool2d", "(2, 3, 0, 4)", "without values" } },
             { "dims", "n(7,2)", NULL, run, { "adaptive_avg_pool2d", "(7, 2)", "(N, C, H, W) or (C, H, W)" } },
             { "size", "n(2,3,7)", NULL, run_less, { "adaptive_avg_pool2d", "output_size is (-2,)" } },
             { "max, no values", "n(2,0,3)", NULL, run_max, { "adaptive_max_pool2d", "(2, 0, 3)", "without values" } },
             { "max, dims", "n(7,2)", NULL, run_max, { "adaptive_max_pool2d", "(7, 2)", "(N, C, H, W) or (C, H, W)" } },
             { "max, size", "n(2,3,7)", NULL, run_max1_less, { "adaptive_max_pool1d", "output_size is (-1,)" } })
};

bool fr_read_output_size(const char *what, int dims, const fr_shape *size, int64_t out_size[FR_SPATIAL_DIMS])
{
    return fr_read_window_option(what, "output_size", size, size, dims, dims == 2 ? -1 : 0, out_size);
}

fr_tensor *fr_adaptive_avg_pool2d(fr_tensor *x, fr_shape output_size)
{
    const char *what = fr_adaptive_avg_pool2d_op.name;
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_pool_attributes a = { .pool = { .adaptive = true, .window.dims = 2 } };
    int64_t *out = a.pool.window.out_size;
    fr_tensor *y = NULL;

    if (fr_check_argument(what, x, "x") && fr_read_output_size(what, 2, &output_size, out)) {
        for (int i = 0; i < 2; i++)
            if (out[i] < 0)
                out[i] = fr_dim(x, i - 2);
        y = fr_apply(&fr_adaptive_avg_pool2d_op, &x, &a);
    }
    fr_finish(th, before);
    return y;
}
