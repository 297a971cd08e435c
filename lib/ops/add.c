/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* add: y = a + b, broadcasting. */
#include "ops/elementwise.h"

FR_BINARY_ANY(add, a + b)

static void backward(fr_op_call *call)
{
    for (int i = 0; i < 2; i++)
        if (call->needs[i])
            call->grad_in[i] = fr_sum_to(call->grad_out[0], call->in_shape[i]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_add(in[0], in[1]);
}
#endif

const fr_op fr_add_op = {
    .name = "add",
    .formula = "y = a + b",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .strided = true,
    .infer = fr_infer_broadcast,
    .forward = add_forward,
    .backward = backward,
    FR_CASES({ "same", "n(3,4) n(3,4)", "a + b", run }, { "broadcast", "n(2,1,4) n(3,1)", "a + b", run },
             { "scalar", "n() n(5)", "a + b", run }, { "empty", "n(0,3) n(3)", "a + b", run },
             { "shapes", "n(4,3) n(5,2)", NULL, run, { "add", "(4, 3)", "(5, 2)" } },
             { "dtypes", "n(3) i5(3)", NULL, run, { "add", "float32", "int64" } })
};

fr_tensor *fr_add(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_add_op, (fr_tensor *[]){ a, b }, NULL);
}

FR_UNARY_ANY(add_scalar, x + p[0])

static void add_scalar_backward(fr_op_call *call)
{
    call->grad_in[0] = call->grad_out[0];
}

#ifdef FR_TESTS
static fr_tensor *run_scalar(fr_tensor *const *in)
{
    return fr_add_scalar(in[0], 2.5);
}
#endif

const fr_op fr_add_scalar_op = {
    .name = "add_scalar",
    .formula = "y = x + value",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = 2 * sizeof(double),
    .dtypes = FR_ANY,
    .infer = fr_infer_same,
    .forward = add_scalar_forward,
    .backward = add_scalar_backward,
    FR_CASES({ "value", "n(3,4)", "a + 2.5", run_scalar })
};

fr_tensor *fr_add_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_add_scalar_op, &t, (double[2]){ value });
}
