/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* le: y = 1 where a <= b, else 0, in the dtype of a; broadcasting, or of x and value. No gradient. */
#include "ops/pointwise/pointwise.h"

FR_COMPARISON(le, <=)

FR_RUN(run, fr_le(in[0], in[1]))
FR_RUN(run_scalar, fr_le_scalar(in[0], 2))
FR_RUN(run_fraction, fr_le_scalar(in[0], 1.5))

const fr_op fr_le_op = {
    FR_BINARY_OP(le, "y = a <= b"),
    .onnx_name = "LessOrEqual",
    .onnx = fr_onnx_comparison,
    .dtypes = FR_ANY,
    FR_CASES({ "same", "i3(3,4) i3(3,4)", "(a <= b).to(a.dtype)", run, .no_grad = true },
             { "broadcast", "n(2,1,4) n(3,1)", "(a <= b).to(a.dtype)", run, .no_grad = true },
             { "scalar", "n() n()", "(a <= b).to(a.dtype)", run, .no_grad = true },
             { "empty", "n(0,3) n(3)", "(a <= b).to(a.dtype)", run, .no_grad = true },
             { "edges", "v0,nan,nan,inf,inf,1(6) v-0.0,nan,1,inf,-inf,nan(6)", "(a <= b).to(a.dtype)", run,
               .no_grad = true },
             { "shapes", "n(4,3) n(5,2)", NULL, run, { "le", "(4, 3)", "(5, 2)" } }),
};

fr_tensor *fr_le(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_le_op, (fr_tensor *[]){ a, b }, NULL);
}

const fr_op fr_le_scalar_op = {
    FR_COMPARISON_SCALAR_OP(le_scalar, "y = x <= value"),
    .onnx_name = "LessOrEqual",
    .onnx = fr_onnx_comparison,
    .dtypes = FR_ANY,
    FR_CASES({ "int64", "i4(3,4)", "(a <= 2).to(a.dtype)", run_scalar, .no_grad = true },
             { "scalar", "n()", "(a <= 2).to(a.dtype)", run_scalar, .no_grad = true },
             { "empty", "n(0,3)", "(a <= 2).to(a.dtype)", run_scalar, .no_grad = true },
             { "int64 fraction", "i4(3,4)", "(a <= 1.5).to(a.dtype)", run_fraction, .no_grad = true },
             { "edges", "v2,1,3,inf,-inf,nan(6)", "(a <= 2).to(a.dtype)", run_scalar, .no_grad = true }),
};

fr_tensor *fr_le_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_le_scalar_op, &t, (double[2]){ value });
}
