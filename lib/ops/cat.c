/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cat: tensors one after another along a dim; stack: along a new one. */
#include "ops/op_file.h"

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
            return fr_op_fail(call, "%s and %s differ not only in dim %d", fr_shape_text(first, x),
                              fr_shape_text(s, y), dim);
        if (__builtin_add_overflow(call->out[0].shape.dim[dim], s->dim[dim], &call->out[0].shape.dim[dim]))
            return fr_op_fail(call, "the result is too large");
    }
    return true;
}

static void forward(fr_op_call *call)
{
    fr_tensor part = *call->result[0];
    int dim = fr_shape_dim(&part.shape, *(const int *)call->attributes);

    part.contiguous = false;
    for (int k = 0; k < call->inputs; k++) {
        const fr_tensor *x = call->in[k];

        part.shape = x->shape;
        part.numel = x->numel;
        fr_copy_values(&part, x);
        part.origin += x->shape.dim[dim] * part.stride[dim] * (int64_t)fr_dtype_size((fr_dtype)part.dtype);
    }
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

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_cat(in, 2, 1);
}

static fr_tensor *run_stack(fr_tensor *const *in)
{
    return fr_stack(in, 2, -1);
}
#endif

const fr_op fr_cat_op = {
    .name = "cat",
    .formula = "y = x0, x1, ... along dim",
    .inputs = -1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(int),
    .dtypes = FR_ANY,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "two", "n(2,3) n(2,1)", "torch.cat([a, b], 1)", run },
             { "stack", "n(2,3) n(2,3)", "torch.stack([a, b], -1)", run_stack },
             { "shapes", "n(2,3) n(3,3)", NULL, run, { "cat", "(2, 3)", "(3, 3)" } })
};

fr_tensor *fr_cat(fr_tensor *const *ts, int n, int dim)
{
    fr_tensor *y = NULL;

    fr_apply_n(&fr_cat_op, ts, n, &dim, &y);
    return y;
}

fr_tensor *fr_stack(fr_tensor *const *ts, int n, int dim)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "stack");
    int scope = fr_scope_begin();
    fr_tensor **rows = n > 0 && ts ? fr_alloc((size_t)n * sizeof *rows) : NULL, *y = NULL;

    if (!rows)
        fr_fail("stack", "%d tensors", n);
    for (int i = 0; rows && i < n; i++) {
        if (ts[i] && ts[0] && !fr_shape_equal(&ts[i]->shape, &ts[0]->shape)) {
            char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

            fr_fail("stack", "shapes differ: %s and %s", fr_shape_text(&ts[0]->shape, a),
                    fr_shape_text(&ts[i]->shape, b));
        }
        rows[i] = fr_unsqueeze(ts[i], dim);
    }
    if (rows)
        y = fr_escape(fr_cat(rows, n, dim));
    fr_free(rows, n > 0 ? (size_t)n * sizeof *rows : 0);
    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}
