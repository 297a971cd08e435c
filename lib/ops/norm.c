/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* norm: Euclidean, of all values or along a dim: the root of the sum of squares; its gradient is x / y, 0 where y is.
 */
#include "ops/reduce.h"

#define NORM(NAME, T) FR_REDUCER(NAME, T, double, T, 0, s + (double)x * (double)x, s + o, (T)sqrt(s))

NORM(norm_f32, float)
NORM(norm_f64, double)

static void forward(fr_op_call *call)
{
    fr_reduce(call, 0, &norm_f32, &norm_f64, NULL);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->in[0], fr_kept(call, fr_div_or_zero(call->grad_out[0], call->result[0])));
}

FR_RUN(run, fr_norm(in[0]))
FR_RUN(run_dim, fr_norm_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_norm_dim(in[0], -1, true))
FR_RUN(run_strided, fr_norm_dim(fr_transpose(in[0], 0, 2), 1, false))

const fr_op fr_norm_op = {
    .name = "norm",
    .formula = "y = sqrt(sum(x^2))",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .saves_outputs = 1,
    .attributes_size = sizeof(fr_over),
    .infer = fr_infer_reduced,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "all", "n(5,37)", "a.norm()", run }, { "dim", "n(2,7,3)", "a.norm(dim=1)", run_dim },
             { "inner", "n(2,50,3)", "a.norm(dim=1)", run_dim },
             { "keepdim", "n(2,131)", "a.norm(dim=-1, keepdim=True)", run_keepdim },
             { "strided", "n(2,3,4)", "a.transpose(0, 2).norm(dim=1)", run_strided },
             { "zero", "v0,0,3,4(2,2)", "a.norm(dim=1)", run_dim }, { "scalar", "n()", "a.norm()", run },
             { "infinite", "v1,inf,nan,1(2,2)", "a.norm(dim=1)", run_dim }, { "empty", "n(0,3)", "a.norm()", run },
             { "empty dim", "n(3,0)", "a.norm(dim=1)", run_dim }, { "empty other", "n(0,3)", "a.norm(dim=1)", run_dim },
             { "int64", "i5(3)", NULL, run, { "norm", "int64" } },
             { "range", "n(4)", NULL, run_dim, { "norm", "dim 1", "(4,)" } }),
};

fr_tensor *fr_norm(fr_tensor *t)
{
    return fr_apply(&fr_norm_op, &t, &(fr_over){ .all = true });
}

fr_tensor *fr_norm_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_over_dim("norm_dim", &fr_norm_op, t, dim, keepdim);
}
