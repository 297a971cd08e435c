/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* std: the root of the unbiased variance, of all values or along a dim; its gradient is 0 where it is 0. */
#include "ops/variance.h"

#define DEVIATION(NAME, T)                                                                                             \
    FR_REDUCER(NAME, T, fr_moments, T, (fr_moments){ 0 }, fr_moments_add(s, (double)x), fr_moments_merge(s, o),        \
               (T)sqrt(fr_moments_variance(s)))

DEVIATION(std_f32, float)
DEVIATION(std_f64, double)

static void forward(fr_op_call *call)
{
    fr_reduce(call, 0, &std_f32, &std_f64, NULL);
}

static void backward(fr_op_call *call)
{
    fr_tensor *twice = fr_mul_scalar(call->result[0], 2);

    call->grad_in[0] = fr_var_gradient(call, fr_div_or_zero(call->grad_out[0], twice));
}

FR_RUN(run, fr_std(in[0]))
FR_RUN(run_dim, fr_std_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_std_dim(in[0], -1, true))
FR_RUN(run_strided, fr_std_dim(fr_transpose(in[0], 0, 2), 1, false))

const fr_op fr_std_op = {
    .name = "std",
    .formula = "y = sqrt(sum((x - mean)^2) / (n - 1))",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .saves_outputs = 1,
    .attributes_size = sizeof(fr_over),
    .infer = fr_infer_reduced,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "all", "n(5,37)", "a.std()", run }, { "dim", "n(2,7,3)", "a.std(1)", run_dim },
             { "inner", "n(2,50,3)", "a.std(1)", run_dim },
             { "keepdim", "n(2,131)", "a.std(-1, keepdim=True)", run_keepdim },
             { "strided", "n(2,3,4)", "a.transpose(0, 2).std(1)", run_strided },
             { "equal", "v0.1,0.1,0.1,1,2,3(2,3)", "a.std(1)", run_dim }, { "one", "v2,3(2,1)", "a.std(1)", run_dim },
             { "scalar", "v2()", "a.std()", run }, { "infinite", "v1,inf,nan,1(2,2)", "a.std(1)", run_dim },
             { "empty", "n(0,3)", "a.std()", run, .no_grad = true }, { "empty other", "n(0,3)", "a.std(1)", run_dim },
             { "int64", "i5(3)", NULL, run, { "std", "int64" } },
             { "range", "n(4)", NULL, run_dim, { "std", "dim 1", "(4,)" } }),
};

fr_tensor *fr_std(fr_tensor *t)
{
    return fr_apply(&fr_std_op, &t, &(fr_over){ .all = true });
}

fr_tensor *fr_std_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_over_dim("std_dim", &fr_std_op, t, dim, keepdim);
}
