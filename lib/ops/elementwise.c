/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The loops around elementwise row kernels: broadcasting over any strides. */
#include "ops/elementwise.h"

bool fr_infer_broadcast(fr_op_call *call)
{
    const fr_tensor *a = call->in[0], *b = call->in[1];
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];

    call->out[0].dtype = fr_dtype_of(a);
    if (!fr_shape_broadcast(&a->shape, &b->shape, &call->out[0].shape))
        return fr_op_fail(call, "%s and %s do not broadcast", fr_shape_text(&a->shape, x),
                          fr_shape_text(&b->shape, y));
    return true;
}

/* Dims of the result with the inputs' strides along them, those that can be walked as one joined. */
typedef struct {
    int ndim;
    int64_t dim[FR_MAX_DIMS], a[FR_MAX_DIMS], b[FR_MAX_DIMS];
} plan;

static int64_t broadcast_stride(const fr_tensor *t, const fr_shape *out, int dim)
{
    int i = dim - (out->ndim - t->shape.ndim);

    return i < 0 || t->shape.dim[i] == 1 ? 0 : t->stride[i];
}

static void make_plan(plan *p, const fr_tensor *a, const fr_tensor *b, const fr_shape *out)
{
    p->ndim = 0;
    for (int i = 0; i < out->ndim; i++) {
        int64_t n = out->dim[i], sa = broadcast_stride(a, out, i), sb = broadcast_stride(b, out, i);
        int last = p->ndim - 1;

        if (n == 1)
            continue;
        if (last >= 0 && p->a[last] == sa * n && p->b[last] == sb * n) {
            p->dim[last] *= n;
            p->a[last] = sa;
            p->b[last] = sb;
        } else {
            p->dim[p->ndim] = n;
            p->a[p->ndim] = sa;
            p->b[p->ndim++] = sb;
        }
    }
    if (p->ndim == 0) {
        p->ndim = 1;
        p->dim[0] = 1;
        p->a[0] = p->b[0] = 0;
    }
}

static char *walk(const plan *p, int dim, int64_t size, const char *a, const char *b, char *y, fr_binary_row *row)
{
    if (dim == p->ndim - 1) {
        row(p->dim[dim], a, p->a[dim], b, p->b[dim], y);
        return y + p->dim[dim] * size;
    }
    for (int64_t i = 0; i < p->dim[dim]; i++)
        y = walk(p, dim + 1, size, a + i * p->a[dim] * size, b + i * p->b[dim] * size, y, row);
    return y;
}

void fr_binary_forward(fr_op_call *call, fr_binary_row *f32, fr_binary_row *f64, fr_binary_row *i64)
{
    const fr_tensor *a = call->in[0], *b = call->in[1];
    fr_tensor *y = call->result[0];
    fr_binary_row *row = a->dtype == FR_F32 ? f32 : a->dtype == FR_F64 ? f64 : i64;
    plan p;

    if (y->numel == 0)
        return;
    make_plan(&p, a, b, &y->shape);
    walk(&p, 0, (int64_t)fr_dtype_size(y->dtype), a->origin, b->origin, y->origin, row);
}

static const double *attributes_of(const fr_op_call *call)
{
    static const double none[2];

    return call->attributes ? call->attributes : none;
}

void fr_unary_forward(fr_op_call *call, fr_unary_row *f32, fr_unary_row *f64, fr_unary_row *i64)
{
    const fr_tensor *x = call->in[0];
    fr_unary_row *row = x->dtype == FR_F32 ? f32 : x->dtype == FR_F64 ? f64 : i64;

    row(x->numel, x->origin, call->result[0]->origin, attributes_of(call));
}

void fr_unary_backward(fr_op_call *call, fr_gradient_row *f32, fr_gradient_row *f64)
{
    const fr_tensor *g = call->grad_out[0];
    const fr_tensor *x = call->in[0] ? call->in[0] : g, *y = call->result[0] ? call->result[0] : g;
    fr_gradient_row *row = g->dtype == FR_F32 ? f32 : f64;

    row(g->numel, g->origin, x->origin, y->origin, call->grad_in[0]->origin, attributes_of(call));
}
