/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* slice: y = x[..., start:stop:step, ...], as Python has it; with a negative step it is flipped. narrow is a slice of a
 * given length. unslice, the backward: zeros, but x at start, start + step, ... along dim. */
#include "core/loop.h"
#include "kernels/accumulate.h"
#include "ops/view/view.h"

#include <frond/c_code.h>

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
        return fr_op_fail(call, "step %lld, expected any other", (long long)a->step);

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

#ifdef FR_TESTS
enum { ROOM = 5 };

/* The parts, each with a weight of its own, joined along dim 1. NULL if there are none. */
static fr_tensor *weigh_parts(fr_tensor **ts, int n)
{
    for (int i = 0; i < n; i++)
        ts[i] = fr_mul_scalar(ts[i], i + 1);
    return n < 0 ? NULL : fr_cat(ts, n, 1);
}

#define RUN_PARTS(NAME, CALL)                                                                                          \
    static fr_tensor *NAME(fr_tensor *const *in)                                                                       \
    {                                                                                                                  \
        fr_tensor *parts[ROOM];                                                                                        \
                                                                                                                       \
        return weigh_parts(parts, CALL);                                                                               \
    }
#define WEIGHED(parts) "torch.cat([(i + 1) * p for i, p in enumerate(" parts ")], 1)"
#else
#define RUN_PARTS(NAME, CALL)
#endif

FR_RUN(run, fr_slice(in[0], 1, 1, INT64_MAX, 2))
FR_RUN(run_negative, fr_slice(in[0], -2, -2, -1, 1))
FR_RUN(run_clamped, fr_slice(in[0], 1, INT64_MIN, INT64_MAX, INT64_MAX))
FR_RUN(run_nothing, fr_slice(in[0], 0, 2, 1, 3))
FR_RUN(run_still, fr_slice(in[0], 0, 0, 2, 0))
FR_RUN(run_backwards, fr_slice(in[0], -1, INT64_MAX, INT64_MIN, -1))
FR_RUN(run_backwards_step, fr_slice(in[0], 1, -2, 0, -2))
FR_RUN(run_backwards_clamped, fr_slice(in[0], 1, 99, -99, INT64_MIN))
FR_RUN(run_backwards_nothing, fr_slice(in[0], 1, 1, 2, -1))
FR_RUN(run_narrow, fr_narrow(in[0], -1, 1, 3))
FR_RUN(run_narrow_end, fr_narrow(in[0], 0, -1, 1))
FR_RUN(run_diagonal, fr_diagonal(in[0], 0, 0, 1))
FR_RUN(run_diagonal_above, fr_diagonal(in[0], 1, -1, 0))
FR_RUN(run_diagonal_below, fr_diagonal(in[0], -2, 0, -1))
FR_RUN(run_diagonal_outside, fr_diagonal(in[0], 9, 0, 1))
FR_RUN(run_diag, fr_diag(in[0], 1))
RUN_PARTS(run_chunk, fr_chunk(in[0], 4, 1, parts, ROOM))
RUN_PARTS(run_chunk_none, fr_chunk(in[0], 0, 1, parts, ROOM))
RUN_PARTS(run_split, fr_split(in[0], 4, -1, parts, ROOM))
RUN_PARTS(run_split_room, fr_split(in[0], 1, 1, parts, ROOM))
RUN_PARTS(run_split_none, fr_split(in[0], 0, 1, parts, ROOM))
RUN_PARTS(run_split_sizes, fr_split_with_sizes(in[0], (int64_t[]){ 3, 0, 4 }, 3, 1, parts))

