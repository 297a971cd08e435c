/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cat: y = x0, x1, ... one after another along a dim; stack: the same along a new dim. Each input's gradient is its
 * slice of dy. */
#include "ops/view/view.h"

#include <frond/c_code.h>

static bool infer(fr_op_call *call)
{
    const fr_shape *first;
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];
    int dim;

    if (call->inputs < 1)
        return fr_op_fail(call, "no tensors given");
    call->out[0] = fr_meta_of(call->in[0]);
    first = &call->in[0]->shape;
    dim = fr_op_dim(call, *(const int *)call->attributes);
    if (dim < 0)
        return false;
    if (first->ndim == 0)
        return fr_op_fail(call, "scalars cannot be joined: use fr_stack");
    for (int k = 1; k < call->inputs; k++) {
        const fr_shape *s = &call->in[k]->shape;
        bool fits = s->ndim == first->ndim;

        for (int i = 0; fits && i < s->ndim; i++)
            fits = i == dim || s->dim[i] == first->dim[i];
        if (!fits)
            return fr_op_fail(call, "%s and %s differ not only in dim %d", fr_shape_text(first, x), fr_shape_text(s, y),
                              dim);
        if (__builtin_add_overflow(call->out[0].shape.dim[dim], s->dim[dim], &call->out[0].shape.dim[dim]))
            return fr_op_fail(call, "the result is too large");
    }
    return true;
}

/* The part of the output that input k is copied to. before: the part of input k - 1; NULL for the first. */
static fr_tensor part_of(const fr_op_call *call, int k, const fr_tensor *before)
{
    fr_tensor part = before ? *before : *call->result[0];
    int dim = fr_shape_dim(&part.shape, *(const int *)call->attributes);

    if (before)
        fr_advance(&part, dim, part.shape.dim[dim]);
    part.contiguous = false;
    part.shape = call->in[k]->shape;
    part.numel = call->in[k]->numel;
    return part;
}

static void forward(fr_op_call *call)
{
    fr_tensor part;

    for (int k = 0; k < call->inputs; k++) {
        part = part_of(call, k, k ? &part : NULL);
        fr_copy_values(&part, call->in[k]);
    }
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    fr_tensor part;
    bool ok = true;

    for (int k = 0; k < call->inputs && ok; k++) {
        part = part_of(call, k, k ? &part : NULL);
        ok = fr_c_copy(w, &part, call->in[k]);
    }
    return ok;
}

static void backward(fr_op_call *call)
{
    int dim = fr_shape_dim(&call->in_shape[0], *(const int *)call->attributes);
    int64_t at = 0;

    for (int k = 0; k < call->inputs; k++) {
        int64_t end = at + call->in_shape[k].dim[dim];

        if (call->needs[k])
            call->grad_in[k] = fr_slice(call->grad_out[0], dim, at, end, 1);
        at = end;
    }
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_onnx_node(g, "Concat", fr_onnx_inputs(g), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "axis", fr_shape_dim(&call->in[0]->shape, *(const int *)call->attributes));
    return true;
}

FR_RUN(run, fr_cat(in, 2, 1))
FR_RUN(run_three, fr_cat((fr_tensor *[]){ fr_transpose(in[0], 0, 1), in[1], in[0] }, 3, -2))
FR_RUN(run_one, fr_cat(in, 1, 0))
FR_RUN(run_none, fr_cat(in, 0, 0))
FR_RUN(run_null, fr_cat((fr_tensor *[]){ in[0], NULL }, 2, 0))
FR_RUN(run_roll, fr_roll(in[0], (fr_shape){ 1, { 2 } }, (fr_shape){ 1, { 1 } }))
FR_RUN(run_roll_two, fr_roll(in[0], (fr_shape){ 2, { -1, 7 } }, (fr_shape){ 2, { -1, 0 } }))
FR_RUN(run_roll_all, fr_roll(in[0], (fr_shape){ 1, { 2 } }, (fr_shape){ 0 }))
FR_RUN(run_roll_uneven, fr_roll(in[0], (fr_shape){ 2, { 2, 1 } }, (fr_shape){ 1, { 1 } }))
FR_RUN(run_stack, fr_stack(in, 2, -1))
FR_RUN(run_stack_first, fr_stack(in, 2, 0))
FR_RUN(run_stack_none, fr_stack(in, -1, 0))
FR_RUN(run_stack_null, fr_stack((fr_tensor *[]){ NULL, in[0] }, 2, 0))
FR_RUN(run_stack_range, fr_stack(in, 1, 3))

