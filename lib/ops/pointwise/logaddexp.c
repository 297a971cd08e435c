/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* logaddexp: y = ln(e^a + e^b), computed as max(a, b) + ln(1 + e^-|a - b|), which does not overflow.
 * dy/da = e^a / (e^a + e^b) = 1 / (1 + e^(b - a)) = sigmoid(a - b). */
#include "ops/pointwise/pointwise.h"

/* Where a = b, both may be infinite. */
FR_BINARY_FLOAT(logaddexp, a == b ? a + 0.693147181F : FR_MAXIMUM(a, b) + fr_log1p_f32(fr_exp_f32(-fabsf(a - b))),
                a == b ? a + M_LN2 : FR_MAXIMUM(a, b) + log1p(exp(-fabs(a - b))))

static void backward(fr_op_call *call)
{
    fr_tensor *d = fr_sub(call->in[0], call->in[1]), *g = call->grad_out[0];

    if (call->needs[0])
        call->grad_in[0] = fr_op_sum_to(fr_mul(g, fr_sigmoid(d)), &call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_op_sum_to(fr_mul(g, fr_sigmoid(fr_neg(d))), &call->in_shape[1]);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *a = fr_onnx_input(g, 0), *b = fr_onnx_input(g, 1), *d = fr_onnx_value(g, "Sub", FR_ONNX_NAMES(a, b));
    const char *same = fr_onnx_value(g, "Equal", FR_ONNX_NAMES(a, b));

    d = fr_onnx_value(g, "Where", FR_ONNX_NAMES(same, fr_onnx_number(g, fr_dtype_of(call->in[0]), 0), d));
    d = fr_onnx_value(g, "Neg", FR_ONNX_NAMES(fr_onnx_value(g, "Abs", FR_ONNX_NAMES(d))));
    d = fr_onnx_value(g, "Softplus", FR_ONNX_NAMES(d));
    fr_onnx_node(g, "Add", FR_ONNX_NAMES(fr_onnx_value(g, "Max", FR_ONNX_NAMES(a, b)), d),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_logaddexp(in[0], in[1]))

const fr_op fr_logaddexp_op = {
    FR_BINARY_OP(logaddexp, "y = ln(e^a + e^b)"),
    .derivative = "dy/da = sigmoid(a - b), dy/db = sigmoid(b - a)",
    .saves_inputs = 3,
    .backward = backward,
    .onnx = onnx,
    FR_CASES(
        { "same", "n(3,4) n(3,4)", "torch.logaddexp(a, b)", run },
        { "broadcast", "n(2,1,4) n(3,1)", "torch.logaddexp(a, b)", run },
        { "scalar", "n() n(5)", "torch.logaddexp(a, b)", run },
        { "empty", "n(0,3) n(3)", "torch.logaddexp(a, b)", run },
        { "edges", "v1,200,inf,-inf,inf,-inf,0,nan(8) v1,-200,inf,-inf,1,1,nan,inf(8)", "torch.logaddexp(a, b)", run },
        { "dtypes", "n(3) i5(3)", NULL, run, { "logaddexp", "float32", "int64" } }),
};

fr_tensor *fr_logaddexp(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_logaddexp_op, (fr_tensor *[]){ a, b }, NULL);
}
