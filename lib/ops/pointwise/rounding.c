/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* floor: y = the greatest integer <= x. ceil: y = the least integer >= x. round: y = the integer next to x, of two the
 * even one. trunc: y = x without its fraction. Their derivatives are 0. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(floor, floorf(x), floor(x))
FR_UNARY_FLOAT(ceil, ceilf(x), ceil(x))
FR_UNARY_FLOAT(round, rintf(x), rint(x))
FR_UNARY_FLOAT(trunc, truncf(x), trunc(x))

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_zeros_like(call->grad_out[0]);
}

/* sign(x) floor(|x|) */
static bool trunc_onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *x = fr_onnx_input(g, 0), *size = fr_onnx_value(g, "Abs", FR_ONNX_NAMES(x));

    (void)call;
    size = fr_onnx_value(g, "Floor", FR_ONNX_NAMES(size));
    fr_onnx_node(g, "Mul", FR_ONNX_NAMES(fr_onnx_value(g, "Sign", FR_ONNX_NAMES(x)), size),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run_floor, fr_floor(in[0]))
FR_RUN(run_ceil, fr_ceil(in[0]))
FR_RUN(run_round, fr_round(in[0]))
FR_RUN(run_trunc, fr_trunc(in[0]))

const fr_op fr_floor_op = {
    FR_UNARY_OP(floor, "y = the greatest integer <= x"),
    .derivative = "dy/dx = 0",
    .onnx_name = "Floor",
    .saves_inputs = FR_SAVES_NOTHING,
    .backward = backward,
    FR_CASES({ "values", "d(3,4)", "torch.floor(a)", run_floor }, { "scalar", "d()", "torch.floor(a)", run_floor },
             { "empty", "d(0,4)", "torch.floor(a)", run_floor },
             { "edges", "v-0.5,-0.0,0.5,1,-1,inf,-inf,nan,3e9(9)", "torch.floor(a)", run_floor }),
};

const fr_op fr_ceil_op = {
    FR_UNARY_OP(ceil, "y = the least integer >= x"),
    .derivative = "dy/dx = 0",
    .onnx_name = "Ceil",
    .saves_inputs = FR_SAVES_NOTHING,
    .backward = backward,
    FR_CASES({ "values", "d(3,4)", "torch.ceil(a)", run_ceil }, { "scalar", "d()", "torch.ceil(a)", run_ceil },
             { "empty", "d(0,4)", "torch.ceil(a)", run_ceil },
             { "edges", "v-0.5,-0.0,0.5,1,-1,inf,-inf,nan,3e9(9)", "torch.ceil(a)", run_ceil }),
};

const fr_op fr_round_op = {
    FR_UNARY_OP(round, "y = the integer next to x, of two the even one"),
    .derivative = "dy/dx = 0",
    .onnx_name = "Round",
    .saves_inputs = FR_SAVES_NOTHING,
    .backward = backward,
    FR_CASES({ "values", "d(3,4)", "torch.round(a)", run_round }, { "scalar", "d()", "torch.round(a)", run_round },
             { "empty", "d(0,4)", "torch.round(a)", run_round },
             { "edges", "v-0.5,-0.0,0.5,1.5,2.5,-1.5,inf,-inf,nan,3e9(10)", "torch.round(a)", run_round }),
};

const fr_op fr_trunc_op = {
    FR_UNARY_OP(trunc, "y = x without its fraction"),
    .derivative = "dy/dx = 0",
    .saves_inputs = FR_SAVES_NOTHING,
    .backward = backward,
    .onnx = trunc_onnx,
    FR_CASES({ "values", "d(3,4)", "torch.trunc(a)", run_trunc }, { "scalar", "d()", "torch.trunc(a)", run_trunc },
             { "empty", "d(0,4)", "torch.trunc(a)", run_trunc },
             { "edges", "v-0.5,-0.0,0.5,-1.7,1.7,inf,-inf,nan,3e9(9)", "torch.trunc(a)", run_trunc }),
};

fr_tensor *fr_floor(fr_tensor *t)
{
    return fr_apply(&fr_floor_op, &t, NULL);
}

fr_tensor *fr_ceil(fr_tensor *t)
{
    return fr_apply(&fr_ceil_op, &t, NULL);
}

fr_tensor *fr_round(fr_tensor *t)
{
    return fr_apply(&fr_round_op, &t, NULL);
}

fr_tensor *fr_trunc(fr_tensor *t)
{
    return fr_apply(&fr_trunc_op, &t, NULL);
}
