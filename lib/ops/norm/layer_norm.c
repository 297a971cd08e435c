/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* layer_norm: y = (x - mean) / sqrt(variance + eps) weight + bias, with the mean and variance of x over its last dims
 * (Ba, Kiros and Hinton, "Layer Normalization", 2016). kernels/row_norm.h derives the gradients. */
#include "ops/norm/norm.h"

/* ONNX's LayerNormalization needs a scale: ones, if there is no weight. */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const fr_row_norm_attributes *a = call->attributes;
    const char *scale = fr_onnx_input(g, 1);

    if (!call->in[1])
        scale = fr_onnx_value(g, "Expand",
                              FR_ONNX_NAMES(fr_onnx_number(g, fr_dtype_of(call->in[0]), 1),
                                            fr_onnx_int64s(g, a->shape.ndim, a->shape.dim)));
    fr_onnx_node(g, "LayerNormalization", FR_ONNX_NAMES(fr_onnx_input(g, 0), scale, fr_onnx_input(g, 2)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "axis", -a->shape.ndim);
    fr_onnx_float(g, "epsilon", a->eps);
    return true;
}

FR_RUN(run, fr_layer_norm(in[0], fr_shape_of(in[1]), in[1], in[2], 0))
FR_RUN(run_weight, fr_layer_norm(in[0], fr_shape_of(in[1]), in[1], NULL, 0))
FR_RUN(run_bias, fr_layer_norm(in[0], fr_shape_of(in[1]), NULL, in[1], 0))
FR_RUN(run_plain, fr_layer_norm(in[0], (fr_shape){ 1, { 4 } }, NULL, NULL, 0))
FR_RUN(run_eps, fr_layer_norm(in[0], (fr_shape){ 1, { 4 } }, NULL, NULL, 0.5))
FR_RUN(run_no_eps, fr_layer_norm(in[0], (fr_shape){ 1, { 4 } }, NULL, NULL, FR_ZERO))
FR_RUN(run_transposed, fr_layer_norm(fr_transpose(in[0], 0, 1), (fr_shape){ 1, { 4 } }, NULL, in[1], 0))
FR_RUN(run_scalar, fr_layer_norm(in[0], (fr_shape){ 0 }, NULL, NULL, 0))
FR_RUN(run_negative, fr_layer_norm(in[0], (fr_shape){ 1, { 4 } }, NULL, NULL, -1))

const fr_op fr_layer_norm_op = {
    .name = "layer_norm",
    .formula = "y = (x - mean) / sqrt(variance + eps) weight + bias",
    .shapes = "(*,**) (**)? (**)? -> (*,**)",
    .inputs = 3,
    .optional = 6,
    .saves_inputs = 7,
    FR_ROW_NORM_OP,
    .onnx = onnx,
    FR_CASES(
        { "weight and bias", "n(2,3,4) n(4) n(4)", "F.layer_norm(a, (4,), b, c)", run },
        { "weight", "n(5,4) n(4)", "F.layer_norm(a, (4,), b)", run_weight },
        { "bias", "n(5,4) n(4)", "F.layer_norm(a, (4,), None, b)", run_bias },
        { "neither", "n(3,4)", "F.layer_norm(a, (4,))", run_plain },
        { "two dims", "n(5,3,4) n(3,4) n(3,4)", "F.layer_norm(a, (3, 4), b, c)", run },
        { "all dims", "n(3,4) n(3,4) n(3,4)", "F.layer_norm(a, (3, 4), b, c)", run },
        { "long", "n(3,37) n(37) n(37)", "F.layer_norm(a, (37,), b, c)", run },
        { "eps", "n(3,4)", "F.layer_norm(a, (4,), eps=0.5)", run_eps },
        { "no eps", "n(3,4)", "F.layer_norm(a, (4,), eps=0.0)", run_no_eps },
        { "one row", "n(6) n(6) n(6)", "F.layer_norm(a, (6,), b, c)", run },
        { "rows of one", "v1,-2,3(3,1) n(1) n(1)", "F.layer_norm(a, (1,), b, c)", run, .no_grad = true },
        { "transposed", "n(4,3) n(4)", "F.layer_norm(a.T, (4,), None, b)", run_transposed },
        { "large mean", "v1000000,1000001,1000002,1000004(1,4)", "F.layer_norm(a, (4,))", run_plain, .no_grad = true },
        { "no variance", "v0.5,0.5,0.5,0.5(1,4) n(4)", "F.layer_norm(a, (4,), b)", run_weight },
        { "infinite", "v1,inf,2,3,1,nan,2,3,1,2,3,4(3,4)", "F.layer_norm(a, (4,))", run_plain },
        { "no rows", "n(0,4) n(4) n(4)", "F.layer_norm(a, (4,), b, c)", run },
        { "no values", "n(3,0) n(0) n(0)", "F.layer_norm(a, (0,), b, c)", run },
        { "shape", "n(4,3)", NULL, run_plain, { "layer_norm", "(4, 3)", "(4,)" } },
        { "more dims", "n(4) n(3,4)", NULL, run_weight, { "layer_norm", "(4,)", "(3, 4)" } },
        { "scalar", "n(4)", NULL, run_scalar, { "layer_norm", "(4,)", "()", "one or more" } },
        { "bias shape", "n(3,4) n(4) n(3)", NULL, run, { "layer_norm", "bias (3,)", "(4,)" } },
        { "negative eps", "n(3,4)", NULL, run_negative, { "layer_norm", "eps is -1" } },
        { "int64", "i5(3,4)", NULL, run_plain, { "layer_norm", "int64", "float32" } }),
};

fr_tensor *fr_layer_norm(fr_tensor *x, fr_shape normalized, fr_tensor *weight, fr_tensor *bias, double eps)
{
    fr_row_norm_attributes attributes = { .shape = normalized, .eps = fr_option(eps, 1e-5), .centred = true };

    return fr_apply(&fr_layer_norm_op, (fr_tensor *[]){ x, weight, bias }, &attributes);
}