const fr_op fr_slice_op = {
    FR_VIEW_OP,
    .name = "slice",
    .formula = "y = x[..., start:stop:step, ...]",
    .derivative = "dL/dx = dL/dy in the places of the slice, 0 elsewhere",
    .shapes = "(*,N,**) -> (*,N',**)",
    .attributes_size = sizeof(attributes),
    FR_CASES({ "step", "n(3,6)", "a[:, 1::2]", run }, { "negative", "n(3,6)", "a[-2:-1]", run_negative },
             { "clamped", "n(3,6)", "a[:, -99:99:99]", run_clamped }, { "nothing", "n(3,6)", "a[2:1:3]", run_nothing },
             { "empty", "n(3,0)", "a[:, 1::2]", run }, { "int64", "i9(3,6)", "a[:, 1::2]", run },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a[:, 1::2]", run },
             { "backwards", "n(3,6)", "a.flip(-1)", run_backwards },
             { "backwards by 2", "n(3,6)", "a[:, [4, 2]]", run_backwards_step },
             { "backwards, clamped", "n(3,6)", "a[:, 5:]", run_backwards_clamped },
             { "backwards, nothing", "n(3,6)", "a[:, :0]", run_backwards_nothing },
             { "backwards, empty", "n(3,0)", "a", run_backwards },
             { "narrow", "n(3,6)", "a.narrow(-1, 1, 3)", run_narrow },
             { "narrow from the end", "n(3,6)", "a.narrow(0, -1, 1)", run_narrow_end },
             { "narrow more", "n(2,3)", NULL, run_narrow, { "narrow", "3 from 1", "dim 1", "(2, 3)" } },
             { "narrow scalar", "n()", NULL, run_narrow, { "narrow", "dim -1", "()" } },
             { "chunk", "n(2,10)", WEIGHED("a.chunk(4, 1)"), run_chunk },
             { "chunk fewer", "n(2,3)", WEIGHED("a.chunk(4, 1)"), run_chunk },
             { "chunk empty", "n(2,0)", WEIGHED("a.chunk(4, 1)"), run_chunk },
             { "chunk none", "n(2,3)", NULL, run_chunk_none, { "chunk", "0 chunks" } },
             { "split", "n(2,10)", WEIGHED("a.split(4, -1)"), run_split },
             { "split room", "n(2,6)", NULL, run_split_room, { "split", "6 parts", "room for 5" } },
             { "split none", "n(2,3)", NULL, run_split_none, { "split", "size 0" } },
             { "split scalar", "n()", NULL, run_split, { "split", "dim -1", "()" } },
             { "split with sizes", "n(2,7)", WEIGHED("a.split([3, 0, 4], 1)"), run_split_sizes },
             { "sizes too few", "n(2,8)", NULL, run_split_sizes, { "split_with_sizes", "3 sizes", "dim 1", "(2, 8)" } },
             { "diagonal", "n(3,5,2)", "a.diagonal()", run_diagonal },
             { "diagonal above", "n(5,2,3)", "a.diagonal(1, -1, 0)", run_diagonal_above },
             { "diagonal below", "n(3,2,2)", "a.diagonal(-2, 0, -1)", run_diagonal_below },
             { "diagonal outside", "n(3,4)", "a.diagonal(9)", run_diagonal_outside },
             { "diagonal empty", "n(0,4)", "a.diagonal(1, -1, 0)", run_diagonal_above },
             { "diagonal same", "n(3)", NULL, run_diagonal_below, { "diagonal", "dim 0", "twice" } },
             { "diagonal range", "n(3)", NULL, run_diagonal, { "diagonal", "dim 1", "(3,)" } },
             { "diag", "n(4,3)", "a.diag(1)", run_diag },
             { "diag dims", "n(2,3,4)", NULL, run_diag, { "diag", "(2, 3, 4)", "one or two" } },
             { "step 0", "n(3)", NULL, run_still, { "slice", "step 0", "any other" } },
             { "scalar", "n()", NULL, run_nothing, { "slice", "scalar" } },
             { "range", "n(3)", NULL, run, { "slice", "dim 1", "(3,)" } })
};

/* With a negative step positions are counted down from start to the one after stop: those of a slice in ascending
 * order, flipped. */
static fr_tensor *slice_backwards(fr_tensor *t, int dim, int64_t start, int64_t stop, int64_t step)
{
    fr_composition c = fr_compose("slice");
    int64_t size = t->shape.dim[dim], by = step == INT64_MIN ? INT64_MAX : -step;
    int64_t first = start < -size ? -1 : fr_least(clamped(start, size), size - 1);
    int64_t end = stop < -size ? -1 : fr_least(clamped(stop, size), size - 1);
    int64_t last = first > end ? first - (first - end - 1) / by * by : 0;

    return fr_composed(c, fr_flip(fr_slice(t, dim, last, first > end ? first + 1 : 0, by), dim));
}

