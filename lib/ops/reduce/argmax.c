/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* argmax: the position of the largest value along a dim, as int64: the first of several, or of NaN if there is one. It
 * has no gradient. */
#include "ops/reduce/max_min.h"

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, fr_argmax_reducer);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_max_min(w, call, false);
}

#define NAME argmax
#include "ops/reduce/argmax_cases.h"

const fr_op fr_argmax_op = {
    .name = "argmax",
    .formula = "y = the first i at which x[..., i, ...] is largest",
    .shapes = "(*,N,**) -> (*,**) or (*,1,**)",
    .inputs = 1,
    .outputs = 1,
    .attributes_size = sizeof(fr_reduce_attributes),
    .dtypes = FR_ANY,
    .infer = fr_infer_argmax,
    .forward = forward,
    .c_code = c_code,
    .onnx_name = "ArgMax",
    .onnx = fr_onnx_argmax,
    .cases = CASES,
};

fr_tensor *fr_argmax(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply(&fr_argmax_op, &t, &(fr_reduce_attributes){ .dim = dim, .keepdim = keepdim });
}
