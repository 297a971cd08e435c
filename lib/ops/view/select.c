/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* select: y = x[..., index, ...]: one position of a dim, without that dim. Backward: dy at that position, 0 elsewhere.
 */
#include "ops/view/view.h"

typedef struct {
    int dim;
    int64_t index;
} attributes;

static bool infer(fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    const attributes *a = call->attributes;
    fr_meta *m = &call->out[0];
    char text[FR_SHAPE_TEXT];
    int dim = fr_op_dim(call, a->dim);

    *m = fr_meta_of(t);
    if (dim < 0)
        return false;
    if (t->shape.ndim == 0)
        return fr_op_fail(call, "a scalar has no dim to select from");

    int64_t size = t->shape.dim[dim], index = a->index < 0 ? a->index + size : a->index;

    if (index < 0 || index >= size)
        return fr_op_fail(call, "index %lld is out of range for dim %d of shape %s, of size %lld", (long long)a->index,
                          dim, fr_shape_text(&t->shape, text), (long long)size);
    m->shape.ndim--;
    for (int i = 0; i < m->shape.ndim; i++) {
        m->shape.dim[i] = t->shape.dim[i + (i >= dim)];
        m->stride[i] = t->stride[i + (i >= dim)];
    }
    m->offset = index * t->stride[dim];
    return true;
}

static void backward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_shape *shape = &call->in_shape[0];
    int dim = fr_shape_dim(shape, a->dim);
    int64_t index = a->index < 0 ? a->index + shape->dim[dim] : a->index;

    call->grad_in[0] = fr_unslice(fr_unsqueeze(call->grad_out[0], dim), shape, dim, index, 1);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;
    const int64_t dim = fr_shape_dim(&call->in[0]->shape, a->dim);
    const char *selected =
        fr_onnx_value(g, "Gather", FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_sizes(g, 1, &a->index)));

    fr_onnx_int(g, "axis", dim);
    fr_onnx_node(g, "Squeeze", FR_ONNX_NAMES(selected, fr_onnx_int64s(g, 1, &dim)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

#ifdef FR_TESTS
/* What unbind gives along dim 1, stacked in the reverse order. There is room for 5. */
static fr_tensor *run_unbind(fr_tensor *const *in)
{
    fr_tensor *parts[5], *reversed[5];
    int n = fr_unbind(in[0], 1, parts, 5);

    for (int i = 0; i < n; i++)
        reversed[n - 1 - i] = parts[i];
    return n < 0 ? NULL : fr_stack(reversed, n, 0);
}
#endif

FR_RUN(run_index, fr_index(in[0], "%d:, ..., None, -1", 1))
FR_RUN(run_index_steps, fr_index(in[0], "::-1, 2:0:-1, :-1:2"))
FR_RUN(run_index_dots, fr_index(in[0], "None, ..., 0, :, 1"))
FR_RUN(run_index_none, fr_index(in[0], "..., None"))
FR_RUN(run_index_word, fr_index(in[0], "0, x"))
FR_RUN(run_index_empty, fr_index(in[0], "0,,"))
FR_RUN(run_index_long, fr_index(in[0], "%300d", 1))
FR_RUN(run, fr_select(in[0], 1, -1))
FR_RUN(run_range, fr_select(in[0], 0, 7))

const fr_op fr_select_op = {
    FR_VIEW_OP,
    .name = "select",
    .formula = "y = x[..., index, ...]",
    .derivative = "dL/dx = dL/dy at the index, 0 elsewhere",
    .shapes = "(*,N,**) -> (*,**)",
    .attributes_size = sizeof(attributes),
    FR_CASES({ "last", "n(2,3,4)", "a[:, -1]", run }, { "first", "n(8)", "a[7]", run_range },
             { "empty", "n(9,0)", "a[7]", run_range }, { "int64", "i9(2,3,4)", "a[:, -1]", run },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a[:, -1]", run },
             { "unbind", "n(2,4,3)", "torch.stack(a.unbind(1)[::-1])", run_unbind },
             { "unbind room", "n(2,6)", NULL, run_unbind, { "unbind", "6 parts", "for 5" } },
             { "unbind scalar", "n()", NULL, run_unbind, { "unbind", "dim 1", "()" } },
             { "index", "n(2,3,4)", "a[1:, ..., None, -1]", run_index },
             { "index steps", "n(2,3,4)", "a.flip(0)[:, [2, 1], :-1:2]", run_index_steps },
             { "index dots", "n(2,3,4)", "a[None, ..., 0, :, 1]", run_index_dots },
             { "index scalar", "n()", "a[..., None]", run_index_none },
             { "index range", "n(2,1)", "a[1:, ..., None, -1]", run_index },
             { "index more", "n(3,3)", NULL, run_index_steps, { "index", "(3, 3)", "more" } },
             { "index outside", "n(2,1,1)", NULL, run_index_dots, { "index", "index 1", "size 1" } },
             { "index word", "n(2,3)", NULL, run_index_word, { "index", "\"x\"" } },
             { "index empty", "n(2,3,4)", NULL, run_index_empty, { "index", "\"\"" } },
             { "index long", "n(2)", NULL, run_index_long, { "index", "300", "256" } },
             { "range", "n(4,3)", NULL, run_range, { "select", "7", "4" } },
             { "nothing", "n(2,0)", NULL, run, { "select", "-1", "size 0" } },
             { "scalar", "n()", NULL, run_range, { "select", "scalar" } },
             { "dim", "n(3)", NULL, run, { "select", "dim 1", "(3,)" } })
};

fr_tensor *fr_select(fr_tensor *t, int dim, int64_t index)
{
    return fr_apply(&fr_select_op, &t, &(attributes){ dim, index });
}