const fr_op fr_cat_op = {
    .name = "cat",
    .formula = "y = x0, x1, ... along dim",
    .shapes = "(*,N,**)... -> (*,N',**)",
    .inputs = -1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(int),
    .dtypes = FR_ANY,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_linear,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES({ "two", "n(2,3) n(2,1)", "torch.cat([a, b], 1)", run },
             { "three, strided", "n(3,3) n(2,3)", "torch.cat([a.T, b, a], -2)", run_three },
             { "inner", "n(2,3,4) n(2,5,4)", "torch.cat([a, b], 1)", run },
             { "empty part", "n(2,3) n(2,0)", "torch.cat([a, b], 1)", run },
             { "empty", "n(0,3) n(0,2)", "torch.cat([a, b], 1)", run }, { "one", "n(3)", "torch.cat([a])", run_one },
             { "int64", "i9(2,3) i9(2,1)", "torch.cat([a, b], 1)", run },
             { "stack", "n(2,3) n(2,3)", "torch.stack([a, b], -1)", run_stack },
             { "stack first", "n(2,3) n(2,3)", "torch.stack([a, b])", run_stack_first },
             { "stack scalars", "n() n()", "torch.stack([a, b], -1)", run_stack },
             { "stack empty", "n(0,3) n(0,3)", "torch.stack([a, b])", run_stack_first },
             { "eight dims", "n(2,3,2,1,2,1,2,3) n(2,2,2,1,2,1,2,3)", "torch.cat([a, b], 1)", run },
             { "stack to eight dims", "n(2,3,2,1,2,1,2) n(2,3,2,1,2,1,2)", "torch.stack([a, b], -1)", run_stack },
             { "roll", "n(2,5,3)", "a.roll(2, 1)", run_roll },
             { "roll two", "n(3,4)", "a.roll((-1, 7), (-1, 0))", run_roll_two },
             { "roll all", "n(2,3)", "a.roll(2)", run_roll_all }, { "roll scalar", "n()", "a.roll(2)", run_roll_all },
             { "roll empty", "n(3,0)", "a.roll(2, 1)", run_roll },
             { "roll range", "n(3)", NULL, run_roll, { "roll", "dim 1", "(3,)" } },
             { "roll uneven", "n(2,3)", NULL, run_roll_uneven, { "roll", "2 shifts", "1 dim" } },
             { "shapes", "n(2,3) n(3,3)", NULL, run, { "cat", "(2, 3)", "(3, 3)" } },
             { "dims", "n(2,3) n(2)", NULL, run, { "cat", "(2, 3)", "(2,)" } },
             { "dtypes", "n(2,3) i9(2,3)", NULL, run, { "cat", "float", "int64" } },
             { "range", "n(3) n(3)", NULL, run, { "cat", "dim 1", "(3,)" } },
             { "scalars", "n()", NULL, run_one, { "cat", "scalars" } },
             { "none", "n(3)", NULL, run_none, { "cat", "no tensors" } },
             { "null", "n(3)", NULL, run_null, { "cat", "ts[1] is NULL" } },
             { "stack shapes", "n(2,3) n(3,2)", NULL, run_stack, { "stack", "(2, 3)", "(3, 2)" } },
             { "stack none", "n(3)", NULL, run_stack_none, { "stack", "no tensors" } },
             { "stack null", "n(3)", NULL, run_stack_null, { "stack", "ts[0] is NULL" } },
             { "stack eight dims",
               "n(1,1,1,1,1,1,1,1) n(1,1,1,1,1,1,1,1)",
               NULL,
               run_stack,
               { "stack", "(1, 1, 1, 1, 1, 1, 1, 1)", "at most 8" } },
             { "stack dtypes", "n(2) i9(2)", NULL, run_stack, { "stack", "float32", "int64" } },
             { "stack range", "n(2,3)", NULL, run_stack_range, { "stack", "dim 3", "(2, 3)" } })
};

