/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* flip: y[i] = x[n - 1 - i] along dim, or along several dims one after the other. The gradient is flipped back. rot90
 * turns a plane of two dims: a flip and a transpose. */
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
FR_RUN(run_dims, fr_flip_dims(in[0], (fr_shape){ 2, { -1, 0 } }))
FR_RUN(run_no_dims, fr_flip_dims(in[0], (fr_shape){ 0 }))
FR_RUN(run_dims_twice, fr_flip_dims(in[0], (fr_shape){ 2, { 1, -1 } }))
FR_RUN(run_rot90, fr_rot90(in[0], 1, 0, 1))
FR_RUN(run_rot180, fr_rot90(in[0], -2, 2, 0))
FR_RUN(run_rot270, fr_rot90(in[0], -1, -1, 0))
FR_RUN(run_rot360, fr_rot90(in[0], 4, 0, 1))
FR_RUN(run_rot90_range, fr_rot90(in[0], 1, 0, 2))
FR_RUN(run_rot90_same, fr_rot90(in[0], 1, 1, -1))
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
             { "dims", "n(2,3,4)", "a.flip(-1, 0)", run_dims }, { "no dims", "n(2,3)", "a.flip(())", run_no_dims },
             { "rot90", "n(2,3,4)", "a.rot90(1, (0, 1))", run_rot90 },
             { "rot180", "n(2,3,4)", "a.rot90(-2, (2, 0))", run_rot180 },
             { "rot270", "n(2,3,4)", "a.rot90(-1, (-1, 0))", run_rot270 },
             { "rot360", "n(2,3)", "a.rot90(4, (0, 1))", run_rot360 },
             { "dims twice", "n(2,3)", NULL, run_dims_twice, { "flip_dims", "dim 1", "twice" } },
             { "rot90 range", "n(2,3)", NULL, run_rot90_range, { "rot90", "dim 2", "(2, 3)" } },
             { "rot90 same", "n(2,3)", NULL, run_rot90_same, { "rot90", "dim 1", "twice" } },
             { "range", "n(3,4)", NULL, run_range, { "flip", "2", "(3, 4)" } })
};

fr_tensor *fr_flip(fr_tensor *t, int dim)
{
    return fr_apply(&fr_flip_op, &t, &dim);
}

static fr_tensor *flipped(fr_tensor *t, const int *dims, int n)
{
    t = fr_reshape(t, t->shape);
    for (int i = 0; i < n; i++)
        t = fr_flip(t, dims[i]);
    return t;
}

fr_tensor *fr_flip_dims(fr_tensor *t, fr_shape dims)
{
    fr_composition c = fr_compose("flip_dims");
    fr_tensor *y = NULL;
    int order[FR_MAX_DIMS], n;

    if (fr_check_argument("flip_dims", t, "t") && (n = fr_dims_last("flip_dims", t, &dims, order)) >= 0)
        y = flipped(t, order + t->shape.ndim - n, n);
    return fr_composed(c, y);
}

/* A quarter turn from dim0 to dim1 puts what lies along dim1, backwards, along dim0. */
static fr_tensor *turned(fr_tensor *t, int turns, const int dims[2])
{
    if (turns == 0)
        return fr_reshape(t, t->shape);
    if (turns == 2)
        return flipped(t, dims, 2);
    return fr_transpose(fr_flip(t, turns == 1 ? dims[1] : dims[0]), dims[0], dims[1]);
}

fr_tensor *fr_rot90(fr_tensor *t, int k, int dim0, int dim1)
{
    fr_composition c = fr_compose("rot90");
    const fr_shape dims = { 2, { dim0, dim1 } };
    fr_tensor *y = NULL;
    int order[FR_MAX_DIMS], n;

    if (fr_check_argument("rot90", t, "t") && (n = fr_dims_last("rot90", t, &dims, order)) >= 0)
        y = turned(t, (k % 4 + 4) % 4, order + t->shape.ndim - n);
    return fr_composed(c, y);
}
