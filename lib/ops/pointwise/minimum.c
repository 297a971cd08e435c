/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* minimum: y = the lesser of a and b, broadcasting, or of x and value. NaN where either is. The gradient goes to the
 * lesser one, in halves to both where they are equal, and in full to both where y is NaN. */
#include "ops/pointwise/pointwise.h"

FR_BINARY_ANY(minimum, int64_t, FR_MINIMUM(a, b))

static void backward(fr_op_call *call)
{
    fr_tensor *a = call->in[0], *b = call->in[1], *g = call->grad_out[0];
    fr_tensor *shared = fr_where(fr_eq(a, b), fr_mul_scalar(g, 0.5), g);

    if (call->needs[0])
        call->grad_in[0] = fr_op_sum_to(fr_masked_fill(shared, fr_gt(a, b), 0), &call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_op_sum_to(fr_masked_fill(shared, fr_lt(a, b), 0), &call->in_shape[1]);
}

FR_RUN(run, fr_minimum(in[0], in[1]))

const fr_op fr_minimum_op = {
    FR_BINARY_OP(minimum, "y = min(a, b)"),
    .derivative = "dy/da = (1 + sign(b - a)) / 2, dy/db = (1 + sign(a - b)) / 2",
    .onnx_name = "Min",
    .saves_inputs = 3,
    .dtypes = FR_ANY,
    .backward = backward,
    FR_CASES({ "same", "n(3,4) n(3,4)", "torch.minimum(a, b)", run },
             { "broadcast", "n(2,1,4) n(3,1)", "torch.minimum(a, b)", run },
             { "scalar", "n() n(5)", "torch.minimum(a, b)", run },
             { "empty", "n(0,3) n(3)", "torch.minimum(a, b)", run },
             { "int64", "i9(3,4) i9(4)", "torch.minimum(a, b)", run },
             { "edges", "v1,0,nan,1,nan,inf,inf(7) v1,-0.0,1,nan,nan,inf,-inf(7)", "torch.minimum(a, b)", run },
             { "dtypes", "n(3) i5(3)", NULL, run, { "minimum", "float32", "int64" } }),
};

fr_tensor *fr_minimum(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_minimum_op, (fr_tensor *[]){ a, b }, NULL);
}

FR_UNARY_ANY(minimum_scalar, int64_t, FR_MINIMUM(x, p[0]))
FR_UNARY_GRADIENT(minimum_scalar, x > p[0] ? 0 : x == p[0] ? g / 2 : g, x > p[0] ? 0 : x == p[0] ? g / 2 : g)

static void minimum_scalar_backward(fr_op_call *call)
{
    double value = *(const double *)call->attributes;
    fr_tensor *x = call->in[0], *g = call->grad_out[0];
    fr_tensor *shared = fr_where(fr_eq_scalar(x, value), fr_mul_scalar(g, 0.5), g);

    call->grad_in[0] = fr_masked_fill(shared, fr_gt_scalar(x, value), 0);
}

FR_RUN(run_scalar, fr_minimum_scalar(in[0], 0.25))
FR_RUN(run_whole, fr_minimum_scalar(in[0], 3))
FR_RUN(run_nan, fr_minimum_scalar(in[0], NAN))

const fr_op fr_minimum_scalar_op = {
    FR_SCALAR_OP(minimum_scalar, "y = min(x, value)"),
    .derivative = "dy/dx = (1 + sign(value - x)) / 2",
    .onnx_name = "Min",
    .onnx = fr_onnx_scalar,
    .saves_inputs = 1,
    .dtypes = FR_ANY,
    .backward = minimum_scalar_backward,
    .backward_kernel = minimum_scalar_backward_kernel,
    FR_CASES({ "values", "d(3,4)", "torch.minimum(a, torch.tensor(0.25))", run_scalar },
             { "scalar", "d()", "torch.minimum(a, torch.tensor(0.25))", run_scalar },
             { "empty", "d(0,4)", "torch.minimum(a, torch.tensor(0.25))", run_scalar },
             { "edges", "v0.25,0,1,inf,-inf,nan(6)", "torch.minimum(a, torch.tensor(0.25))", run_scalar },
             { "NaN", "v0.25,inf,nan(3)", "torch.minimum(a, torch.tensor(float('nan')))", run_nan },
             { "int64", "i9(3,4)", "torch.minimum(a, torch.tensor(3))", run_whole },
             { "fraction", "i5(3)", NULL, run_scalar, { "minimum_scalar", "0.25", "int64" } }),
};

fr_tensor *fr_minimum_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_minimum_scalar_op, &t, (double[2]){ value });
}
