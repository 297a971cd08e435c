/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ne: y = 1 where a != b, else 0, in the dtype of a; broadcasting, or of x and value. No gradient. */
#include "ops/pointwise/pointwise.h"

FR_COMPARISON(ne, !=)

FR_RUN(run, fr_ne(in[0], in[1]))
FR_RUN(run_scalar, fr_ne_scalar(in[0], 2))
FR_RUN(run_fraction, fr_ne_scalar(in[0], 1.5))
FR_RUN(run_and, fr_logical_and(in[0], in[1]))
FR_RUN(run_or, fr_logical_or(in[0], in[1]))
FR_RUN(run_xor, fr_logical_xor(in[0], in[1]))
FR_RUN(run_not, fr_logical_not(in[0]))
FR_RUN(run_isnan, fr_isnan(in[0]))
FR_RUN(run_isinf, fr_isinf(in[0]))
FR_RUN(run_isfinite, fr_isfinite(in[0]))
FR_RUN(run_any, fr_any(in[0]))
FR_RUN(run_any_dim, fr_any_dim(in[0], -1, true))
FR_RUN(run_no_dim, fr_any_dim(in[0], 1, false))
FR_RUN(run_all, fr_all(in[0]))
FR_RUN(run_all_dim, fr_all_dim(in[0], 0, false))

const fr_op fr_ne_op = {
    FR_BINARY_OP(ne, "y = a != b"),
    .onnx_name = "Equal",
    .onnx = fr_onnx_negated,
    .dtypes = FR_ANY,
    FR_CASES({ "same", "i3(3,4) i3(3,4)", "(a != b).to(a.dtype)", run, .no_grad = true },
             { "broadcast", "n(2,1,4) n(3,1)", "(a != b).to(a.dtype)", run, .no_grad = true },
             { "scalar", "n() n()", "(a != b).to(a.dtype)", run, .no_grad = true },
             { "empty", "n(0,3) n(3)", "(a != b).to(a.dtype)", run, .no_grad = true },
             { "edges", "v0,nan,nan,inf,inf,1(6) v-0.0,nan,1,inf,-inf,nan(6)", "(a != b).to(a.dtype)", run,
               .no_grad = true },
             { "logical_and", "b(3,4) i3(3,4)", "a.logical_and(b).to(a.dtype)", run_and, .no_grad = true },
             { "logical_and int64", "i3(3,1) b(2,1,4)", "a.logical_and(b).to(a.dtype)", run_and, .no_grad = true },
             { "logical_and nan", "v0,nan,inf,1(4) vnan,nan,-1,-0.0(4)", "a.logical_and(b).to(a.dtype)", run_and,
               .no_grad = true },
             { "logical_or", "b(3,4) i2(4)", "a.logical_or(b).to(a.dtype)", run_or, .no_grad = true },
             { "logical_xor", "i3(3,4) b(3,4)", "a.logical_xor(b).to(a.dtype)", run_xor, .no_grad = true },
             { "logical_not", "v0,nan,-0.0,2(4)", "a.logical_not().to(a.dtype)", run_not, .no_grad = true },
             { "isnan", "v0,nan,inf,-inf(4)", "a.isnan().to(a.dtype)", run_isnan, .no_grad = true },
             { "isnan int64", "i3(4)", "a.isnan().to(a.dtype)", run_isnan, .no_grad = true },
             { "isinf", "v0,nan,inf,-inf(4)", "a.isinf().to(a.dtype)", run_isinf, .no_grad = true },
             { "isfinite", "v0,nan,inf,-inf(4)", "a.isfinite().to(a.dtype)", run_isfinite, .no_grad = true },
             { "isfinite int64", "i3(4)", "a.isfinite().to(a.dtype)", run_isfinite, .no_grad = true },
             { "any", "b(3,4)", "a.bool().any().to(a.dtype)", run_any, .no_grad = true },
             { "any of zeros", "v0,-0.0(2)", "a.bool().any().to(a.dtype)", run_any, .no_grad = true },
             { "any, opposite", "v1,-1(2)", "a.bool().any().to(a.dtype)", run_any, .no_grad = true },
             { "any of none", "n(0,3)", "a.bool().any().to(a.dtype)", run_any, .no_grad = true },
             { "any dim", "i2(5,2)", "a.bool().any(-1, keepdim=True).to(a.dtype)", run_any_dim, .no_grad = true },
             { "all", "vnan,1(2)", "a.bool().all().to(a.dtype)", run_all, .no_grad = true },
             { "all but one", "i9(30)", "a.bool().all().to(a.dtype)", run_all, .no_grad = true },
             { "all of none", "n(3,0)", "a.bool().all().to(a.dtype)", run_all, .no_grad = true },
             { "all dim", "i3(2,9)", "a.bool().all(0).to(a.dtype)", run_all_dim, .no_grad = true },
             { "any of no dim", "n(3)", NULL, run_no_dim, { "any_dim", "dim 1" } },
             { "logical_and shapes", "n(4,3) i3(5,2)", NULL, run_and, { "logical_and", "(4, 3)", "(5, 2)" } },
             { "shapes", "n(4,3) n(5,2)", NULL, run, { "ne", "(4, 3)", "(5, 2)" } }),
};

fr_tensor *fr_ne(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_ne_op, (fr_tensor *[]){ a, b }, NULL);
}

const fr_op fr_ne_scalar_op = {
    FR_COMPARISON_SCALAR_OP(ne_scalar, "y = x != value"),
    .onnx_name = "Equal",
    .onnx = fr_onnx_negated,
    .dtypes = FR_ANY,
    FR_CASES({ "int64", "i4(3,4)", "(a != 2).to(a.dtype)", run_scalar, .no_grad = true },
             { "scalar", "n()", "(a != 2).to(a.dtype)", run_scalar, .no_grad = true },
             { "empty", "n(0,3)", "(a != 2).to(a.dtype)", run_scalar, .no_grad = true },
             { "int64 fraction", "i4(3,4)", "(a != 1.5).to(a.dtype)", run_fraction, .no_grad = true },
             { "edges", "v2,1,3,inf,-inf,nan(6)", "(a != 2).to(a.dtype)", run_scalar, .no_grad = true }),
};

fr_tensor *fr_ne_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_ne_scalar_op, &t, (double[2]){ value });
}
