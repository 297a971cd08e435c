/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* tan: y = sin x / cos x. atan: y = the angle in (-pi/2, pi/2) whose tangent is x. atan2: y = the angle of the point
 * (b, a), in [-pi, pi].
 *
 * By the quotient rule the derivative of tan is (cos^2 x + sin^2 x) / cos^2 x = 1 + tan^2 x, and that of its inverse
 * atan 1 / (1 + x^2). atan2 differs from atan(a / b) by a constant, so that dy/da = 1 / b / (1 + (a / b)^2) =
 * b / (a^2 + b^2), and likewise dy/db = -a / (a^2 + b^2). At the origin both are taken as 0. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(tan, tanf(x), tan(x))
FR_UNARY_FLOAT(atan, atanf(x), atan(x))
FR_BINARY_FLOAT(atan2, atan2f(a, b), atan2(a, b))

static void tan_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_add_scalar(fr_square(call->result[0]), 1));
}

static void atan_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], fr_add_scalar(fr_square(call->in[0]), 1));
}

static void atan2_backward(fr_op_call *call)
{
    fr_tensor *a = call->in[0], *b = call->in[1], *square = fr_add(fr_square(a), fr_square(b));
    fr_tensor *g = fr_mul(call->grad_out[0], fr_masked_fill(fr_reciprocal(square), fr_eq_scalar(square, 0), 0));

    if (call->needs[0])
        call->grad_in[0] = fr_op_sum_to(fr_mul(g, b), &call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_neg(fr_op_sum_to(fr_mul(g, a), &call->in_shape[1]));
}

/* The angle of the line through the point, and half a turn where b < 0, back where a < 0 or is -0. */
static bool atan2_onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *a = fr_onnx_input(g, 0), *b = fr_onnx_input(g, 1), *zero = fr_onnx_number(g, dtype, 0);
    const char *line = fr_onnx_value(g, "Atan", FR_ONNX_NAMES(fr_onnx_value(g, "Div", FR_ONNX_NAMES(a, b))));
    const char *below = fr_onnx_value(g, "Less", FR_ONNX_NAMES(a, zero)), *turn;
    const char *inverse = fr_onnx_value(g, "Reciprocal", FR_ONNX_NAMES(a)); /* below 0 for a = -0 */

    below = fr_onnx_value(g, "Or", FR_ONNX_NAMES(below, fr_onnx_value(g, "Less", FR_ONNX_NAMES(inverse, zero))));
    turn = fr_onnx_value(g, "Where",
                         FR_ONNX_NAMES(below, fr_onnx_number(g, dtype, -M_PI), fr_onnx_number(g, dtype, M_PI)));
    line = fr_onnx_value(g, "Where", FR_ONNX_NAMES(fr_onnx_value(g, "Equal", FR_ONNX_NAMES(a, zero)), zero, line));
    turn = fr_onnx_value(g, "Where", FR_ONNX_NAMES(fr_onnx_value(g, "Less", FR_ONNX_NAMES(b, zero)), turn, zero));
    fr_onnx_node(g, "Add", FR_ONNX_NAMES(line, turn), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run_tan, fr_tan(in[0]))
FR_RUN(run_atan, fr_atan(in[0]))
FR_RUN(run_atan2, fr_atan2(in[0], in[1]))

const fr_op fr_tan_op = {
    FR_UNARY_OP(tan, "y = tan x"),
    .derivative = "dy/dx = 1 + y^2",
    .onnx_name = "Tan",
    .saves_outputs = 1,
    .backward = tan_backward,
    FR_CASES({ "values", "u(3,4)", "torch.tan(a)", run_tan }, { "scalar", "u()", "torch.tan(a)", run_tan },
             { "empty", "u(0,4)", "torch.tan(a)", run_tan },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1.5,123456(9)", "torch.tan(a)", run_tan }),
};

const fr_op fr_atan_op = {
    FR_UNARY_OP(atan, "y = the angle whose tangent is x"),
    .derivative = "dy/dx = 1 / (1 + x^2)",
    .onnx_name = "Atan",
    .saves_inputs = 1,
    .backward = atan_backward,
    FR_CASES({ "values", "n(3,4)", "torch.atan(a)", run_atan }, { "scalar", "n()", "torch.atan(a)", run_atan },
             { "empty", "n(0,4)", "torch.atan(a)", run_atan },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e10(8)", "torch.atan(a)", run_atan }),
};

const fr_op fr_atan2_op = {
    FR_BINARY_OP(atan2, "y = the angle of the point (b, a)"),
    .derivative = "dy/da = b / (a^2 + b^2), dy/db = -a / (a^2 + b^2)",
    .saves_inputs = 3,
    .backward = atan2_backward,
    .onnx = atan2_onnx,
    FR_CASES({ "same", "n(3,4) n(3,4)", "torch.atan2(a, b)", run_atan2 },
             { "broadcast", "n(2,1,4) n(3,1)", "torch.atan2(a, b)", run_atan2 },
             { "scalar", "n() n(5)", "torch.atan2(a, b)", run_atan2 },
             { "empty", "n(0,3) n(3)", "torch.atan2(a, b)", run_atan2 },
             { "edges", "v0,0,-0.0,1,nan,-1,2(7) v0,-1,-1,inf,1,0,0(7)", "torch.atan2(a, b)", run_atan2 },
             { "shapes", "n(3) n(4)", NULL, run_atan2, { "atan2", "(3,)", "(4,)" } }),
};

fr_tensor *fr_tan(fr_tensor *t)
{
    return fr_apply(&fr_tan_op, &t, NULL);
}

fr_tensor *fr_atan(fr_tensor *t)
{
    return fr_apply(&fr_atan_op, &t, NULL);
}

fr_tensor *fr_atan2(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_atan2_op, (fr_tensor *[]){ a, b }, NULL);
}
