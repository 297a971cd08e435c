/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* var: unbiased variance, of all values or along a dim: squares of the deviations from the mean, over n - 1. */
#include "ops/variance.h"

#define VARIANCE(NAME, T)                                                                                              \
    FR_REDUCER(NAME, T, fr_moments, T, (fr_moments){ 0 }, fr_moments_add(s, (double)x), fr_moments_merge(s, o),        \
               (T)fr_moments_variance(s))

VARIANCE(var_f32, float)
VARIANCE(var_f64, double)

static void forward(fr_op_call *call)
{
    fr_reduce(call, 0, &var_f32, &var_f64, NULL);
}

fr_tensor *fr_var_gradient(const fr_op_call *call, fr_tensor *g)
{
    const fr_over *over = call->attributes;
    fr_tensor *x = call->in[0], *mean = over->all ? fr_mean(x) : fr_mean_dim(x, over->dim, true);
    fr_split split = fr_split_of(&call->in_shape[0], over);

    return fr_mul(fr_kept(call, fr_mul_scalar(g, 2.0 / (double)(split.n - 1))), fr_sub(x, mean));
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_var_gradient(call, call->grad_out[0]);
}

FR_RUN(run, fr_var(in[0]))
FR_RUN(run_dim, fr_var_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_var_dim(in[0], -1, true))
FR_RUN(run_strided, fr_var_dim(fr_transpose(in[0], 0, 2), 1, false))

const fr_op fr_var_op = {
    .name = "var",
    .formula = "y = sum((x - mean)^2) / (n - 1)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .attributes_size = sizeof(fr_over),
    .infer = fr_infer_reduced,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "all", "n(5,37)", "a.var()", run }, { "dim", "n(2,7,3)", "a.var(1)", run_dim },
             { "inner", "n(2,50,3)", "a.var(1)", run_dim },
             { "keepdim", "n(2,131)", "a.var(-1, keepdim=True)", run_keepdim },
             { "strided", "n(2,3,4)", "a.transpose(0, 2).var(1)", run_strided },
             { "offset", "v1000000,1000001,1000002,1000004(4)", "a.var()", run },
             { "equal", "v0.1,0.1,0.1(3)", "a.var()", run }, { "one", "v2,3(2,1)", "a.var(1)", run_dim },
             { "scalar", "v2()", "a.var()", run }, { "infinite", "v1,inf,nan,1(2,2)", "a.var(1)", run_dim },
             { "empty", "n(0,3)", "a.var()", run }, { "empty dim", "n(3,0)", "a.var(1)", run_dim },
             { "empty other", "n(0,3)", "a.var(1)", run_dim }, { "int64", "i5(3)", NULL, run, { "var", "int64" } },
             { "range", "n(4)", NULL, run_dim, { "var", "dim 1", "(4,)" } }),
};

fr_tensor *fr_var(fr_tensor *t)
{
    return fr_apply(&fr_var_op, &t, &(fr_over){ .all = true });
}

fr_tensor *fr_var_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_over_dim("var_dim", &fr_var_op, t, dim, keepdim);
}
