/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* maximum: y = the greater of a and b, broadcasting, or of x and value. NaN where either is. The gradient goes to the
 * greater one, in halves to both where they are equal, and in full to both where y is NaN. */
#include "ops/pointwise/pointwise.h"

FR_BINARY_ANY(maximum, int64_t, FR_MAXIMUM(a, b))

static void backward(fr_op_call *call)
{
    fr_tensor *a = call->in[0], *b = call->in[1], *g = call->grad_out[0];
    fr_tensor *shared = fr_where(fr_eq(a, b), fr_mul_scalar(g, 0.5), g);

    if (call->needs[0])
        call->grad_in[0] = fr_op_sum_to(fr_masked_fill(shared, fr_lt(a, b), 0), &call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_op_sum_to(fr_masked_fill(shared, fr_gt(a, b), 0), &call->in_shape[1]);
}

FR_RUN(run, fr_maximum(in[0], in[1]))

const fr_op fr_maximum_op = {
    FR_BINARY_OP(maximum, "y = max(a, b)"),
    .derivative = "dy/da = (1 + sign(a - b)) / 2, dy/db = (1 + sign(b - a)) / 2",
    .onnx_name = "Max",
    .saves_inputs = 3,
    .dtypes = FR_ANY,
    .backward = backward,
    FR_CASES({ "same", "n(3,4) n(3,4)", "torch.maximum(a, b)", run },
             { "broadcast", "n(2,1,4) n(3,1)", "torch.maximum(a, b)", run },
             { "scalar", "n() n(5)", "torch.maximum(a, b)", run },
             { "empty", "n(0,3) n(3)", "torch.maximum(a, b)", run },
             { "int64", "i9(3,4) i9(4)", "torch.maximum(a, b)", run },
             { "edges", "v1,0,nan,1,nan,inf,inf(7) v1,-0.0,1,nan,nan,inf,-inf(7)", "torch.maximum(a, b)", run },
             { "dtypes", "n(3) i5(3)", NULL, run, { "maximum", "float32", "int64" } }),
};

fr_tensor *fr_maximum(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_maximum_op, (fr_tensor *[]){ a, b }, NULL);
}

FR_UNARY_ANY(maximum_scalar, int64_t, FR_MAXIMUM(x, p[0]))
FR_UNARY_GRADIENT(maximum_scalar, x < p[0] ? 0 : x == p[0] ? g / 2 : g, x < p[0] ? 0 : x == p[0] ? g / 2 : g)

static void maximum_scalar_backward(fr_op_call *call)
{
    double value = *(const double *)call->attributes;
    fr_tensor *x = call->in[0], *g = call->grad_out[0];
    fr_tensor *shared = fr_where(fr_eq_scalar(x, value), fr_mul_scalar(g, 0.5), g);

    call->grad_in[0] = fr_masked_fill(shared, fr_lt_scalar(x, value), 0);
}

FR_RUN(run_scalar, fr_maximum_scalar(in[0], 0.25))
FR_RUN(run_whole, fr_maximum_scalar(in[0], 3))
FR_RUN(run_nan, fr_maximum_scalar(in[0], NAN))

const fr_op fr_maximum_scalar_op = {
    FR_SCALAR_OP(maximum_scalar, "y = max(x, value)"),
    .derivative = "dy/dx = (1 + sign(x - value)) / 2",
    .onnx_name = "Max",
    .onnx = fr_onnx_scalar,
    .saves_inputs = 1,
    .dtypes = FR_ANY,
    .backward = maximum_scalar_backward,
    .backward_kernel = maximum_scalar_backward_kernel,
    FR_CASES({ "values", "d(3,4)", "torch.maximum(a, torch.tensor(0.25))", run_scalar },
             { "scalar", "d()", "torch.maximum(a, torch.tensor(0.25))", run_scalar },
             { "empty", "d(0,4)", "torch.maximum(a, torch.tensor(0.25))", run_scalar },
             { "edges", "v0.25,0,1,inf,-inf,nan(6)", "torch.maximum(a, torch.tensor(0.25))", run_scalar },
             { "NaN", "v0.25,inf,nan(3)", "torch.maximum(a, torch.tensor(float('nan')))", run_nan },
             { "int64", "i9(3,4)", "torch.maximum(a, torch.tensor(3))", run_whole },
             { "fraction", "i5(3)", NULL, run_scalar, { "maximum_scalar", "0.25", "int64" } }),
};

fr_tensor *fr_maximum_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_maximum_scalar_op, &t, (double[2]){ value });
}
