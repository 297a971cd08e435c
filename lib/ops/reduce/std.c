/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* std: the standard deviation, y = sqrt(v) with the variance v that var.c computes, of all values or along a dim.
 *
 * By the chain rule dy/dx = (dv/dx) / (2 y), where dv/dx = 2 (x - mean) / (n - correction), which var.c derives. Where
 * y is 0 all x are equal, and the gradient is taken as 0, as in PyTorch. (x - mean) / y comes first: dy / y would
 * overflow for a small y. */
#include "ops/reduce/variance.h"

#define REDUCER std
#define STATE   fr_moments
#define INIT    ((fr_moments){ 0 })
#define STEP    fr_moments_add(s, (double)x)
#define MERGE   fr_moments_merge(s, o)
#define RESULT  ((T)sqrt(fr_moments_variance(s, p)))
#include "kernels/make_reducer.h"

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, std_reducer);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_variance(w, call, true);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_var_gradient(call, call->grad_out[0], call->result[0]);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_onnx_node(g, "Sqrt", FR_ONNX_NAMES(fr_onnx_variance(g, call)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_std(in[0]))
FR_RUN(run_dim, fr_std_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_std_dim(in[0], -1, true))
FR_RUN(run_strided, fr_std_dim(fr_transpose(in[0], 0, 2), 1, false))
#define WITH(...) fr_std_with(in[0], &(fr_variance_options){ __VA_ARGS__ })
FR_RUN(run_biased, WITH(.along = true, .dim = -1, .keepdim = true, .correction = FR_ZERO))
FR_RUN(run_correction, WITH(.correction = 2.5))
FR_RUN(run_reserved, WITH(.reserved[1] = in[0]))
FR_RUN(run_dims, fr_std_dims(in[0], (fr_shape){ 2, { 0, -1 } }, 1, false))
FR_RUN(run_dims_kept, fr_std_dims(in[0], (fr_shape){ 2, { 2, 1 } }, 0, true))
FR_RUN(run_dims_nan, fr_std_dims(in[0], (fr_shape){ 0 }, NAN, true))

const fr_op fr_std_op = {
    FR_REDUCTION_OP("std", fr_infer_variance),
    .formula = "y = sqrt(sum((x - mean)^2) / (n - correction))",
    .derivative = "dL/dx = dL/dy (x - mean) / (y (n - correction))",
    .saves_inputs = 1,
    .saves_outputs = 1,
    .backward = backward,
    .onnx = onnx,
    FR_CASES({ "all", "n(5,37)", "a.std()", run }, { "dim", "n(2,7,3)", "a.std(1)", run_dim },
             { "inner", "n(2,50,3)", "a.std(1)", run_dim },
             { "keepdim", "n(2,131)", "a.std(-1, keepdim=True)", run_keepdim },
             { "strided", "n(2,3,4)", "a.transpose(0, 2).std(1)", run_strided },
             { "equal", "v0.1,0.1,0.1,1,2,3(2,3)", "a.std(1)", run_dim }, { "one", "v2,3(2,1)", "a.std(1)", run_dim },
             { "scalar", "v2()", "a.std()", run }, { "infinite", "v1,inf,nan,1(2,2)", "a.std(1)", run_dim },
             { "empty", "n(0,3)", "a.std()", run, .no_grad = true }, { "empty other", "n(0,3)", "a.std(1)", run_dim },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.std(1)", run_dim },
             { "int64", "i5(3)", NULL, run, { "std", "int64" } },
             { "biased", "n(2,7,3)", "a.std(-1, correction=0, keepdim=True)", run_biased },
             { "correction", "n(5,7)", "a.std(dim=None, correction=2.5)", run_correction },
             { "reserved", "n(4)", NULL, run_reserved, { "std_with", "reserved[1]" } },
             { "dims", "n(3,4,5)", "a.std((0, -1))", run_dims },
             { "dims kept", "n(3,4,5)", "a.std((2, 1), correction=0, keepdim=True)", run_dims_kept },
             { "dims range", "n(2,3)", NULL, run_dims_kept, { "std_dims", "dim 2", "(2, 3)" } },
             { "dims nan", "n(2,3)", NULL, run_dims_nan, { "std_dims", "nan" } },
             { "range", "n(4)", NULL, run_dim, { "std", "dim 1", "(4,)" } }),
};

fr_tensor *fr_std(fr_tensor *t)
{
    return fr_apply(&fr_std_op, &t, &(fr_reduce_attributes){ .all = true, .p = 1 });
}

fr_tensor *fr_std_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_reduction("std_dim", &fr_std_op, t,
                              (fr_reduce_attributes){ .dim = dim, .keepdim = keepdim, .p = 1 }, NULL);
}

fr_tensor *fr_std_with(fr_tensor *t, const fr_variance_options *options)
{
    return fr_apply_variance("std_with", &fr_std_op, t, options);
}

fr_tensor *fr_std_dims(fr_tensor *t, fr_shape dims, double correction, bool keepdim)
{
    return fr_apply_reduction_dims("std_dims", &fr_std_op, t, &dims, keepdim, correction);
}
