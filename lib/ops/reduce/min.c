/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* min: the smallest value of all or along a dim, or NaN if there is one. max_min.c has the gradients. */
#define NAME          min
#define BEATS(a, b)   ((a) < (b))
#define WORST         FR_HIGHEST(T)
#define MIN           true
#define C_START       "INFINITY"
#define C_STEP        "s <= x || s != s ? s : x"
#define C_START_INT64 "INT64_MAX"
#define C_STEP_INT64  "s <= x ? s : x"
#include "ops/reduce/max_min_op.h"

const fr_op fr_min_op = { MAX_MIN_OP, .formula = "y = the smallest x", .onnx_name = "ReduceMin" };
const fr_op fr_min_dim_op = { MAX_MIN_DIM_OP, .formula = "y = the smallest x along a dim", .onnx_name = "ReduceMin" };

fr_tensor *fr_min(fr_tensor *t)
{
    return fr_apply(&fr_min_op, &t, &(fr_reduce_attributes){ .all = true });
}

fr_tensor *fr_min_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_reduction("min_dim", &fr_min_dim_op, t, (fr_reduce_attributes){ .dim = dim, .keepdim = keepdim },
                              NULL);
}

fr_extreme fr_min_dim_indices(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_max_min("min_dim_indices", &fr_min_dim_op, t, dim, keepdim);
}

fr_tensor *fr_amin(fr_tensor *t, fr_shape dims, bool keepdim)
{
    return fr_apply_reduction_dims("amin", &fr_min_op, t, &dims, keepdim, 0);
}
