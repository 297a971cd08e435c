/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* abs: y = |x|. At 0, the kink, the derivative is taken as 0. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_THREE(abs, int64_t, fabsf(x), fabs(x), x < 0 ? 0 - (uint64_t)x : (uint64_t)x)

static bool abs_c(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(w, call, call->in[0]->dtype == FR_I64 ? "x < 0 ? -x : x" : "fabsf(x)", NULL);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_sign(call->in[0]));
}

FR_RUN(run, fr_abs(in[0]))
FR_RUN(run_int, fr_abs(fr_sub_scalar(in[0], 4)))

const fr_op fr_abs_op = {
    FR_UNARY_OP(abs, "y = |x|"),
    .derivative = "dy/dx = sign(x)",
    .onnx_name = "Abs",
    .saves_inputs = 1,
    .dtypes = FR_ANY,
    .backward = backward,
    FR_CASES({ "values", "d(3,4)", "torch.abs(a)", run }, { "scalar", "d()", "torch.abs(a)", run },
             { "empty", "d(0,4)", "torch.abs(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.abs(a)", run },
             { "int64", "i9(3,4)", "torch.abs(a - 4)", run_int }),
};

fr_tensor *fr_abs(fr_tensor *t)
{
    return fr_apply(&fr_abs_op, &t, NULL);
}
