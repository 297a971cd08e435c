/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* mul: y = a b, broadcasting; y = value x. */
#include "ops/pointwise/pointwise.h"

FR_BINARY_ANY(mul, uint64_t, a *b)

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0];

    for (int i = 0; i < 2; i++)
        if (call->needs[i])
            call->grad_in[i] = fr_op_sum_to(fr_mul(g, call->in[1 - i]), &call->in_shape[i]);
}

FR_RUN(run, fr_mul(in[0], in[1]))

const fr_op fr_mul_op = {
    FR_BINARY_OP(mul, "y = a b"),
    .derivative = "dy/da = b, dy/db = a",
    .onnx_name = "Mul",
    .saves_inputs = 3,
    .dtypes = FR_ANY,
    .backward = backward,
    FR_CASES({ "same", "n(3,4) n(3,4)", "a * b", run }, { "broadcast", "n(2,1,4) n(3,1)", "a * b", run },
             { "row", "n(3,4) n(4)", "a * b", run }, { "column", "n(3,1) n(3,4)", "a * b", run },
             { "scalar", "n() n(5)", "a * b", run }, { "empty", "n(0,3) n(3)", "a * b", run },
             { "int64", "i9(3,4) i9(4)", "a * b", run },
             { "edges", "v0,-0.0,inf,inf,nan(5) v1,1,0,-1,1(5)", "a * b", run },
             { "dtypes", "n(3) i5(3)", NULL, run, { "mul", "float32", "int64" } }),
};

fr_tensor *fr_mul(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_mul_op, (fr_tensor *[]){ a, b }, NULL);
}

FR_UNARY_ANY(mul_scalar, uint64_t, x *p[0])

static void mul_scalar_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul_scalar(call->grad_out[0], *(const double *)call->attributes);
}

FR_RUN(run_scalar, fr_mul_scalar(in[0], 2.5))
FR_RUN(run_whole, fr_mul_scalar(in[0], -3))

const fr_op fr_mul_scalar_op = {
    FR_SCALAR_OP(mul_scalar, "y = value x"),
    .derivative = "dy/dx = value",
    .onnx_name = "Mul",
    .onnx = fr_onnx_scalar,
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .backward = mul_scalar_backward,
    FR_CASES({ "values", "n(3,4)", "a * 2.5", run_scalar }, { "scalar", "n()", "a * 2.5", run_scalar },
             { "empty", "n(0,4)", "a * 2.5", run_scalar }, { "int64", "i5(3,4)", "a * -3", run_whole },
             { "fraction", "i5(3)", NULL, run_scalar, { "mul_scalar", "2.5", "int64" } }),
};

fr_tensor *fr_mul_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_mul_scalar_op, &t, (double[2]){ value });
}
