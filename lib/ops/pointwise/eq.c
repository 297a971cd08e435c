/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* eq: y = 1 where a == b, else 0, in the dtype of a; broadcasting, or of x and value. No gradient. */
#include "ops/pointwise/pointwise.h"

FR_COMPARISON(eq, ==)

FR_RUN(run, fr_eq(in[0], in[1]))
FR_RUN(run_one_hot, fr_one_hot(in[0], 5))
FR_RUN(run_one_hot_counted, fr_one_hot(in[0], -1))
FR_RUN(run_scalar, fr_eq_scalar(in[0], 2))
FR_RUN(run_fraction, fr_eq_scalar(in[0], 1.5))

const fr_op fr_eq_op = {
    FR_BINARY_OP(eq, "y = a == b"),
    .onnx_name = "Equal",
    .onnx = fr_onnx_comparison,
    .dtypes = FR_ANY,
    FR_CASES({ "same", "i3(3,4) i3(3,4)", "(a == b).to(a.dtype)", run, .no_grad = true },
             { "broadcast", "n(2,1,4) n(3,1)", "(a == b).to(a.dtype)", run, .no_grad = true },
             { "scalar", "n() n()", "(a == b).to(a.dtype)", run, .no_grad = true },
             { "empty", "n(0,3) n(3)", "(a == b).to(a.dtype)", run, .no_grad = true },
             { "edges", "v0,nan,nan,inf,inf,1(6) v-0.0,nan,1,inf,-inf,nan(6)", "(a == b).to(a.dtype)", run,
               .no_grad = true },
             { "one_hot", "i5(2,3)", "F.one_hot(a, 5)", run_one_hot, .no_grad = true },
             { "one_hot, counted", "i5(9)", "F.one_hot(a)", run_one_hot_counted, .no_grad = true },
             { "one_hot, none", "i5(0)", "F.one_hot(a, 5)", run_one_hot, .no_grad = true },
             { "one_hot, scalar", "i5()", "F.one_hot(a, 5)", run_one_hot, .no_grad = true },
             { "one_hot range", "i99(50)", NULL, run_one_hot, { "one_hot", "index", "size 5" } },
             { "one_hot of floats", "n(3)", NULL, run_one_hot, { "one_hot", "float32", "int64" } },
             { "one_hot of none", "i5(0)", NULL, run_one_hot_counted, { "one_hot", "no index" } },
             { "shapes", "n(4,3) n(5,2)", NULL, run, { "eq", "(4, 3)", "(5, 2)" } }),
};

fr_tensor *fr_eq(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_eq_op, (fr_tensor *[]){ a, b }, NULL);
}

const fr_op fr_eq_scalar_op = {
    FR_COMPARISON_SCALAR_OP(eq_scalar, "y = x == value"),
    .onnx_name = "Equal",
    .onnx = fr_onnx_comparison,
    .dtypes = FR_ANY,
    FR_CASES({ "int64", "i4(3,4)", "(a == 2).to(a.dtype)", run_scalar, .no_grad = true },
             { "scalar", "n()", "(a == 2).to(a.dtype)", run_scalar, .no_grad = true },
             { "empty", "n(0,3)", "(a == 2).to(a.dtype)", run_scalar, .no_grad = true },
             { "int64 fraction", "i4(3,4)", "(a == 1.5).to(a.dtype)", run_fraction, .no_grad = true },
             { "edges", "v2,1,3,inf,-inf,nan(6)", "(a == 2).to(a.dtype)", run_scalar, .no_grad = true }),
};

fr_tensor *fr_eq_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_eq_scalar_op, &t, (double[2]){ value });
}
