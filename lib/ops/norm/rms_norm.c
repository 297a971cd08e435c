/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* rms_norm: y = x / sqrt(mean(x^2) + eps) weight, with the mean over the last dims of x (Zhang and Sennrich, "Root Mean
 * Square Layer Normalization", 2019). kernels/row_norm.h derives the gradients. */
#include "ops/norm/norm.h"

#include <float.h>

/* Written as its formula: ONNX has RMSNormalization only from operator set 23 on. */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const fr_row_norm_attributes *a = call->attributes;
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    int64_t axes[FR_MAX_DIMS];
    const char *x = fr_onnx_input(g, 0), *y = fr_onnx_output(g, 0), *mean, *root, *h;

    for (int i = 0; i < a->shape.ndim; i++)
        axes[i] = i - a->shape.ndim;
    mean = fr_onnx_value(g, "ReduceMean", FR_ONNX_NAMES(fr_onnx_value(g, "Mul", FR_ONNX_NAMES(x, x))));
    fr_onnx_ints(g, "axes", a->shape.ndim, axes);
    mean = fr_onnx_value(g, "Add", FR_ONNX_NAMES(mean, fr_onnx_number(g, dtype, a->eps)));
    root = fr_onnx_value(g, "Sqrt", FR_ONNX_NAMES(mean));
    h = call->in[1] ? fr_onnx_new_name(g) : y;
    fr_onnx_node(g, "Div", FR_ONNX_NAMES(x, root), FR_ONNX_NAMES(h));
    if (call->in[1])
        fr_onnx_node(g, "Mul", FR_ONNX_NAMES(h, fr_onnx_input(g, 1)), FR_ONNX_NAMES(y));
    return true;
}

FR_RUN(run, fr_rms_norm(in[0], fr_shape_of(in[1]), in[1], 0))
FR_RUN(run_plain, fr_rms_norm(in[0], (fr_shape){ 1, { 4 } }, NULL, 0))
FR_RUN(run_eps, fr_rms_norm(in[0], (fr_shape){ 1, { 4 } }, NULL, 0.5))
FR_RUN(run_no_eps, fr_rms_norm(in[0], (fr_shape){ 1, { 4 } }, NULL, FR_ZERO))
FR_RUN(run_transposed, fr_rms_norm(fr_transpose(in[0], 0, 1), (fr_shape){ 1, { 4 } }, in[1], 0))
FR_RUN(run_nan, fr_rms_norm(in[0], (fr_shape){ 1, { 4 } }, NULL, NAN))

const fr_op fr_rms_norm_op = {
    .name = "rms_norm",
    .formula = "y = x / sqrt(mean(x^2) + eps) weight",
    .shapes = "(*,**) (**)? -> (*,**)",
    .inputs = 2,
    .optional = 2,
    .saves_inputs = 3,
    FR_ROW_NORM_OP,
    .onnx = onnx,
    FR_CASES({ "weight", "n(2,3,4) n(4)", "F.rms_norm(a, (4,), b)", run },
             { "without", "n(3,4)", "F.rms_norm(a, (4,))", run_plain },
             { "two dims", "n(5,3,4) n(3,4)", "F.rms_norm(a, (3, 4), b)", run },
             { "long", "n(3,37) n(37)", "F.rms_norm(a, (37,), b)", run },
             { "eps", "n(3,4)", "F.rms_norm(a, (4,), eps=0.5)", run_eps },
             { "no eps", "n(3,4)", "F.rms_norm(a, (4,), eps=0.0)", run_no_eps },
             { "one row", "n(6) n(6)", "F.rms_norm(a, (6,), b)", run },
             { "transposed", "n(4,3) n(4)", "F.rms_norm(a.T, (4,), b)", run_transposed },
             { "large", "v1000000,-1000001,1000002,1000004(1,4)", "F.rms_norm(a, (4,))", run_plain },
             { "small", "v3e-4,-1e-4,2e-4,5e-4(1,4)", "F.rms_norm(a, (4,))", run_plain },
             { "zero", "v0,0,0,0(1,4) n(4)", "F.rms_norm(a, (4,), b)", run },
             { "infinite", "v1,inf,2,3,1,nan,2,3,1,2,3,4(3,4)", "F.rms_norm(a, (4,))", run_plain },
             { "no rows", "n(0,4) n(4)", "F.rms_norm(a, (4,), b)", run },
             { "no values", "n(3,0) n(0)", "F.rms_norm(a, (0,), b)", run },
             { "shape", "n(4,3)", NULL, run_plain, { "rms_norm", "(4, 3)", "(4,)" } },
             { "eps nan", "n(3,4)", NULL, run_nan, { "rms_norm", "eps is nan" } },
             { "int64", "i5(3,4)", NULL, run_plain, { "rms_norm", "int64", "float32" } }),
};

fr_tensor *fr_rms_norm(fr_tensor *x, fr_shape normalized, fr_tensor *weight, double eps)
{
    double epsilon = x && x->dtype == FR_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    fr_row_norm_attributes attributes = { .shape = normalized, .eps = fr_option(eps, epsilon) };

    return fr_apply(&fr_rms_norm_op, (fr_tensor *[]){ x, weight }, &attributes);
}