fr_tensor *fr_cat(fr_tensor *const *ts, int n, int dim)
{
    fr_tensor *y = NULL;

    fr_apply_n(&fr_cat_op, ts, ts ? n : 0, &dim, &y);
    return y;
}

/* True if ts can be stacked: one or more, none of them NULL, all of one shape and dtype. Fails otherwise. */
static bool check_stack(fr_tensor *const *ts, int n, int dim)
{
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (n < 1 || !ts)
        return fr_fail("stack", "no tensors given");
    for (int i = 0; i < n; i++) {
        if (!ts[i] || !fr_is_alive(ts[i])) {
            snprintf(a, sizeof a, "ts[%d]", i);
            return fr_check_argument("stack", ts[i], a);
        }
        if (!fr_shape_equal(&ts[i]->shape, &ts[0]->shape))
            return fr_fail("stack", "shapes differ: %s and %s", fr_shape_text(&ts[0]->shape, a),
                           fr_shape_text(&ts[i]->shape, b));
        if (ts[i]->dtype != ts[0]->dtype)
            return fr_fail("stack", "dtypes differ: %s and %s; use fr_cast", fr_dtype_name((fr_dtype)ts[0]->dtype),
                           fr_dtype_name((fr_dtype)ts[i]->dtype));
    }
    if (ts[0]->shape.ndim == FR_MAX_DIMS)
        return fr_fail("stack", "shape %s: a tensor has at most %d dims", fr_shape_text(&ts[0]->shape, a), FR_MAX_DIMS);
    if (dim < -ts[0]->shape.ndim - 1 || dim > ts[0]->shape.ndim)
        return fr_fail("stack", "dim %d is out of range for tensors of shape %s", dim, fr_shape_text(&ts[0]->shape, a));
    return true;
}

static fr_tensor *stacked(fr_tensor *const *ts, int n, int dim)
{
    size_t bytes = (size_t)n * sizeof(fr_tensor *);
    fr_tensor **parts = fr_alloc(bytes), *y;

    if (!parts)
        return fr_fail_memory("stack");
    for (int i = 0; i < n; i++)
        parts[i] = fr_unsqueeze(ts[i], dim);
    y = fr_cat(parts, n, dim);
    fr_free(parts, bytes);
    return y;
}

fr_tensor *fr_stack(fr_tensor *const *ts, int n, int dim)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "stack");
    int scope = fr_scope_begin();
    fr_tensor *y = check_stack(ts, n, dim) ? fr_escape(stacked(ts, n, dim)) : NULL;

    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}

/* Moves the last `shift` positions of dim to the front. */
static fr_tensor *roll_dim(fr_tensor *t, int64_t shift, int dim)
{
    if (!t)
        return NULL;

    int64_t size = t->shape.ndim > 0 ? t->shape.dim[dim] : 1, last = size > 0 ? shift % size : 0;

    last += last < 0 ? size : 0;
    if (last == 0)
        return t;
    return fr_cat((fr_tensor *[]){ fr_slice(t, dim, size - last, size, 1), fr_slice(t, dim, 0, size - last, 1) }, 2,
                  dim);
}

static fr_tensor *rolled(fr_tensor *t, const fr_shape *shifts, const fr_shape *dims)
{
    const fr_shape shape = t->shape, flat = { 1, { t->numel } };
    int order[FR_MAX_DIMS] = { 0 }, n = fr_dims_last("roll", t, dims, order);

    if (n < 0 || !fr_shape_check_ndim("roll", shifts))
        return NULL;
    if (dims->ndim == 0 && shifts->ndim == 1)
        return fr_reshape(roll_dim(fr_reshape(t, flat), shifts->dim[0], 0), shape);
    if (dims->ndim != shifts->ndim)
        return fr_fail("roll", "%d shifts for %d dims", shifts->ndim, dims->ndim);
    t = fr_reshape(t, shape);
    for (int i = 0; i < n; i++)
        t = roll_dim(t, shifts->dim[i], order[shape.ndim - n + i]);
    return t;
}

fr_tensor *fr_roll(fr_tensor *t, fr_shape shifts, fr_shape dims)
{
    fr_composition c = fr_compose("roll");

    return fr_composed(c, fr_check_argument("roll", t, "t") ? rolled(t, &shifts, &dims) : NULL);
}
