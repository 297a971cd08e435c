/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* mean: the sum divided by the number of values, over all values or one dim. The mean of no values is NaN. */
#include "ops/reduce/reduce.h"

/* The sum is rounded to T before it is divided, as in PyTorch. */
#define REDUCER mean
#define STATE   double
#define INIT    0
#define STEP    (s + (double)x)
#define STEP4   FR_SUM4(T, s, x0, x1, x2, x3)
#define MERGE   (s + o)
#define RESULT  ((T)s / (T)n)
#include "kernels/make_reducer.h"

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, mean_reducer);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_reduce(w, call, "0", "s + x", "s / n");
}

static void backward(fr_op_call *call)
{
    fr_dim_sizes sizes = fr_dim_sizes_of(&call->in_shape[0], call->attributes);
    fr_tensor *part = fr_div_scalar(call->grad_out[0], sizes.n > 0 ? (double)sizes.n : 1);

    call->grad_in[0] = fr_expand(fr_keepdim(call, part), call->in_shape[0]);
}

FR_RUN(run, fr_mean(in[0]))
FR_RUN(run_dim, fr_mean_dim(in[0], -2, false))
FR_RUN(run_keepdim, fr_mean_dim(in[0], 0, true))
FR_RUN(run_strided, fr_mean_dim(fr_transpose(in[0], 0, 1), 0, true))
FR_RUN(run_range, fr_mean_dim(in[0], -3, false))
FR_RUN(run_dims, fr_mean_dims(in[0], (fr_shape){ 2, { 0, -1 } }, false))
FR_RUN(run_dims_kept, fr_mean_dims(in[0], (fr_shape){ 2, { 2, 1 } }, true))

const fr_op fr_mean_op = {
    FR_REDUCTION_OP("mean", fr_infer_reduced),
    .formula = "y = the mean of x over all dims or one",
    .derivative = "dL/dx = dL/dy / n in each of the n places",
    .saves_inputs = FR_SAVES_NOTHING,
    .backward = backward,
    .jvp = fr_jvp_linear,
    .onnx_name = "ReduceMean",
    .onnx = fr_onnx_reduce,
    FR_CASES({ "all", "n(5,37)", "a.mean()", run }, { "dim", "n(2,3,4)", "a.mean(-2)", run_dim },
             { "keepdim", "n(7,4)", "a.mean(0, keepdim=True)", run_keepdim },
             { "strided", "n(7,4)", "a.transpose(0, 1).mean(0, keepdim=True)", run_strided },
             { "scalar", "n()", "a.mean()", run }, { "scalar dim", "n()", "a.mean(0, keepdim=True)", run_keepdim },
             { "empty", "n(0,3)", "a.mean()", run }, { "empty dim", "n(0,3)", "a.mean(0, keepdim=True)", run_keepdim },
             { "empty other", "n(3,0)", "a.mean(0, keepdim=True)", run_keepdim },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.mean(-2)", run_dim },
             { "infinite", "v1,inf,inf,-inf,nan,1(2,3)", "a.mean(-2)", run_dim },
             { "int64", "i5(3)", NULL, run, { "mean", "int64", "fr_cast" } },
             { "dims", "n(3,4,5)", "a.mean((0, -1))", run_dims }, { "all dims", "n(3,4)", "a.mean((0, -1))", run_dims },
             { "dims kept", "n(3,4,5)", "a.mean((2, 1), keepdim=True)", run_dims_kept },
             { "dims range", "n(2,3)", NULL, run_dims_kept, { "mean_dims", "dim 2", "(2, 3)" } },
             { "range", "n(4,3)", NULL, run_range, { "mean", "-3", "(4, 3)" } }),
};

fr_tensor *fr_mean(fr_tensor *t)
{
    return fr_apply(&fr_mean_op, &t, &(fr_reduce_attributes){ .all = true });
}

fr_tensor *fr_mean_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_reduction("mean_dim", &fr_mean_op, t, (fr_reduce_attributes){ .dim = dim, .keepdim = keepdim },
                              NULL);
}

fr_tensor *fr_mean_dims(fr_tensor *t, fr_shape dims, bool keepdim)
{
    return fr_apply_reduction_dims("mean_dims", &fr_mean_op, t, &dims, keepdim, 0);
}
