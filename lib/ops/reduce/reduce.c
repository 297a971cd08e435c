/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Shapes, calls, gradients and the written forms of reductions. */
#include "ops/reduce/reduce.h"

/* --- Shapes ------------------------------------------------------------------------------------------------------ */

fr_shape fr_reduced_shape(const fr_shape *shape, const fr_reduce_attributes *a)
{
    fr_shape s = *shape;
    int dim = a->all ? 0 : fr_shape_dim(shape, a->dim);

    if (a->all && a->keepdim)
        for (int i = 0; i < s.ndim; i++)
            s.dim[i] = 1;
    else if (a->all)
        s.ndim = 0;
    else if (s.ndim > 0 && a->keepdim)
        s.dim[dim] = 1;
    else if (s.ndim > 0)
        memmove(s.dim + dim, s.dim + dim + 1, (size_t)(--s.ndim - dim) * sizeof *s.dim);
    return s;
}

bool fr_infer_reduced(fr_op_call *call)
{
    const fr_reduce_attributes *a = call->attributes;

    if (!a->all && fr_op_dim(call, a->dim) < 0)
        return false;
    call->out[0] = fr_meta_of(call->in[0]);
    call->out[0].shape = fr_reduced_shape(&call->in[0]->shape, a);
    return true;
}

fr_dim_sizes fr_dim_sizes_of(const fr_shape *shape, const fr_reduce_attributes *a)
{
    fr_dim_sizes sizes = { 1, 1, 1 };
    int dim = a->all || shape->ndim == 0 ? shape->ndim : fr_shape_dim(shape, a->dim);

    if (a->all) {
        sizes.n = fr_shape_numel(shape);
        return sizes;
    }
    for (int i = 0; i < shape->ndim; i++) {
        int64_t *size = i < dim ? &sizes.outer : i > dim ? &sizes.inner : &sizes.n;

        fr_mul_size(*size, shape->dim[i], size); /* overflows only beside a dim of size 0 */
    }
    return sizes;
}

/* --- Calls ------------------------------------------------------------------------------------------------------- */

void fr_reduce_forward(fr_op_call *call, int output, const fr_reducer *(*reducer)(fr_dtype dtype))
{
    const fr_reduce_attributes *a = call->attributes;
    const fr_tensor *x = call->in[0];
    fr_tensor *y = call->result[output];
    fr_dim_sizes sizes = fr_dim_sizes_of(&x->shape, a);

    if (y->numel > 0 && !fr_reduce_array(reducer((fr_dtype)x->dtype), sizes, a->p, x->origin, y->origin)) {
        fr_fail_memory(call->op->name);
        call->failed = true;
    }
}

fr_tensor *fr_apply_reduction(const char *what, const fr_op *op, fr_tensor *t, fr_reduce_attributes a,
                              void *const *reserved)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *results[2];
    bool ok = (!reserved || fr_check_reserved(what, reserved)) && fr_apply_n(op, &t, 1, &a, results);

    fr_finish(th, before);
    return ok ? results[0] : NULL;
}

static fr_tensor *reduce_dims(const char *what, const fr_op *op, fr_tensor *t, const fr_shape *dims, bool keepdim,
                              double p)
{
    int ndim = t->shape.ndim, order[FR_MAX_DIMS] = { 0 }, n = fr_dims_last(what, t, dims, order), kept = ndim - n;
    fr_reduce_attributes a = { .keepdim = keepdim, .p = p, .all = dims->ndim == 0 || n == ndim };
    fr_shape joined = { .ndim = kept + 1 }, y = t->shape;

    if (n < 0)
        return NULL;
    if (a.all || n == 1) {
        a.dim = a.all ? 0 : order[kept];
        return fr_apply_reduction(what, op, t, a, NULL);
    }
    joined.dim[kept] = 1;
    for (int i = 0; i < kept; i++)
        joined.dim[i] = t->shape.dim[order[i]];
    for (int i = kept; i < ndim; i++) {
        fr_mul_size(joined.dim[kept], t->shape.dim[order[i]], &joined.dim[kept]); /* overflows only beside a 0 */
        y.dim[order[i]] = 1;
    }
    a = (fr_reduce_attributes){ .dim = kept, .p = p };
    t = fr_apply_reduction(what, op, fr_reshape(fr_permute(t, order), joined), a, NULL);
    return keepdim ? fr_reshape(t, y) : t;
}

