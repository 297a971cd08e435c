/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* argmax: the position of the largest value along a dim, as int64: the first of several, or of NaN if there is one. It
 * has no gradient. */
#define NAME argmax
#define MIN  false
#include "ops/reduce/argmax_op.h"

const fr_op fr_argmax_op = { ARGMAX_OP, .formula = "y = the first i at which x[..., i, ...] is largest",
                             .onnx_name = "ArgMax" };

fr_tensor *fr_argmax(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply(&fr_argmax_op, &t, &(fr_reduce_attributes){ .dim = dim, .keepdim = keepdim });
}
