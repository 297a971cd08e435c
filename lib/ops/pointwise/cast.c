/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cast: y = x in another dtype, rounded to nearest; to int64 rounded towards zero, and INT64_MIN for NaN and values out
 * of range, as in PyTorch on x86-64. The gradient is cast back. */
#include "ops/op.h"

#include <frond/c_code.h>

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

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    static const char to_int64[] =
        "/* Towards 0; INT64_MIN for NaN and what is out of range. */\n"
        "static int64_t to_int64(float x)\n"
        "{\n"
        "    return x >= -9223372036854775808.0F && x < 9223372036854775808.0F ? (int64_t)x : "
        "INT64_MIN;\n"
        "}\n";

    if (call->result[0]->dtype == call->in[0]->dtype)
        return fr_c_pointwise(w, call, "x", NULL);
    if (call->result[0]->dtype == FR_F32)
        return fr_c_pointwise(w, call, "(float)x", NULL);
    fr_c_helper(w, "to_int64", to_int64, false);
    return fr_c_pointwise(w, call, "to_int64(x)", NULL);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_onnx_node(g, "Cast", FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "to", fr_onnx_dtype(fr_dtype_of(call->result[0])));
    return true;
}

FR_RUN(run, fr_cast(fr_mul_scalar(in[0], 10), FR_I64))
FR_RUN(run_out_of_range, fr_cast(fr_div(in[0], in[1]), FR_I64))
FR_RUN(run_huge, fr_cast(fr_mul_scalar(in[0], 1e19), FR_I64))
FR_RUN(run_there_and_back, fr_cast(fr_cast(in[0], FR_F64), fr_dtype_of(in[0])))
FR_RUN(run_f32, fr_cast(fr_transpose(in[0], 0, -1), FR_F32))
FR_RUN(run_same, fr_cast(in[0], fr_dtype_of(in[0])))
FR_RUN(run_unknown, fr_cast(in[0], (fr_dtype)7))

static void backward(fr_op_call *call)
{
    fr_dtype from = ((const fr_dtype *)call->attributes)[1];

    call->grad_in[0] = fr_cast(call->grad_out[0], from);
}

const fr_op fr_cast_op = {
    .name = "cast",
    .formula = "y = x",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = 2 * sizeof(fr_dtype),
    .dtypes = FR_ANY,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_linear,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES({ "to int64", "n(3,4)", "(a * 10).to(torch.int64)", run, .no_grad = true },
             { "nan, infinite", "b(20) b(20)", "(a / b).to(torch.int64)", run_out_of_range, .no_grad = true },
             { "huge", "n(3,4)", "(a * 1e19).to(torch.int64)", run_huge, .no_grad = true },
             { "int64 to float", "i9(3,4)", "a.T.to(torch.float32)", run_f32, .no_grad = true },
             { "to float64", "n(3,4)", "a.to(torch.float64).to(a.dtype)", run_there_and_back },
             { "scalar", "n()", "a.to(torch.float64).to(a.dtype)", run_there_and_back },
             { "empty", "n(0,2)", "a.to(torch.float64).to(a.dtype)", run_there_and_back },
             { "same", "n(3,4)", "a", run_same }, { "unknown", "n(3)", NULL, run_unknown, { "cast", "dtype 7" } })
};

fr_tensor *fr_cast(fr_tensor *t, fr_dtype dtype)
{
    if (!t || !fr_is_alive(t) || t->dtype != dtype)
        return fr_apply(&fr_cast_op, &t, (fr_dtype[2]){ dtype, t ? (fr_dtype)t->dtype : dtype });

    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "cast");
    fr_tensor *view = fr_reshape(t, t->shape);

    fr_finish(th, before);
    return view;
}
