/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* argmin: where the smallest value along a dim stands, as int64. No gradient. */
#include "ops/extreme.h"

static void forward(fr_op_call *call)
{
    fr_extreme_positions(call, 0, true);
}

FR_RUN(run, fr_argmin(in[0], 1, false))
FR_RUN(run_keepdim, fr_argmin(in[0], -2, true))
FR_RUN(run_strided, fr_argmin(fr_transpose(in[0], 0, 1), 1, false))
FR_RUN(run_scalar, fr_argmin(in[0], -1, true))

const fr_op fr_argmin_op = {
    .name = "argmin",
    .formula = "y = the first i at which x[..., i, ...] is smallest",
    .inputs = 1,
    .outputs = 1,
    .attributes_size = sizeof(fr_over),
    .dtypes = FR_ANY,
    .infer = fr_infer_position,
    .forward = forward,
    FR_CASES({ "dim", "n(3,70)", "a.argmin(1)", run, .no_grad = true },
             { "keepdim", "n(2,9,4)", "a.argmin(1, keepdim=True)", run_keepdim, .no_grad = true },
             { "inner", "n(2,70,3)", "a.argmin(1)", run, .no_grad = true },
             { "strided", "n(9,4)", "a.T.argmin(1)", run_strided, .no_grad = true },
             { "scalar", "n()", "a.argmin(0)", run_scalar, .no_grad = true },
             { "ties", "v1,3,3,3,2,3,0,0,0(3,3)", "a.argmin(1)", run, .no_grad = true },
             { "nan", "v1,nan,nan,nan,-inf,-inf(2,3)", "a.argmin(1)", run, .no_grad = true },
             { "infinite", "v-inf,-inf,inf,inf(2,2)", "a.argmin(1)", run, .no_grad = true },
             { "int64", "i5(3,70)", "a.argmin(1)", run, .no_grad = true },
             { "empty other", "n(0,3)", "a.argmin(1)", run, .no_grad = true },
             { "none", "n(3,0)", NULL, run, { "argmin", "(3, 0)", "dim 1" } },
             { "range", "n(4)", NULL, run, { "argmin", "dim 1", "(4,)" } }),
};

fr_tensor *fr_argmin(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply(&fr_argmin_op, &t, &(fr_over){ .dim = dim, .keepdim = keepdim });
}
