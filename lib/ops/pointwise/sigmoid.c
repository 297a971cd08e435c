/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sigmoid: y = 1 / (1 + exp(-x)). dy/dx = exp(-x) / (1 + exp(-x))^2 = y (1 - y), as 1 - y = exp(-x) / (1 + exp(-x)).
 * glu: a sigmoid(b), of the halves of a tensor. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(sigmoid, fr_sigmoid_f32(x), fr_sigmoid_f64(x))
FR_UNARY_GRADIENT(sigmoid, (1 - y) * g * y, (1 - y) * g * y)

static void backward(fr_op_call *call)
{
    fr_tensor *y = call->result[0];

    call->grad_in[0] = fr_mul(call->grad_out[0], fr_sub(y, fr_square(y)));
}

FR_RUN(run, fr_sigmoid(in[0]))

FR_RUN(run_glu, fr_glu(in[0], 1))
FR_RUN(run_glu_last, fr_glu(in[0], -1))

const fr_op fr_sigmoid_op = {
    FR_UNARY_OP(sigmoid, "y = 1 / (1 + exp(-x))"),
    .derivative = "dy/dx = y * (1 - y)",
    .onnx_name = "Sigmoid",
    .saves_outputs = 1,
    .backward = backward,
    .backward_kernel = sigmoid_backward_kernel,
    FR_CASES({ "values", "n(3,4)", "torch.sigmoid(a)", run }, { "scalar", "n()", "torch.sigmoid(a)", run },
             { "empty", "n(0,4)", "torch.sigmoid(a)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "torch.sigmoid(a)", run },
             { "dtype", "i5(3)", NULL, run, { "sigmoid", "int64" } }, { "glu", "n(3,4)", "F.glu(a, 1)", run_glu },
             { "glu, last", "n(2,3,6)", "F.glu(a)", run_glu_last },
             { "glu, middle", "n(2,4,3)", "F.glu(a, 1)", run_glu },
             { "glu, empty", "n(0,4)", "F.glu(a)", run_glu_last },
             { "glu, odd", "n(2,3)", NULL, run_glu, { "glu", "dim 1 of (2, 3)", "even" } },
             { "glu, range", "n(4)", NULL, run_glu, { "glu", "dim 1", "(4,)" } },
             { "glu, no dims", "n()", NULL, run_glu_last, { "glu", "dim -1", "()" } }),
};

fr_tensor *fr_sigmoid(fr_tensor *t)
{
    return fr_apply(&fr_sigmoid_op, &t, NULL);
}

static fr_tensor *gated(fr_tensor *t, int dim)
{
    int i = t->shape.ndim > 0 ? fr_shape_dim(&t->shape, dim) : -1;
    char text[FR_SHAPE_TEXT];

    if (i < 0)
        return fr_fail("glu", "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
    if (t->shape.dim[i] % 2 != 0)
        return fr_fail("glu", "dim %d of %s, expected an even size", dim, fr_shape_text(&t->shape, text));

    int64_t half = t->shape.dim[i] / 2;

    return fr_mul(fr_slice(t, i, 0, half, 1), fr_sigmoid(fr_slice(t, i, half, INT64_MAX, 1)));
}

fr_tensor *fr_glu(fr_tensor *t, int dim)
{
    fr_composition c = fr_compose("glu");

    return fr_composed(c, fr_check_argument("glu", t, "t") ? gated(t, dim) : NULL);
}
