/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tensors of any strides as matrices. */
#include "ops/linear/gemm_operand.h"

/* False if gemm cannot take t as it lies. */
static bool find_layout(const fr_tensor *t, fr_matrix *l)
{
    int64_t rows = t->stride[t->shape.ndim - 2], columns = t->stride[t->shape.ndim - 1];
    int64_t m = t->shape.dim[t->shape.ndim - 2], n = t->shape.dim[t->shape.ndim - 1];

    if ((columns == 1 || n == 1) && (rows >= n || m == 1)) {
        l->transposed = false;
        l->lead = m == 1 ? n : rows;
        return true;
    }
    l->transposed = true;
    l->lead = n == 1 ? m : columns;
    return (rows == 1 || m == 1) && (columns >= m || n == 1);
}

bool fr_matrix_open(fr_op_call *call, fr_tensor *t, fr_matrix *m)
{
    bool fits = find_layout(t, m);

    m->copy = fits ? NULL : fr_tensor_copy(call->op->name, t);
    m->t = fits ? t : m->copy;
    if (m->copy)
        find_layout(m->copy, m);
    call->failed = call->failed || !m->t;
    return m->t != NULL;
}

bool fr_matrix_open_rows(fr_op_call *call, fr_tensor *t, fr_matrix *m)
{
    if (t->shape.ndim == 2)
        return fr_matrix_open(call, t, m);
    m->transposed = false;
    m->lead = t->shape.dim[t->shape.ndim - 1];
    m->copy = t->contiguous ? NULL : fr_tensor_copy(call->op->name, t);
    m->t = t->contiguous ? t : m->copy;
    call->failed = call->failed || !m->t;
    return m->t != NULL;
}

void fr_matrix_close(fr_matrix *m)
{
    fr_unref(m->copy);
}

int64_t fr_batch_offset(const fr_tensor *t, const fr_shape *y, int64_t batch)
{
    int64_t offset = 0;

    for (int i = y->ndim - 3; i >= 0; i--) {
        int k = i - (y->ndim - t->shape.ndim);

        if (k >= 0 && t->shape.dim[k] != 1)
            offset += batch % y->dim[i] * t->stride[k];
        batch /= y->dim[i];
    }
    return offset;
}
