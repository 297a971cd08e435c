/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* layer_norm: y = (x - mean) / sqrt(variance + eps) weight + bias, with the mean and variance of x over its last dims
 * (Ba, Kiros and Hinton, "Layer Normalization", 2016). kernels/row_norm.h derives the gradients. */
#include "ops/norm/norm.h"

#include <frond/autograd.h>

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

FR_RUN(run_groups, fr_group_norm(in[0], 2, in[1], in[2], 0))
FR_RUN(run_groups_plain, fr_group_norm(in[0], 2, NULL, NULL, 0.5))
FR_RUN(run_no_groups, fr_group_norm(in[0], 0, NULL, NULL, 0))
FR_RUN(run_instances, fr_instance_norm(in[0], NULL, NULL, in[1], in[2], NULL))
FR_RUN(run_instances_plain, fr_instance_norm(in[0], NULL, NULL, NULL, NULL, &(fr_instance_norm_options){ .eps = 0.5 }))
FR_RUN(run_instances_running,
       fr_instance_norm(in[0], in[1], in[2], NULL, NULL, &(fr_instance_norm_options){ .no_input_stats = true }))
FR_RUN(run_instances_one, fr_instance_norm(in[0], fr_detach(in[1]), NULL, NULL, NULL, NULL))
FR_RUN(run_instances_momentum,
       fr_instance_norm(in[0], NULL, NULL, NULL, NULL, &(fr_instance_norm_options){ .momentum = 2 }))

#ifdef FR_TESTS
/* The running statistics after a call. */
static fr_tensor *run_instances_moved(fr_tensor *const *in)
{
    fr_tensor *mean = fr_clone(fr_detach(in[1])), *variance = fr_clone(fr_detach(in[2]));

    return fr_instance_norm(in[0], mean, variance, NULL, NULL, &(fr_instance_norm_options){ .momentum = 0.3 })
               ? fr_cat((fr_tensor *[]){ mean, variance }, 2, 0)
               : NULL;
}
#endif

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
        { "groups", "n(3,4,2,3) n(4) n(4)", "F.group_norm(a, 2, b, c)", run_groups, .may_lack = true },
        { "groups, plain", "n(3,4,5)", "F.group_norm(a, 2, eps=0.5)", run_groups_plain },
        { "groups, rows", "n(3,4)", "F.group_norm(a, 2, eps=0.5)", run_groups_plain },
        { "groups, no images", "n(0,4,5)", "F.group_norm(a, 2, eps=0.5)", run_groups_plain },
        { "instances", "n(3,4,2,3) n(4) n(4)", "F.instance_norm(a, weight=b, bias=c)", run_instances,
          .may_lack = true },
        { "instances, plain", "n(3,4,5)", "F.instance_norm(a, eps=0.5)", run_instances_plain },
        { "instances, running", "n(3,2,4) v0.5,-1(2) v2,0.5(2)",
          "F.instance_norm(a, b.detach(), c.detach(), use_input_stats=False)", run_instances_running },
        { "instances, moved", "n(3,2,4) v0.5,-1(2) v2,0.5(2)",
          "(F.instance_norm(a, m := b.detach().clone(), v := c.detach().clone(), momentum=0.3), torch.cat([m, v]))[1]",
          run_instances_moved, .no_grad = true, .may_lack = true },
        { "groups, number", "n(3,5,2)", NULL, run_groups_plain, { "group_norm", "2 groups", "(3, 5, 2)" } },
        { "groups, none", "n(3,5,2)", NULL, run_no_groups, { "group_norm", "0 groups" } },
        { "groups, dims", "n(4)", NULL, run_groups_plain, { "group_norm", "(4,)", "(N, C)" } },
        { "groups, weight", "n(3,4,2) n(2) n(4)", NULL, run_groups, { "group_norm", "weight (2,)", "(3, 4, 2)" } },
        { "instances, bias", "n(3,4,2) n(4) n(2)", NULL, run_instances, { "instance_norm", "bias (2,)" } },
        { "instances, dims", "n(3,4)", NULL, run_instances_plain, { "instance_norm", "(3, 4)", "(N, C, ...)" } },
        { "instances, one value", "n(3,4,1)", NULL, run_instances_plain, { "instance_norm", "(3, 4, 1)" } },
        { "instances, one of two", "n(3,2,4) n(2)", NULL, run_instances_one, { "instance_norm", "is NULL" } },
        { "instances, momentum", "n(3,2,4)", NULL, run_instances_momentum, { "instance_norm", "momentum is 2" } },
        { "instances, int64", "i5(3,4,2)", NULL, run_instances_plain, { "instance_norm", "int64" } },
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
