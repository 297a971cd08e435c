/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* flip: y[i] = x[n - 1 - i] along dim. The gradient is flipped back. */
#include "ops/view/view.h"

#include <frond/c_code.h>

static bool infer(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return fr_op_dim(call, *(const int *)call->attributes) >= 0;
}

/* The input with a negative stride along dim, from its last position on. */
static fr_tensor flipped_input(const fr_op_call *call)
{
    fr_tensor flipped = *call->in[0];
    int dim = fr_shape_dim(&flipped.shape, *(const int *)call->attributes);

    if (flipped.shape.ndim > 0 && flipped.numel > 0) {
        fr_advance(&flipped, dim, flipped.shape.dim[dim] - 1);
        flipped.stride[dim] = -flipped.stride[dim];
    }
    return flipped;
}

static void forward(fr_op_call *call)
{
    fr_tensor from = flipped_input(call);

    fr_copy_values(call->result[0], &from);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    fr_tensor from = flipped_input(call);

    return fr_c_copy(w, call->result[0], &from);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_flip(call->grad_out[0], *(const int *)call->attributes);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const int64_t dim = fr_shape_dim(&call->in[0]->shape, *(const int *)call->attributes), last = -1, end = -INT64_MAX,
                  back = -1;

    if (!fr_onnx_has_axes(g, call))
        return false;
    fr_onnx_node(g, "Slice",
                 FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_int64s(g, 1, &last), fr_onnx_int64s(g, 1, &end),
                               fr_onnx_int64s(g, 1, &dim), fr_onnx_int64s(g, 1, &back)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run_first, fr_flip(in[0], 0))
FR_RUN(run_last, fr_flip(in[0], -1))
FR_RUN(run_strided, fr_flip(fr_transpose(in[0], 0, 2), 1))
FR_RUN(run_range, fr_flip(in[0], 2))

const fr_op fr_flip_op = {
    FR_MOVING_OP,
    .name = "flip",
    .formula = "y[i] = x[n - 1 - i] along dim",
    .shapes = "(*) -> (*)",
    .attributes_size = sizeof(int),
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_linear,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES({ "first", "n(3,4)", "a.flip(0)", run_first }, { "last", "n(2,3,5)", "a.flip(-1)", run_last },
             { "strided", "n(2,3,4)", "a.transpose(0, 2).flip(1)", run_strided },
             { "int64", "i9(3,4)", "a.flip(0)", run_first }, { "scalar", "n()", "a.flip(0)", run_first },
             { "empty", "n(0,3)", "a.flip(0)", run_first },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.flip(-1)", run_last },
             { "range", "n(3,4)", NULL, run_range, { "flip", "2", "(3, 4)" } })
};

fr_tensor *fr_flip(fr_tensor *t, int dim)
{
    return fr_apply(&fr_flip_op, &t, &dim);
}
