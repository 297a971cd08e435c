/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* argmin: where the smallest value along a dim stands, as int64. No gradient. */
#include "ops/reduce/max_min.h"

FR_POSITION(argmin, true)

const fr_op fr_argmin_op = { FR_POSITION_OP(argmin, "y = the first i at which x[..., i, ...] is smallest"),
                             .onnx_name = "ArgMin" };

fr_tensor *fr_argmin(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply(&fr_argmin_op, &t, &(fr_over){ .dim = dim, .keepdim = keepdim });
}
