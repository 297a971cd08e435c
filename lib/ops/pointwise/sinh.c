/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sinh: y = (e^x - e^-x) / 2. cosh: y = (e^x + e^-x) / 2. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(sinh, sinhf(x), sinh(x))
FR_UNARY_FLOAT(cosh, coshf(x), cosh(x))

static void sinh_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_cosh(call->in[0]));
}

static void cosh_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_sinh(call->in[0]));
}

FR_RUN(run_sinh, fr_sinh(in[0]))
FR_RUN(run_cosh, fr_cosh(in[0]))

const fr_op fr_sinh_op = {
    FR_UNARY_OP(sinh, "y = (e^x - e^-x) / 2"),
    .derivative = "dy/dx = cosh(x)",
    .onnx_name = "Sinh",
    .saves_inputs = 1,
    .backward = sinh_backward,
    FR_CASES({ "values", "n(3,4)", "torch.sinh(a)", run_sinh }, { "scalar", "n()", "torch.sinh(a)", run_sinh },
             { "empty", "n(0,4)", "torch.sinh(a)", run_sinh },
             { "edges", "v0,-0.0,1e-5,-10,inf,-inf,nan(7)", "torch.sinh(a)", run_sinh }),
};

const fr_op fr_cosh_op = {
    FR_UNARY_OP(cosh, "y = (e^x + e^-x) / 2"),
    .derivative = "dy/dx = sinh(x)",
    .onnx_name = "Cosh",
    .saves_inputs = 1,
    .backward = cosh_backward,
    FR_CASES({ "values", "n(3,4)", "torch.cosh(a)", run_cosh }, { "scalar", "n()", "torch.cosh(a)", run_cosh },
             { "empty", "n(0,4)", "torch.cosh(a)", run_cosh },
             { "edges", "v0,-0.0,1e-5,-10,inf,-inf,nan(7)", "torch.cosh(a)", run_cosh }),
};

fr_tensor *fr_sinh(fr_tensor *t)
{
    return fr_apply(&fr_sinh_op, &t, NULL);
}

fr_tensor *fr_cosh(fr_tensor *t)
{
    return fr_apply(&fr_cosh_op, &t, NULL);
}
