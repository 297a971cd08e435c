/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* max: the largest value of all or along a dim, or NaN if there is one. max_min.c has the gradients. */
#define NAME          max
#define BEATS(a, b)   ((a) > (b))
#define WORST         FR_LOWEST(T)
#define MIN           false
#define C_START       "-INFINITY"
#define C_STEP        "s >= x || s != s ? s : x"
#define C_START_INT64 "INT64_MIN"
#define C_STEP_INT64  "s >= x ? s : x"
#include "ops/reduce/max_min_op.h"

const fr_op fr_max_op = { MAX_MIN_OP, .formula = "y = the largest x", .onnx_name = "ReduceMax" };
const fr_op fr_max_dim_op = { MAX_MIN_DIM_OP, .formula = "y = the largest x along a dim", .onnx_name = "ReduceMax" };

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

fr_tensor *fr_amax(fr_tensor *t, fr_shape dims, bool keepdim)
{
    return fr_apply_reduction_dims("amax", &fr_max_op, t, &dims, keepdim, 0);
}
