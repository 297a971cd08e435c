/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* mul: y = a b, broadcasting. */
#include "ops/elementwise.h"

FR_BINARY_ANY(mul, a * b)

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0];

    for (int i = 0; i < 2; i++)
        if (call->needs[i])
            call->grad_in[i] = fr_sum_to(fr_mul(g, call->in[1 - i]), call->in_shape[i]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_mul(in[0], in[1]);
}
#endif

const fr_op fr_mul_op = {
    .name = "mul",
    .formula = "y = a b",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .dtypes = FR_ANY,
    .strided = true,
    .infer = fr_infer_broadcast,
    .forward = mul_forward,
    .backward = backward,
    FR_CASES({ "same", "n(3,4) n(3,4)", "a * b", run }, { "broadcast", "n(2,1,4) n(3,1)", "a * b", run },
             { "scalar", "n() n(5)", "a * b", run }, { "empty", "n(0,3) n(3)", "a * b", run },
             { "dtypes", "n(3) i5(3)", NULL, run, { "mul", "float32", "int64" } })
};

fr_tensor *fr_mul(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_mul_op, (fr_tensor *[]){ a, b }, NULL);
}
