/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* slice: y = x[..., start:stop:step, ...], as Python has it. unslice, its backward: zeros, but x at start, start +
 * step,
 * ... along dim. */
#include "ops/view/view.h"

typedef struct {
    int dim;
    int64_t start, stop, step;
    fr_shape shape; /* unslice: of the output */
} attributes;

static int64_t clamped(int64_t position, int64_t size)
{
    if (position < 0)
        position = position < -size ? 0 : position + size;
    return position > size ? size : position;
}

static bool infer(fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    const attributes *a = call->attributes;
    fr_meta *m = &call->out[0];
    int dim = fr_op_dim(call, a->dim);

    *m = fr_meta_of(t);
    if (dim < 0)
        return false;
    if (t->shape.ndim == 0)
        return fr_op_fail(call, "a scalar has no dim to slice");
    if (a->step < 1)
        return fr_op_fail(call, "step %lld, expected 1 or more", (long long)a->step);

    int64_t size = t->shape.dim[dim], start = clamped(a->start, size), stop = clamped(a->stop, size);

    memcpy(m->stride, t->stride, sizeof m->stride);
    m->shape.dim[dim] = stop > start ? (stop - start - 1) / a->step + 1 : 0;
    if (m->shape.dim[dim] > 1)
        m->stride[dim] *= a->step;
    m->offset = m->shape.dim[dim] ? start * t->stride[dim] : 0;
    return true;
}

static void backward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_shape *shape = &call->in_shape[0];
    int dim = fr_shape_dim(shape, a->dim);

    call->grad_in[0] = fr_unslice(call->grad_out[0], shape, dim, clamped(a->start, shape->dim[dim]), a->step);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;
    const int64_t dim = fr_shape_dim(&call->in[0]->shape, a->dim);

    fr_onnx_node(g, "Slice",
                 FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_sizes(g, 1, &a->start), fr_onnx_sizes(g, 1, &a->stop),
                               fr_onnx_int64s(g, 1, &dim), fr_onnx_sizes(g, 1, &a->step)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_slice(in[0], 1, 1, INT64_MAX, 2))
FR_RUN(run_negative, fr_slice(in[0], -2, -2, -1, 1))
FR_RUN(run_clamped, fr_slice(in[0], 1, INT64_MIN, INT64_MAX, INT64_MAX))
FR_RUN(run_nothing, fr_slice(in[0], 0, 2, 1, 3))
FR_RUN(run_backwards, fr_slice(in[0], 0, 0, 2, 0))

const fr_op fr_slice_op = {
    FR_VIEW_OP,
    .name = "slice",
    .formula = "y = x[..., start:stop:step, ...]",
    .shapes = "(*,N,**) -> (*,N',**)",
    .attributes_size = sizeof(attributes),
    FR_CASES({ "step", "n(3,6)", "a[:, 1::2]", run }, { "negative", "n(3,6)", "a[-2:-1]", run_negative },
             { "clamped", "n(3,6)", "a[:, -99:99:99]", run_clamped }, { "nothing", "n(3,6)", "a[2:1:3]", run_nothing },
             { "empty", "n(3,0)", "a[:, 1::2]", run }, { "int64", "i9(3,6)", "a[:, 1::2]", run },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a[:, 1::2]", run },
             { "step 0", "n(3)", NULL, run_backwards, { "slice", "step 0", "1 or more" } },
             { "scalar", "n()", NULL, run_nothing, { "slice", "scalar" } },
             { "range", "n(3)", NULL, run, { "slice", "dim 1", "(3,)" } })
};

fr_tensor *fr_slice(fr_tensor *t, int dim, int64_t start, int64_t stop, int64_t step)
{
    return fr_apply(&fr_slice_op, &t, &(attributes){ .dim = dim, .start = start, .stop = stop, .step = step });
}

static bool unslice_infer(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_shape *part = &call->in[0]->shape;
    char given[FR_SHAPE_TEXT], whole[FR_SHAPE_TEXT];
    bool fits = part->ndim == a->shape.ndim;

    for (int i = 0; fits && i < part->ndim; i++)
        fits = i == a->dim ? part->dim[i] == 0 || a->start + (part->dim[i] - 1) * a->step < a->shape.dim[i]
                           : part->dim[i] == a->shape.dim[i];
    if (!fits)
        return fr_op_fail(call, "%s is no slice of %s", fr_shape_text(part, given), fr_shape_text(&a->shape, whole));
    call->out[0] = fr_meta_of(call->in[0]);
    call->out[0].shape = a->shape;
    return true;
}

static void unslice_forward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor part = *call->result[0];

    memset(part.origin, 0, part.storage->bytes);
    fr_advance(&part, a->dim, a->start);
    if (call->in[0]->shape.dim[a->dim] > 1)
        part.stride[a->dim] *= a->step;
    part.shape = call->in[0]->shape;
    part.numel = call->in[0]->numel;
    fr_copy_values(&part, call->in[0]);
}

static void unslice_backward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    int64_t count = call->in_shape[0].dim[a->dim];
    int64_t stop = count > 0 ? a->start + (count - 1) * a->step + 1 : a->start;

    call->grad_in[0] = fr_slice(call->grad_out[0], a->dim, a->start, stop, a->step);
}

FR_RUN(run_unslice, fr_unslice(in[0], &(fr_shape){ 2, { 3, 6 } }, 1, 1, 2))

const fr_op fr_unslice_op = { FR_MOVING_OP,
                              .name = "unslice",
                              .formula = "y[..., start:stop:step, ...] = x, 0 elsewhere",
                              .shapes = "(*,N',**) -> (*,N,**)",
                              .input_names = "t",
                              .attributes_size = sizeof(attributes),
                              .infer = unslice_infer,
                              .forward = unslice_forward,
                              .backward = unslice_backward,
                              .jvp = fr_jvp_linear,
                              FR_CASES(
                                  { "step", "n(3,2)", "torch.zeros(3, 6).slice_scatter(a, 1, 1, 5, 2)", run_unslice },
                                  { "more", "n(3,4)", NULL, run_unslice, { "unslice", "(3, 4)", "(3, 6)" } },
                                  { "rows", "n(2,2)", NULL, run_unslice, { "unslice", "(2, 2)", "(3, 6)" } }) };

fr_tensor *fr_unslice(fr_tensor *t, const fr_shape *shape, int dim, int64_t start, int64_t step)
{
    return fr_apply(&fr_unslice_op, &t, &(attributes){ .dim = dim, .start = start, .step = step, .shape = *shape });
}
