/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sum: over all values, over one dim, or over what broadcasting repeated. */
#include "ops/op_file.h"

enum { ALL = -100, LANES = 16 };

typedef struct {
    int dim; /* or ALL */
    bool keepdim;
} attributes;

static bool infer(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_shape *s = &call->out[0].shape;
    int dim = a->dim == ALL ? 0 : fr_op_dim(call, a->dim);

    call->out[0] = fr_meta_of(call->in[0]);
    if (a->dim == ALL)
        s->ndim = 0;
    else if (dim >= 0 && s->ndim > 0 && a->keepdim)
        s->dim[dim] = 1;
    else if (dim >= 0 && s->ndim > 0)
        memmove(s->dim + dim, s->dim + dim + 1, (size_t)(--s->ndim - dim) * sizeof *s->dim);
    return dim >= 0;
}

/* A dependence from sum to sum would keep the loop from becoming vector code: LANES partial sums, in a fixed order. */
#define SUM_ROW(T)                                                                                                     \
    FR_KERNEL(sum_row_##T, (int64_t n, const T *x, T *y), (n, x, y))                                                   \
    {                                                                                                                  \
        T lane[LANES] = { 0 }, sum = 0;                                                                                \
        int64_t i = 0;                                                                                                 \
        for (; i + LANES <= n; i += LANES)                                                                             \
            for (int j = 0; j < LANES; j++)                                                                            \
                lane[j] += x[i + j];                                                                                   \
        for (; i < n; i++)                                                                                             \
            sum += x[i];                                                                                               \
        for (int j = 0; j < LANES; j++)                                                                                \
            sum += lane[j];                                                                                            \
        *y = sum;                                                                                                      \
    }                                                                                                                  \
    FR_KERNEL(sum_columns_##T, (int64_t n, int64_t inner, const T *x, T *y), (n, inner, x, y))                         \
    {                                                                                                                  \
        for (int64_t j = 0; j < inner; j++)                                                                            \
            y[j] = 0;                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            for (int64_t j = 0; j < inner; j++)                                                                        \
                y[j] += x[i * inner + j];                                                                              \
    }                                                                                                                  \
    static void sum_##T(int64_t outer, int64_t n, int64_t inner, const T *x, T *y)                                     \
    {                                                                                                                  \
        for (int64_t o = 0; o < outer; o++) {                                                                          \
            if (inner == 1)                                                                                            \
                sum_row_##T(n, x + o * n, y + o);                                                                      \
            else                                                                                                       \
                sum_columns_##T(n, inner, x + o * n * inner, y + o * inner);                                           \
        }                                                                                                              \
    }

SUM_ROW(float)
SUM_ROW(double)
SUM_ROW(int64_t)

static void forward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_tensor *x = call->in[0];
    void *y = call->result[0]->origin;
    int64_t outer = 1, n = x->numel, inner = 1;

    if (a->dim != ALL && x->shape.ndim > 0) {
        int dim = fr_shape_dim(&x->shape, a->dim);

        n = x->shape.dim[dim];
        for (int i = 0; i < dim; i++)
            outer *= x->shape.dim[i];
        for (int i = dim + 1; i < x->shape.ndim; i++)
            inner *= x->shape.dim[i];
    }
    if (x->dtype == FR_F32)
        sum_float(outer, n, inner, (const float *)x->origin, y);
    else if (x->dtype == FR_F64)
        sum_double(outer, n, inner, (const double *)x->origin, y);
    else
        sum_int64_t(outer, n, inner, (const int64_t *)x->origin, y);
}

static void backward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_shape *shape = &call->in_shape[0];
    fr_tensor *g = call->grad_out[0];

    if (a->dim != ALL && shape->ndim > 0 && !a->keepdim)
        g = fr_unsqueeze(g, fr_shape_dim(shape, a->dim));
    call->grad_in[0] = fr_expand(g, *shape);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_sum(in[0]);
}

static fr_tensor *run_dim(fr_tensor *const *in)
{
    return fr_sum_dim(in[0], 1, false);
}

static fr_tensor *run_keepdim(fr_tensor *const *in)
{
    return fr_sum_dim(in[0], -1, true);
}

static fr_tensor *run_range(fr_tensor *const *in)
{
    return fr_sum_dim(in[0], 2, false);
}
#endif

const fr_op fr_sum_op = {
    .name = "sum",
    .formula = "y = the sum of x over all dims or one",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(attributes),
    .dtypes = FR_ANY,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "all", "n(5,37)", "a.sum()", run }, { "dim", "n(2,3,4)", "a.sum(1)", run_dim },
             { "keepdim", "n(2,3,4)", "a.sum(-1, keepdim=True)", run_keepdim }, { "empty", "n(0,3)", "a.sum()", run },
             { "range", "n(4,3)", NULL, run_range, { "sum", "2", "(4, 3)" } })
};

fr_tensor *fr_sum(fr_tensor *t)
{
    return fr_apply(&fr_sum_op, &t, &(attributes){ ALL, false });
}

fr_tensor *fr_sum_dim(fr_tensor *t, int dim, bool keepdim)
{
    return dim == ALL ? fr_fail("sum", "dim %d is out of range", dim)
                      : fr_apply(&fr_sum_op, &t, &(attributes){ dim, keepdim });
}

fr_tensor *fr_sum_to(fr_tensor *t, fr_shape shape)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "sum_to");
    char from[FR_SHAPE_TEXT], to[FR_SHAPE_TEXT];
    fr_shape both;

    if (!fr_check_not_null("sum_to", t, "input"))
        t = NULL;
    else if (!fr_shape_broadcast(&t->shape, &shape, &both) || !fr_shape_equal(&both, &t->shape))
        t = fr_fail("sum_to", "%s does not broadcast to %s", fr_shape_text(&shape, to),
                    fr_shape_text(&t->shape, from));
    while (t && t->shape.ndim > shape.ndim)
        t = fr_sum_dim(t, 0, false);
    for (int i = 0; t && i < shape.ndim; i++)
        if (shape.dim[i] == 1 && t->shape.dim[i] != 1)
            t = fr_sum_dim(t, i, true);
    fr_finish(th, before);
    return t;
}

/* mean: the sum over the count; of nothing, NaN. */
fr_tensor *fr_mean(fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "mean");
    fr_tensor *y = fr_check_not_null("mean", t, "input") ? fr_mul_scalar(fr_sum(t), 1.0 / (double)t->numel) : NULL;

    fr_finish(th, before);
    return y;
}

fr_tensor *fr_mean_dim(fr_tensor *t, int dim, bool keepdim)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "mean_dim");
    fr_tensor *y = fr_sum_dim(t, dim, keepdim);

    if (y)
        y = fr_mul_scalar(y, 1.0 / (double)(t->shape.ndim ? fr_dim(t, dim) : 1));
    fr_finish(th, before);
    return y;
}