fr_tensor *fr_slice(fr_tensor *t, int dim, int64_t start, int64_t stop, int64_t step)
{
    if (step < 0 && t && fr_is_alive(t) && t->shape.ndim > 0 && fr_shape_dim(&t->shape, dim) >= 0)
        return slice_backwards(t, fr_shape_dim(&t->shape, dim), start, stop, step);
    return fr_apply(&fr_slice_op, &t,
                    &(attributes){ .dim = dim, .start = start, .stop = stop, .step = step < 0 ? 1 : step });
}

fr_tensor *fr_narrow(fr_tensor *t, int dim, int64_t start, int64_t length)
{
    fr_composition c = fr_compose("narrow");
    fr_tensor *y = NULL;
    char text[FR_SHAPE_TEXT];

    if (fr_check_argument("narrow", t, "t")) {
        int i = t->shape.ndim > 0 ? fr_shape_dim(&t->shape, dim) : -1;
        int64_t size = i < 0 ? 0 : t->shape.dim[i], from = start < 0 ? start + size : start;

        if (i < 0)
            fr_fail("narrow", "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
        else if (from < 0 || from > size || length < 0 || length > size - from)
            fr_fail("narrow", "%lld from %lld on: dim %d of shape %s has %lld", (long long)length, (long long)start, i,
                    fr_shape_text(&t->shape, text), (long long)size);
        else
            y = fr_slice(t, i, from, from + length, 1);
    }
    return fr_composed(c, y);
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

/* The part of the output that x goes to. */
static fr_tensor part_of(const fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor part = *call->result[0];

    fr_advance(&part, a->dim, a->start);
    if (call->in[0]->shape.dim[a->dim] > 1)
        part.stride[a->dim] *= a->step;
    part.shape = call->in[0]->shape;
    part.numel = call->in[0]->numel;
    return part;
}

static void fill_zeros(const fr_tensor *t)
{
    memset(t->origin, 0, (size_t)t->numel * fr_dtype_size((fr_dtype)t->dtype));
}

static void unslice_forward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor part = part_of(call);

    part.contiguous = a->step == 1; /* unless a dim before has several rows; as one step of a sequence: one memcpy */
    for (int i = 0; i < a->dim; i++)
        part.contiguous = part.contiguous && part.shape.dim[i] == 1;
    fill_zeros(call->result[0]);
    fr_copy_values(&part, call->in[0]);
}

/* The body of a loop over all dims but the last. */
static void add_row(void *job, const fr_loop *l, char *const *at)
{
    fr_dtype dtype = *(fr_dtype *)job;
    int64_t n = l->dim[l->ndim - 1], size = (int64_t)fr_dtype_size(dtype);
    const int64_t *step = l->step[l->ndim - 1];
    bool dense = step[0] == size && step[1] == size;

    for (int64_t i = 0; i < (dense ? 1 : n); i++)
        fr_accumulate(dtype, dense ? n : 1, at[0] + i * step[0], at[1] + i * step[1]);
}

bool fr_add_part(const fr_action *a)
{
    fr_tensor *from = a->from, *into = a->into;
    fr_tensor part = part_of(&(fr_op_call){ .attributes = a->object, .in = &from, .result = &into });
    fr_dtype dtype = fr_dtype_of(from);
    fr_loop l;

    if (a->m)
        fill_zeros(into);
    fr_loop_begin(&l, &from->shape);
    fr_loop_add(&l, &part);
    fr_loop_add(&l, from);
    fr_loop_join(&l);
    fr_loop_run_tiles(&l, 1, 0, add_row, &dtype);
    return true;
}

static bool unslice_c(fr_c_writer *w, const fr_op_call *call)
{
    fr_tensor part = part_of(call);

    return fr_c_fill(w, call->result[0], 0) && fr_c_copy(w, &part, call->in[0]);
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
                              .c_code = unslice_c,
                              .jvp = fr_jvp_linear,
                              FR_CASES(
                                  { "step", "n(3,2)", "torch.zeros(3, 6).slice_scatter(a, 1, 1, 5, 2)", run_unslice },
                                  { "more", "n(3,4)", NULL, run_unslice, { "unslice", "(3, 4)", "(3, 6)" } },
                                  { "rows", "n(2,2)", NULL, run_unslice, { "unslice", "(2, 2)", "(3, 6)" } }) };

fr_tensor *fr_unslice(fr_tensor *t, const fr_shape *shape, int dim, int64_t start, int64_t step)
{
    return fr_apply(&fr_unslice_op, &t, &(attributes){ .dim = dim, .start = start, .step = step, .shape = *shape });
}
