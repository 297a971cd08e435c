/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* conv_by_weight: the gradient of a convolution by its weight, from the gradient g of its output. It is linear in x and
 * g: ops/conv/conv.h says why its gradients are the other two maps. */
#include "ops/conv/conv.h"
#include "ops/reduce/reduce.h"

static bool infer(fr_op_call *call)
{
    const fr_convolution *c = &((const fr_conv_attributes *)call->attributes)->conv;
    fr_shape like = { c->window.dims + 2, { c->groups * c->out_channels } };

    call->out[0] = (fr_meta){ .shape = fr_spatial_shape(&c->window, &like, c->in_channels, c->window.kernel),
                              .dtype = fr_dtype_of(call->in[0]) };
    return true;
}

/* The kernel leaves a sum for each slice of the images. */
static void forward(fr_op_call *call)
{
    const fr_convolution *c = &((const fr_conv_attributes *)call->attributes)->conv;
    const fr_tensor *x = call->in[0], *g = call->in[1];
    fr_tensor *dw = call->result[0];
    fr_dtype dtype = (fr_dtype)dw->dtype;
    int64_t slices = fr_convolve_slices(c);
    size_t bytes = fr_bytes(slices * dw->numel * (int64_t)fr_dtype_size(dtype));
    void *sums = slices > 1 ? fr_alloc(bytes) : dw->origin;

    if (!sums || !fr_convolve_grad_weight(dtype, c, x->origin, g->origin, sums))
        call->failed = !fr_fail_memory(call->op->name);
    else if (slices > 1)
        call->failed = !fr_sum_rows(call->op->name, dtype, slices, dw->numel, sums, dw->origin);
    if (slices > 1 && sums)
        fr_free(sums, bytes);
}

static void backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *g = call->in[1], *dw = call->grad_out[0]; /* dw: here the gradient of it */

    if (call->needs[0])
        call->grad_in[0] = fr_conv_by_x(g, dw, call->attributes);
    if (call->needs[1])
        call->grad_in[1] = fr_conv_without_bias(x, dw, call->attributes);
}

FR_RUN(run_1d, fr_conv_test_gradient(&fr_conv_by_weight_op, 1, in))
FR_RUN(run_2d, fr_conv_test_gradient(&fr_conv_by_weight_op, 2, in))

const fr_op fr_conv_by_weight_op = {
    .name = "conv_by_weight",
    .formula = "dw[o][c][k] = sum of x[c][p stride - padding + k dilation] g[o][p]",
    .shapes = "(*,C,L) (*,O,L') -> (O,C/groups,K); (*,C,H,W) (*,O,H',W') -> (O,C/groups,K,K')",
    .input_names = "x g",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .attributes_size = sizeof(fr_conv_attributes),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "one dim", "n(2,4,8) n(2,6,4)",
               "torch.nn.grad.conv1d_weight(a, (6, 2, 3), b, stride=2, padding=1, groups=2)", run_1d },
             { "two dims", "n(2,6,4) n(3,2,4)",
               "torch.nn.grad.conv2d_weight(a[None], (3, 2, 3, 2), b[None], (2, 1), (0, 1), (1, 2))", run_2d },
             { "int64", "i5(2,4,8) i5(2,6,4)", NULL, run_1d, { "conv_by_weight", "int64" } })
};

fr_tensor *fr_conv_by_weight(fr_tensor *x, fr_tensor *g, const fr_conv_attributes *a)
{
    return fr_apply(&fr_conv_by_weight_op, (fr_tensor *[]){ x, g }, a);
}
