/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* argmin: the position of the smallest value along a dim, as int64: the first of several, or of NaN if there is one. It
 * has no gradient. */
#define NAME argmin
#define MIN  true
#include "ops/reduce/argmax_op.h"

const fr_op fr_argmin_op = { ARGMAX_OP, .formula = "y = the first i at which x[..., i, ...] is smallest",
                             .onnx_name = "ArgMin" };

fr_tensor *fr_argmin(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply(&fr_argmin_op, &t, &(fr_reduce_attributes){ .dim = dim, .keepdim = keepdim });
}