fr_tensor *fr_apply_reduction_dims(const char *what, const fr_op *op, fr_tensor *t, const fr_shape *dims, bool keepdim,
                                   double p)
{
    fr_composition c = fr_compose(what);

    return fr_composed(c, fr_check_argument(what, t, "t") ? reduce_dims(what, op, t, dims, keepdim, p) : NULL);
}

/* --- Gradients --------------------------------------------------------------------------------------------------- */

fr_tensor *fr_keepdim(const fr_op_call *call, fr_tensor *t)
{
    const fr_reduce_attributes *a = call->attributes;
    const fr_shape *shape = &call->in_shape[0];

    return a->all || a->keepdim || shape->ndim == 0 ? t : fr_unsqueeze(t, fr_shape_dim(shape, a->dim));
}

fr_tensor *fr_div_or_zero(fr_tensor *a, fr_tensor *b)
{
    return fr_mul(fr_div(a, fr_add(b, fr_eq_scalar(b, 0))), fr_ne_scalar(b, 0));
}

/* --- As ONNX ------------------------------------------------------------------------------------------------------ */

/* In operator set 17 ReduceSum takes the axes as an input, the others as an attribute. */
void fr_onnx_reduce_to(fr_onnx *g, const fr_op_call *call, const char *type, const char *x, bool keepdim, const char *y)
{
    const fr_reduce_attributes *a = call->attributes;
    const int64_t dim = fr_shape_dim(&call->in[0]->shape, a->dim);
    bool all = a->all || call->in[0]->shape.ndim == 0, sum = strcmp(type, "ReduceSum") == 0;

    fr_onnx_node(g, type, FR_ONNX_NAMES(x, sum && !all ? fr_onnx_int64s(g, 1, &dim) : ""), FR_ONNX_NAMES(y));
    if (!sum && !all)
        fr_onnx_ints(g, "axes", 1, &dim);
    fr_onnx_int(g, "keepdims", keepdim);
}

bool fr_onnx_reduce(fr_onnx *g, const fr_op_call *call)
{
    const fr_reduce_attributes *a = call->attributes;

    fr_onnx_reduce_to(g, call, call->op->onnx_name, fr_onnx_input(g, 0), a->keepdim, fr_onnx_output(g, 0));
    return true;
}

/* --- As C -------------------------------------------------------------------------------------------------------- */

void fr_c_reduces_rows(fr_c_writer *w, const fr_op_call *call)
{
    const fr_reduce_attributes *a = call->attributes;
    const fr_shape *x = &call->in[0]->shape;

    if (!a->all && x->ndim > 0 && fr_dim_sizes_of(x, a).inner == 1)
        fr_c_takes_rows(w, x->ndim - fr_shape_dim(x, a->dim));
}

bool fr_c_reduce_by(fr_c_writer *w, const fr_op_call *call, const char *name, const char *text, const char *more)
{
    fr_dim_sizes s = fr_dim_sizes_of(&call->in[0]->shape, call->attributes);
    const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);

    fr_c_reduces_rows(w, call);
    name = fr_c_value_helper(w, name, text, fr_dtype_of(call->in[0]));
    return fr_c_line(w, "%s(%lld, %lld, %lld, %s%s, %s);", name, (long long)s.outer, (long long)s.n, (long long)s.inner,
                     more, x, y);
}

bool fr_c_reduce(fr_c_writer *w, const fr_op_call *call, const char *start, const char *step, const char *finish)
{
    fr_dim_sizes s = fr_dim_sizes_of(&call->in[0]->shape, call->attributes);

    fr_c_reduces_rows(w, call);
    return fr_c_reduction(w, call, s.outer, s.n, s.inner, (const char *const[]){ start, step, finish });
}
