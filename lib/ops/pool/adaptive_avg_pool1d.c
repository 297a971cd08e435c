/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* adaptive_avg_pool1d: the output size L' is given. y[i] is the mean of x[from] to x[to - 1], where from is i L / L'
 * rounded down and to is (i + 1) L / L' rounded up. */
#include "ops/pool/pool.h"

#include <inttypes.h>

FR_RUN(run, fr_adaptive_avg_pool1d(in[0], 3))
FR_RUN(run_one, fr_adaptive_avg_pool1d(in[0], 1))
FR_RUN(run_nothing, fr_adaptive_avg_pool1d(in[0], 0))
FR_RUN(run_huge, fr_adaptive_avg_pool1d(fr_expand(in[0], FR_SHAPE(1, INT64_C(1) << 40)), INT64_C(1) << 40))
FR_RUN(run_less, fr_adaptive_avg_pool1d(in[0], -1))

const fr_op fr_adaptive_avg_pool1d_op = {
    .name = "adaptive_avg_pool1d",
    .formula = "y[i] = the mean of x[floor(i L / L')], ..., x[ceil((i + 1) L / L') - 1]",
    .shapes = "(*,L) -> (*,L')",
    FR_AVG_POOL_OP,
    FR_CASES({ "divides", "n(2,3,6)", "F.adaptive_avg_pool1d(a, 3)", run },
             { "overlaps", "n(2,3,7)", "F.adaptive_avg_pool1d(a, 3)", run },
             { "repeats", "n(2,3,2)", "F.adaptive_avg_pool1d(a, 3)", run },
             { "unbatched", "n(3,7)", "F.adaptive_avg_pool1d(a, 3)", run },
             { "one", "n(2,3,70)", "F.adaptive_avg_pool1d(a, 1)", run_one },
             { "to nothing", "n(2,3,7)", "a[:, :, :0]", run_nothing },
             { "no images", "n(0,3,7)", "F.adaptive_avg_pool1d(a, 3)", run },
             { "no values", "n(2,3,0)", NULL, run, { "adaptive_avg_pool1d", "(2, 3, 0)", "without values" } },
             { "dims", "n(7)", NULL, run, { "adaptive_avg_pool1d", "(7,)", "(N, C, L) or (C, L)" } },
             { "huge", "n(1,1)", NULL, run_huge, { "adaptive_avg_pool1d", "(1, 1099511627776)", "too large" } },
             { "size", "n(2,3,7)", NULL, run_less, { "adaptive_avg_pool1d", "output_size -1", "0 or more" } })
};

fr_tensor *fr_adaptive_avg_pool1d(fr_tensor *x, int64_t output_size)
{
    const char *what = fr_adaptive_avg_pool1d_op.name;
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_pool_attributes a = { .pool = { .adaptive = true, .window = { .dims = 1, .out_size = { 1, output_size } } } };
    fr_tensor *y = NULL;

    if (output_size < 0)
        fr_fail(what, "output_size %" PRId64 ", expected 0 or more", output_size);
    else
        y = fr_apply(&fr_adaptive_avg_pool1d_op, &x, &a);
    fr_finish(th, before);
    return y;
}
