/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* max: the largest value of all or along a dim, or NaN if there is one. */
#include "ops/reduce/max_min.h"

#define REDUCER max
#define REDUCER_INT64
#define STATE  T
#define INIT   FR_LOWEST(T)
#define STEP   x > s || FR_IS_NAN(x) ? x : s
#define MERGE  o > s || FR_IS_NAN(o) ? o : s
#define RESULT s
#include "kernels/make_reducer.h"

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, max_reducer);
}

static void dim_forward(fr_op_call *call)
{
    fr_max_min_dim_forward(call, fr_argmax_reducer);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_reduce(w, call, "-INFINITY", "s >= x || s != s ? s : x", "s");
}

static bool dim_c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_max_min(w, call, false);
}

#define NAME max
#include "ops/reduce/max_min_cases.h"

const fr_op fr_max_op = {
    .name = "max",
    .formula = "y = the largest x",
    .shapes = "(*) -> ()",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = 1,
    .saves_outputs = 1,
    .attributes_size = sizeof(fr_reduce_attributes),
    .dtypes = FR_ANY,
    .infer = fr_infer_max_min,
    .forward = forward,
    .backward = fr_max_min_backward,
    .c_code = c_code,
    .onnx_name = "ReduceMax",
    .onnx = fr_onnx_reduce,
    .cases = CASES,
};

const fr_op fr_max_dim_op = {
    .name = "max_dim",
    .formula = "y = the largest x along a dim",
    .shapes = "(*,N,**) -> (*,**) (*,**) or (*,1,**) (*,1,**)",
    .inputs = 1,
    .outputs = 2,
    .saves_inputs = FR_SAVES_NOTHING,
    .saves_outputs = 2,
    .attributes_size = sizeof(fr_reduce_attributes),
    .dtypes = FR_ANY,
    .null_gradients = true,
    .infer = fr_infer_max_min_dim,
    .forward = dim_forward,
    .backward = fr_max_min_dim_backward,
    .c_code = dim_c_code,
    .onnx_name = "ReduceMax",
    .onnx = fr_onnx_max_min_dim,
    .cases = DIM_CASES,
};

fr_tensor *fr_max(fr_tensor *t)
{
    return fr_apply(&fr_max_op, &t, &(fr_reduce_attributes){ .all = true });
}

fr_tensor *fr_max_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_reduction("max_dim", &fr_max_dim_op, t, (fr_reduce_attributes){ .dim = dim, .keepdim = keepdim },
                              NULL);
}

fr_extreme fr_max_dim_indices(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_max_min("max_dim_indices", &fr_max_dim_op, t, dim, keepdim);
}
