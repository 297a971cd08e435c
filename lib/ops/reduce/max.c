/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* max: the largest value, of all or along a dim. */
#include "ops/reduce/max_min.h"

FR_EXTREME(max, false)

const fr_op fr_max_op = { FR_EXTREME_OP(max, "y = the largest x"), .onnx_name = "ReduceMax" };
const fr_op fr_max_dim_op = { FR_EXTREME_DIM_OP(max, "y = the largest x along a dim"), .onnx_name = "ReduceMax" };

FR_EXTREME_FUNCTIONS(max)
