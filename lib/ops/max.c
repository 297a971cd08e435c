/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* max: the largest value, of all or along a dim. */
#include "ops/extreme.h"

static void forward(fr_op_call *call)
{
    fr_extreme_values(call, false);
}

static void forward_dim(fr_op_call *call)
{
    fr_extreme_dim(call, false);
}

FR_RUN(run, fr_max(in[0]))
FR_RUN(run_strided, fr_max(fr_transpose(in[0], 0, 1)))
FR_RUN(run_dim, fr_max_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_max_dim(in[0], -2, true))
FR_RUN(run_scalar_dim, fr_max_dim(in[0], -1, true))
FR_RUN(run_dim_strided, fr_max_dim(fr_transpose(in[0], 0, 2), 1, false))

const fr_op fr_max_op = {
    .name = "max",
    .formula = "y = the largest x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .saves_outputs = 1,
    .attributes_size = sizeof(fr_over),
    .dtypes = FR_ANY,
    .infer = fr_infer_extreme,
    .forward = forward,
    .backward = fr_extreme_backward,
    FR_CASES({ "values", "d(5,37)", "a.max()", run }, { "strided", "d(5,37)", "a.T.max()", run_strided },
             { "scalar", "n()", "a.max()", run }, { "ties", "v1,3,3,2,3(5)", "a.max()", run },
             { "nan", "v1,nan,0,nan(2,2)", "a.max()", run }, { "infinite", "v-inf,-inf(2)", "a.max()", run },
             { "int64", "i99(7,20)", "a.max()", run, .no_grad = true },
             { "none", "n(0,3)", NULL, run, { "max", "(0, 3)" } }),
};

fr_tensor *fr_max(fr_tensor *t)
{
    return fr_apply(&fr_max_op, &t, &(fr_over){ .all = true });
}

const fr_op fr_max_dim_op = {
    .name = "max_dim",
    .formula = "y = the largest x along a dim",
    .inputs = 1,
    .outputs = 2,
    .saves_inputs = FR_SAVES_NOTHING,
    .saves_outputs = 2,
    .attributes_size = sizeof(fr_over),
    .dtypes = FR_ANY,
    .null_gradients = true,
    .infer = fr_infer_extreme_dim,
    .forward = forward_dim,
    .backward = fr_extreme_dim_backward,
    FR_CASES({ "dim", "d(3,70)", "a.max(1).values", run_dim },
             { "keepdim", "d(9,4)", "a.max(0, keepdim=True).values", run_keepdim },
             { "inner", "d(2,70,3)", "a.max(1).values", run_dim },
             { "strided", "d(2,3,4)", "a.transpose(0, 2).max(1).values", run_dim_strided },
             { "scalar", "n()", "a", run_scalar_dim },
             { "ties", "v1,3,3,3,2,3,0,0,0(3,3)", "a.max(1).values", run_dim },
             { "nan", "v1,nan,0,nan,-inf,-inf(2,3)", "a.max(1).values", run_dim },
             { "empty other", "n(0,3)", "a.max(1).values", run_dim },
             { "int64", "i9(3,70)", "a.max(1).values", run_dim, .no_grad = true },
             { "none", "n(3,0)", NULL, run_dim, { "max_dim", "(3, 0)", "dim 1" } },
             { "range", "n(4)", NULL, run_dim, { "max_dim", "dim 1", "(4,)" } }),
};

fr_tensor *fr_max_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_over_dim("max_dim", &fr_max_dim_op, t, dim, keepdim);
}
