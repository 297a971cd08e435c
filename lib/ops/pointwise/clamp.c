/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* clamp: y = min(max(x, min), max); NaN stays, a bound of NaN gives NaN. dy/dx = 1 between the bounds, 0 at them. */
#include "ops/pointwise/pointwise.h"

FR_UNARY_ANY(clamp, int64_t, FR_MINIMUM(FR_MAXIMUM(x, p[0]), p[1]))
FR_UNARY_GRADIENT(clamp, x > p[0] && x < p[1] ? g : 0, x > p[0] && x < p[1] ? g : 0)

static bool infer(fr_op_call *call)
{
    const double *bounds = call->attributes;

    for (int i = 0; i < 2; i++)
        if (!isinf(bounds[i]) && !fr_check_whole("clamp", call->in[0], bounds[i]))
            return false;
    return fr_infer_same(call);
}

static void backward(fr_op_call *call)
{
    const double *bounds = call->attributes;
    fr_tensor *x = call->in[0];
    fr_tensor *inside = fr_mul(fr_gt_scalar(x, bounds[0]), fr_lt_scalar(x, bounds[1]));

    call->grad_in[0] = fr_masked_fill(call->grad_out[0], fr_eq_scalar(inside, 0), 0);
}

/* ONNX's Clip takes a missing bound for the largest finite number, which would cut off infinity: then Max or Min. */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const double *bounds = call->attributes;
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    bool low = bounds[0] != -INFINITY, high = bounds[1] != INFINITY;
    const char *x = fr_onnx_input(g, 0), *y = fr_onnx_output(g, 0);

    if (isnan(bounds[0]) || isnan(bounds[1]))
        return fr_onnx_fail(g, "a bound is NaN, which Clip does not take");
    if (low && high)
        fr_onnx_node(g, "Clip",
                     FR_ONNX_NAMES(x, fr_onnx_number(g, dtype, bounds[0]), fr_onnx_number(g, dtype, bounds[1])),
                     FR_ONNX_NAMES(y));
    else if (low || high)
        fr_onnx_node(g, low ? "Max" : "Min", FR_ONNX_NAMES(x, fr_onnx_number(g, dtype, bounds[low ? 0 : 1])),
                     FR_ONNX_NAMES(y));
    else
        fr_onnx_node(g, "Identity", FR_ONNX_NAMES(x), FR_ONNX_NAMES(y));
    return true;
}

FR_RUN(run, fr_clamp(in[0], -0.5, 0.75))
FR_RUN(run_open, fr_clamp(in[0], 0, INFINITY))
FR_RUN(run_int, fr_clamp(in[0], 3, INFINITY))
FR_RUN(run_crossed, fr_clamp(in[0], 2, 1))
FR_RUN(run_nan, fr_clamp(in[0], NAN, 1))
FR_RUN(run_nan_above, fr_clamp(in[0], 1, NAN))

const fr_op fr_clamp_op = {
    .name = "clamp",
    .formula = "y = min(max(x, min), max)",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .attributes_size = 2 * sizeof(double),
    .jvp = fr_jvp_pointwise,
    .infer = infer,
    .forward = clamp_forward,
    .c_code = clamp_c,
    .saves_inputs = 1,
    .dtypes = FR_ANY,
    .backward = backward,
    .backward_kernel = clamp_backward_kernel,
    .onnx = onnx,
    FR_CASES({ "values", "d(3,4)", "torch.clamp(a, -0.5, 0.75)", run },
             { "scalar", "d()", "torch.clamp(a, -0.5, 0.75)", run },
             { "empty", "d(0,4)", "torch.clamp(a, -0.5, 0.75)", run },
             { "edges", "v-0.5,0.75,0,-0.0,2,-2,inf,-inf,nan(9)", "torch.clamp(a, -0.5, 0.75)", run },
             { "one bound", "v0,1,-1,inf,-inf,nan(6)", "torch.clamp(a, 0, float('inf'))", run_open },
             { "int64", "i9(3,4)", "torch.clamp(a, min=3)", run_int },
             { "crossed", "v0,1.5,3,nan(4)", "torch.clamp(a, 2, 1)", run_crossed },
             { "NaN", "v0,1.5,3,nan(4)", "torch.clamp(a, float('nan'), 1)", run_nan },
             { "NaN above", "v0,1.5,3,nan(4)", "torch.clamp(a, 1, float('nan'))", run_nan_above },
             { "fraction", "i5(3)", NULL, run, { "clamp", "-0.5", "int64" } }),
};

fr_tensor *fr_clamp(fr_tensor *t, double min, double max)
{
    return fr_apply(&fr_clamp_op, &t, (double[2]){ min, max });
}
