/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Shapes, gradients and the written forms of max, min, argmax and argmin. */
#include "ops/reduce/max_min.h"

/* --- Shapes ------------------------------------------------------------------------------------------------------ */

bool fr_infer_max_min(fr_op_call *call)
{
    const fr_reduce_attributes *a = call->attributes;
    const fr_shape *shape = &call->in[0]->shape;
    char text[FR_SHAPE_TEXT];

    if (!fr_infer_reduced(call))
        return false;
    if (a->all && call->in[0]->numel == 0)
        return fr_op_fail(call, "shape %s: there are no values to choose from", fr_shape_text(shape, text));
    if (!a->all && shape->ndim > 0 && shape->dim[fr_shape_dim(shape, a->dim)] == 0)
        return fr_op_fail(call, "shape %s: there are no values to choose from along dim %d", fr_shape_text(shape, text),
                          a->dim);
    return true;
}

bool fr_infer_argmax(fr_op_call *call)
{
    if (!fr_infer_max_min(call))
        return false;
    call->out[0].dtype = FR_I64;
    return true;
}

bool fr_infer_max_min_dim(fr_op_call *call)
{
    if (!fr_infer_max_min(call))
        return false;
    call->out[1] = call->out[0];
    call->out[1].dtype = FR_I64;
    return true;
}

/* --- Values at positions ----------------------------------------------------------------------------------------- */

void fr_max_min_dim_forward(fr_op_call *call, const fr_reducer *(*reducer)(fr_dtype dtype))
{
    const fr_tensor *x = call->in[0];
    fr_tensor *y = call->result[0];
    fr_dim_sizes sizes = fr_dim_sizes_of(&x->shape, call->attributes);
    size_t size = fr_dtype_size((fr_dtype)x->dtype);

    fr_reduce_forward(call, 1, reducer);
    if (call->failed)
        return;

    const int64_t *position = (const int64_t *)call->result[1]->origin;

    for (int64_t i = 0; i < y->numel; i++) {
        int64_t from = (i / sizes.inner * sizes.n + position[i]) * sizes.inner + i % sizes.inner;

        memcpy(y->origin + (size_t)i * size, x->origin + (size_t)from * size, size);
    }
}

/* --- Gradients --------------------------------------------------------------------------------------------------- */

fr_tensor *fr_share_gradient(const fr_op_call *call, fr_tensor *values)
{
    const fr_reduce_attributes *a = call->attributes;
    fr_tensor *equal = fr_eq(values, fr_keepdim(call, call->result[0]));
    fr_tensor *mask = fr_add(equal, fr_ne(values, values)); /* or it is NaN, and so the result is */
    fr_tensor *count = a->all ? fr_sum(mask) : fr_sum_dim(mask, a->dim, true);

    return fr_mul(mask, fr_div(fr_keepdim(call, call->grad_out[0]), count));
}

void fr_max_min_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_share_gradient(call, call->in[0]);
}

void fr_max_min_dim_backward(fr_op_call *call)
{
    const fr_reduce_attributes *a = call->attributes;
    fr_tensor *position = fr_keepdim(call, call->result[1]);

    call->grad_in[0] = fr_scatter_zeros(fr_keepdim(call, call->grad_out[0]), call->in_shape[0], a->dim, position);
}

/* --- Both results ------------------------------------------------------------------------------------------------ */

fr_extreme fr_apply_max_min(const char *what, const fr_op *op, fr_tensor *t, int dim, bool keepdim)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *results[2];

    fr_apply_n(op, &t, 1, &(fr_reduce_attributes){ .dim = dim, .keepdim = keepdim }, results);
    fr_finish(th, before);
    return (fr_extreme){ results[0], results[1] };
}

/* --- As ONNX ------------------------------------------------------------------------------------------------------ */

static bool put_argmax(fr_onnx *g, const fr_op_call *call, const char *type, int output)
{
    const fr_reduce_attributes *a = call->attributes;

    if (!fr_onnx_has_axes(g, call))
        return false;
    fr_onnx_node(g, type, FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, output)));
    fr_onnx_int(g, "axis", fr_shape_dim(&call->in[0]->shape, a->dim));
    fr_onnx_int(g, "keepdims", a->keepdim);
    return true;
}

bool fr_onnx_argmax(fr_onnx *g, const fr_op_call *call)
{
    return put_argmax(g, call, call->op->onnx_name, 0);
}

bool fr_onnx_max_min_dim(fr_onnx *g, const fr_op_call *call)
{
    bool min = strcmp(call->op->onnx_name, "ReduceMin") == 0;

    if (fr_onnx_is_read(g, 0))
        fr_onnx_reduce(g, call);
    return !fr_onnx_is_read(g, 1) || put_argmax(g, call, min ? "ArgMin" : "ArgMax", 1);
}

/* --- As C -------------------------------------------------------------------------------------------------------- */

static const char c_text[] =
    "/* The largest value, or the smallest (least), of each of (outer,n,inner) and its first position; NaN if there is "
    "one. "
    "Either result may be NULL. */\n"
    "static void max_min(int outer, int n, int inner, int least, const float *x, float *y, int64_t *position)\n"
    "{\n"
    "    for (int i = 0; i < outer * inner; i++) {\n"
    "        const float *at = x + i / inner * n * inner + i % inner;\n"
    "        int best = 0;\n"
    "\n"
    "        for (int k = 1; k < n; k++)\n"
    "            best = beats(at[k * inner], at[best * inner], least) ? k : best;\n"
    "        if (y)\n"
    "            y[i] = at[best * inner];\n"
    "        if (position)\n"
    "            position[i] = best;\n"
    "    }\n"
    "}\n";

bool fr_c_max_min(fr_c_writer *w, const fr_op_call *call, bool min)
{
    fr_dim_sizes s = fr_dim_sizes_of(&call->in[0]->shape, call->attributes);
    const char *name, *x, *out[2] = { "NULL", "NULL" };

    x = fr_c_in(w, call, 0);
    /* argmax has the positions alone */
    for (int k = 0; k < call->outputs; k++)
        if (fr_c_is_read(w, call, k))
            out[k == call->outputs - 1] = fr_c_out(w, call, k);
    fr_c_reduces_rows(w, call);
    fr_c_beats(w, fr_dtype_of(call->in[0]));
    name = fr_c_value_helper(w, "max_min", c_text, fr_dtype_of(call->in[0]));
    return fr_c_line(w, "%s(%lld, %lld, %lld, %d, %s, %s, %s);", name, (long long)s.outer, (long long)s.n,
                     (long long)s.inner, min, x, out[0], out[1]);
}
