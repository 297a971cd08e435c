/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* argmax: where the largest value along a dim stands, as int64. No gradient. */
#include "ops/reduce/max_min.h"

FR_POSITION(argmax, false)

const fr_op fr_argmax_op = { FR_POSITION_OP(argmax, "y = the first i at which x[..., i, ...] is largest"),
                             .onnx_name = "ArgMax" };

fr_tensor *fr_argmax(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply(&fr_argmax_op, &t, &(fr_over){ .dim = dim, .keepdim = keepdim });
}
