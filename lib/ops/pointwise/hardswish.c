/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* hardsigmoid: y = min(max(x + 3, 0), 6) / 6. hardswish: y = x hardsigmoid(x), which is 0 below -3, x above 3 and a
 * parabola between. hardtanh: clamp. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(hardsigmoid, FR_MINIMUM(FR_MAXIMUM(x + 3, 0), 6) / 6, FR_MINIMUM(FR_MAXIMUM(x + 3, 0), 6) / 6)
FR_UNARY_GRADIENT(hardsigmoid, x > -3 && x < 3 ? g / 6 : 0, x > -3 && x < 3 ? g / 6 : 0)
FR_UNARY_FLOAT(hardswish, FR_MINIMUM(FR_MAXIMUM(x + 3, 0), 6) / 6 * x, FR_MINIMUM(FR_MAXIMUM(x + 3, 0), 6) / 6 * x)
FR_UNARY_GRADIENT(hardswish, x <= -3 ? 0 : x < 3 ? g * (x / 3 + 0.5F) : g, x <= -3 ? 0 : x < 3 ? g * (x / 3 + 0.5) : g)

static void hardsigmoid_backward(fr_op_call *call)
{
    fr_tensor *outside = fr_eq_scalar(fr_lt_scalar(fr_abs(call->in[0]), 3), 0);

    call->grad_in[0] = fr_masked_fill(fr_div_scalar(call->grad_out[0], 6), outside, 0);
}

static void hardswish_backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *g = call->grad_out[0];
    fr_tensor *slope = fr_add_scalar(fr_div_scalar(x, 3), 0.5), *outside = fr_masked_fill(g, fr_le_scalar(x, -3), 0);

    call->grad_in[0] = fr_where(fr_lt_scalar(fr_abs(x), 3), fr_mul(g, slope), outside);
}

static bool hardsigmoid_onnx(fr_onnx *g, const fr_op_call *call)
{
    (void)call;
    fr_onnx_node(g, "HardSigmoid", FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_float(g, "alpha", 1.0 / 6);
    return true;
}

/* The gradient of F.hardsigmoid is 1/6 rounded to float32, in float64 too. */
FR_RUN(run_hardsigmoid, fr_hardsigmoid(in[0]))
FR_RUN(run_hardswish, fr_hardswish(in[0]))
FR_RUN(run_hardtanh, fr_hardtanh(in[0], -1, 2))

const fr_op fr_hardsigmoid_op = {
    FR_UNARY_OP(hardsigmoid, "y = min(max(x + 3, 0), 6) / 6"),
    .derivative = "dy/dx = 1/6 where abs(x) < 3, else 0",
    .saves_inputs = 1,
    .backward = hardsigmoid_backward,
    .backward_kernel = hardsigmoid_backward_kernel,
    .onnx = hardsigmoid_onnx,
    FR_CASES({ "values", "d(7,9)", "F.relu6(a + 3) / 6", run_hardsigmoid },
             { "scalar", "d()", "F.relu6(a + 3) / 6", run_hardsigmoid },
             { "empty", "d(0,4)", "F.relu6(a + 3) / 6", run_hardsigmoid },
             { "edges", "v0,-0.0,3,-3,inf,-inf,9,-9(8)", "F.relu6(a + 3) / 6", run_hardsigmoid },
             { "NaN", "v0,nan(2)", "F.hardsigmoid(a)", run_hardsigmoid, .no_grad = true },
             { "hardtanh", "d(5,5)", "F.hardtanh(a, -1, 2)", run_hardtanh },
             { "hardtanh, edges", "v0,-1,2,-5,5,inf,-inf(7)", "F.hardtanh(a, -1, 2)", run_hardtanh }),
};

const fr_op fr_hardswish_op = {
    FR_UNARY_OP(hardswish, "y = x min(max(x + 3, 0), 6) / 6"),
    .derivative = "dy/dx = x / 3 + 1/2 where abs(x) < 3, else hardsigmoid(x)",
    .onnx_name = "HardSwish",
    .saves_inputs = 1,
    .backward = hardswish_backward,
    .backward_kernel = hardswish_backward_kernel,
    FR_CASES({ "values", "d(7,9)", "F.hardswish(a)", run_hardswish },
             { "scalar", "d()", "F.hardswish(a)", run_hardswish },
             { "empty", "d(0,4)", "F.hardswish(a)", run_hardswish },
             { "edges", "v0,-0.0,3,-3,inf,-inf,nan,9,-9(9)", "F.hardswish(a)", run_hardswish }),
};

fr_tensor *fr_hardsigmoid(fr_tensor *t)
{
    return fr_apply(&fr_hardsigmoid_op, &t, NULL);
}

fr_tensor *fr_hardswish(fr_tensor *t)
{
    return fr_apply(&fr_hardswish_op, &t, NULL);
}

fr_tensor *fr_hardtanh(fr_tensor *t, double min_val, double max_val)
{
    fr_composition c = fr_compose("hardtanh");

    return fr_composed(c, fr_clamp(t, min_val, max_val));
}
