/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* leaky_relu: y = x where x > 0, else negative_slope x.
 * prelu: the same with slopes that are learned. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_FLOAT(leaky_relu, x > 0 ? x : p[0] * x, x > 0 ? x : p[0] * x)
FR_UNARY_GRADIENT(leaky_relu, x > 0 ? g : p[0] * g, x > 0 ? g : p[0] * g)

static void backward(fr_op_call *call)
{
    double slope = *(const double *)call->attributes;
    fr_tensor *g = call->grad_out[0];

    call->grad_in[0] = fr_where(fr_gt_scalar(call->in[0], 0), g, fr_mul_scalar(g, slope));
}

FR_RUN(run, fr_leaky_relu(in[0], 0.1))
FR_RUN(run_negative, fr_leaky_relu(in[0], -0.5))

FR_RUN(run_prelu, fr_prelu(in[0], in[1]))

const fr_op fr_leaky_relu_op = {
    FR_SCALAR_OP(leaky_relu, "y = x where x > 0, else negative_slope x"),
    .derivative = "dy/dx = 1 where x > 0, else negative_slope",
    .saves_inputs = 1,
    .backward = backward,
    .backward_kernel = leaky_relu_backward_kernel,
    .onnx_name = "LeakyRelu",
    .onnx = fr_onnx_alpha,
    FR_CASES({ "values", "d(3,4)", "F.leaky_relu(a, 0.1)", run }, { "scalar", "d()", "F.leaky_relu(a, 0.1)", run },
             { "empty", "d(0,4)", "F.leaky_relu(a, 0.1)", run },
             { "edges", "v0,-0.0,1,-1,inf,-inf,nan,1e-42(8)", "F.leaky_relu(a, 0.1)", run },
             { "negative slope", "v0,-0.0,1,-1,-3(5)", "F.leaky_relu(a, -0.5)", run_negative },
             { "prelu", "d(3,4) n(1)", "F.prelu(a, b)", run_prelu },
             { "prelu, scalar", "d() n()", "F.prelu(a, b)", run_prelu },
             { "prelu, channels", "d(2,3,4) n(3)", "F.prelu(a, b)", run_prelu },
             { "prelu, images", "d(2,3,2,2) n(3)", "F.prelu(a, b)", run_prelu },
             { "prelu, rows", "d(5,3) n(3)", "F.prelu(a, b)", run_prelu },
             { "prelu, empty", "d(0,3) n(3)", "F.prelu(a, b)", run_prelu },
             { "prelu, edges", "v0,-0.0,1,-1,inf,nan,-3,inf(4,2) v0,2(2)", "F.prelu(a, b)", run_prelu },
             { "prelu, shapes", "n(2,3) n(2)", NULL, run_prelu, { "prelu", "(2,)", "(2, 3)" } },
             { "prelu, dims", "n(2,3) n(1,3)", NULL, run_prelu, { "prelu", "(1, 3)", "one dim" } },
             { "prelu, dtypes", "n(2,3) i2(3)", NULL, run_prelu, { "prelu", "float32", "int64" } }),
};

fr_tensor *fr_leaky_relu(fr_tensor *t, double negative_slope)
{
    return fr_apply(&fr_leaky_relu_op, &t, (double[2]){ negative_slope });
}

/* The weight's dim becomes dim 1. What is not chosen has a factor of 0, so that its gradient is 0 and not NaN. */
static fr_tensor *rectified(fr_tensor *t, fr_tensor *weight)
{
    fr_tensor *above = fr_gt_scalar(t, 0);
    fr_shape aligned = { .ndim = t->shape.ndim };
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (weight->shape.ndim > 1)
        return fr_fail("prelu", "weight %s, expected no or one dim", fr_shape_text(&weight->shape, a));
    if (weight->numel != 1 && (t->shape.ndim < 2 || t->shape.dim[1] != weight->numel))
        return fr_fail("prelu", "weight %s, expected one number or one for each of dim 1 of %s",
                       fr_shape_text(&weight->shape, a), fr_shape_text(&t->shape, b));
    for (int i = 0; i < aligned.ndim; i++)
        aligned.dim[i] = i == 1 ? weight->numel : 1;
    return fr_where(above, t, fr_mul(fr_masked_fill(t, above, 0), fr_reshape(weight, aligned)));
}

fr_tensor *fr_prelu(fr_tensor *t, fr_tensor *weight)
{
    fr_composition c = fr_compose("prelu");
    bool given = fr_check_argument("prelu", t, "t") && fr_check_argument("prelu", weight, "weight");

    return fr_composed(c, given ? rectified(t, weight) : NULL);
}
