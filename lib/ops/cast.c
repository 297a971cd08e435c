/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cast: the same values in another dtype, rounded to nearest (floats) or towards zero (to int64). */
#include "ops/op_file.h"

static bool infer(fr_op_call *call)
{
    fr_dtype dtype = *(const fr_dtype *)call->attributes;

    call->out[0] = fr_meta_of(call->in[0]);
    call->out[0].dtype = dtype;
    return (unsigned)dtype <= FR_I64 || fr_op_fail(call, "dtype %d is none of float32, float64, int64", (int)dtype);
}

static void forward(fr_op_call *call)
{
    fr_copy_values(call->result[0], call->in[0]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_cast(fr_mul_scalar(in[0], 10), FR_I64);
}
#endif

static void backward(fr_op_call *call)
{
    fr_dtype from = ((const fr_dtype *)call->attributes)[1];

    call->grad_in[0] = fr_cast(call->grad_out[0], from);
}

const fr_op fr_cast_op = {
    .name = "cast",
    .formula = "y = x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = 2 * sizeof(fr_dtype),
    .dtypes = FR_ANY,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "to int64", "n(3,4)", "(a * 10).to(torch.int64)", run, .no_grad = true })
};

fr_tensor *fr_cast(fr_tensor *t, fr_dtype dtype)
{
    if (t && t->dtype == dtype)
        return fr_reshape(t, t->shape);
    return fr_apply(&fr_cast_op, &t, (fr_dtype[2]){ dtype, fr_dtype_of(t) });
}
