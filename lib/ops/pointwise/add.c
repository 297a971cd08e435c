/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* add: y = a + b, broadcasting; y = x + value. Both inputs get dy. A value that broadcasting repeats is in several
 * sums, so that it gets the sum of their dy: fr_op_sum_to, here and in all binary ops. */
#include "ops/pointwise/pointwise.h"

FR_BINARY_ANY(add, uint64_t, a + b)

static void backward(fr_op_call *call)
{
    for (int i = 0; i < 2; i++)
        if (call->needs[i])
            call->grad_in[i] = fr_op_sum_to(call->grad_out[0], &call->in_shape[i]);
}

FR_RUN(run, fr_add(in[0], in[1]))

const fr_op fr_add_op = {
    FR_BINARY_OP(add, "y = a + b"),
    .derivative = "dy/da = 1, dy/db = 1",
    .onnx_name = "Add",
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .backward = backward,
    FR_CASES({ "same", "n(3,4) n(3,4)", "a + b", run }, { "broadcast", "n(2,1,4) n(3,1)", "a + b", run },
             { "row", "n(3,4) n(4)", "a + b", run }, { "column", "n(3,1) n(3,4)", "a + b", run },
             { "scalar", "n() n(5)", "a + b", run }, { "empty", "n(0,3) n(3)", "a + b", run },
             { "eight dims", "n(2,1,2,1,2,1,2,1) n(2,1,2,1,2,1,3)", "a + b", run },
             { "int64", "i9(3,4) i9(4)", "a + b", run },
             { "edges", "v0,-0.0,inf,inf,nan(5) v-0.0,-0.0,-inf,1,1(5)", "a + b", run },
             { "shapes", "n(4,3) n(5,2)", NULL, run, { "add", "(4, 3)", "(5, 2)" } },
             { "dtypes", "n(3) i5(3)", NULL, run, { "add", "float32", "int64" } }),
};

fr_tensor *fr_add(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_add_op, (fr_tensor *[]){ a, b }, NULL);
}

FR_UNARY_ANY(add_scalar, uint64_t, x + p[0])

static void add_scalar_backward(fr_op_call *call)
{
    call->grad_in[0] = call->grad_out[0];
}

FR_RUN(run_scalar, fr_add_scalar(in[0], 2.5))
FR_RUN(run_whole, fr_add_scalar(in[0], -3))

const fr_op fr_add_scalar_op = {
    FR_SCALAR_OP(add_scalar, "y = x + value"),
    .derivative = "dy/dx = 1",
    .onnx_name = "Add",
    .onnx = fr_onnx_scalar,
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .backward = add_scalar_backward,
    FR_CASES({ "values", "n(3,4)", "a + 2.5", run_scalar }, { "scalar", "n()", "a + 2.5", run_scalar },
             { "empty", "n(0,4)", "a + 2.5", run_scalar }, { "int64", "i5(3,4)", "a - 3", run_whole },
             { "fraction", "i5(3)", NULL, run_scalar, { "add_scalar", "2.5", "int64" } }),
};

fr_tensor *fr_add_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_add_scalar_op, &t, (double[2]){ value });
}
