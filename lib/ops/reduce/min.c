/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* min: the smallest value, of all or along a dim. */
#include "ops/reduce/max_min.h"

FR_EXTREME(min, true)

const fr_op fr_min_op = { FR_EXTREME_OP(min, "y = the smallest x"), .onnx_name = "ReduceMin" };
const fr_op fr_min_dim_op = { FR_EXTREME_DIM_OP(min, "y = the smallest x along a dim"), .onnx_name = "ReduceMin" };

FR_EXTREME_FUNCTIONS(min)
