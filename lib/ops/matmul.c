/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* matmul: matrix products of the last two dims, the dims before them broadcast. */
#include "core/blas.h"
#include "ops/op_file.h"

static bool infer(fr_op_call *call)
{
    const fr_shape *a = &call->in[0]->shape, *b = &call->in[1]->shape;
    fr_shape batch_a = *a, batch_b = *b, *y = &call->out[0].shape;
    char x[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];

    call->out[0].dtype = fr_dtype_of(call->in[0]);
    if (a->ndim < 2 || b->ndim < 2)
        return fr_op_fail(call, "%s x %s: scalars have no matrix product", fr_shape_text(a, x), fr_shape_text(b, z));
    if (a->dim[a->ndim - 1] != b->dim[b->ndim - 2])
        return fr_op_fail(call, "%s x %s: inner dimensions differ (%lld and %lld)", fr_shape_text(a, x),
                          fr_shape_text(b, z), (long long)a->dim[a->ndim - 1], (long long)b->dim[b->ndim - 2]);
    batch_a.ndim -= 2;
    batch_b.ndim -= 2;
    if (!fr_shape_broadcast(&batch_a, &batch_b, y))
        return fr_op_fail(call, "%s x %s: the dimensions before the last two do not broadcast", fr_shape_text(a, x),
                          fr_shape_text(b, z));
    y->dim[y->ndim++] = a->dim[a->ndim - 2];
    y->dim[y->ndim++] = b->dim[b->ndim - 1];
    return true;
}

/* A matrix as gemm takes it: rows at lead, stored transposed or not. */
typedef struct {
    bool transposed;
    int64_t lead;
} layout;

/* False where neither rows nor columns lie without gaps. */
static bool find_layout(const fr_tensor *t, layout *l)
{
    int64_t rows = t->stride[t->shape.ndim - 2], columns = t->stride[t->shape.ndim - 1];
    int64_t m = t->shape.dim[t->shape.ndim - 2], n = t->shape.dim[t->shape.ndim - 1];

    if ((columns == 1 || n == 1) && (rows >= n || m == 1)) {
        *l = (layout){ false, m == 1 ? n : rows };
        return true;
    }
    *l = (layout){ true, n == 1 ? m : columns };
    return (rows == 1 || m == 1) && (columns >= m || n == 1);
}

/* Where the matrix of a batch (row-major index over the batch dims of y) begins in t, in elements. */
static int64_t batch_offset(const fr_tensor *t, const fr_shape *y, int64_t batch)
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

static void multiply(const fr_tensor *a, layout la, const fr_tensor *b, layout lb, fr_tensor *y)
{
    const fr_shape *s = &y->shape;
    int64_t m = s->dim[s->ndim - 2], n = s->dim[s->ndim - 1], k = a->shape.dim[a->shape.ndim - 1];
    int64_t size = (int64_t)fr_dtype_size((fr_dtype)y->dtype), batches = m > 0 && n > 0 ? y->numel / (m * n) : 0;

    for (int64_t i = 0; i < batches; i++)
        fr_gemm((fr_dtype)y->dtype, la.transposed, lb.transposed, m, n, k, a->origin + batch_offset(a, s, i) * size,
                la.lead, b->origin + batch_offset(b, s, i) * size, lb.lead, 0, y->origin + i * m * n * size, n);
}

static void forward(fr_op_call *call)
{
    fr_tensor *in[2];
    layout l[2];

    for (int i = 0; i < 2; i++) {
        bool fits = find_layout(call->in[i], &l[i]);

        in[i] = fits ? fr_ref(call->in[i]) : fr_tensor_copy("matmul", call->in[i]);
        if (!fits && in[i])
            find_layout(in[i], &l[i]);
    }
    if (in[0] && in[1])
        multiply(in[0], l[0], in[1], l[1], call->result[0]);
    else
        call->failed = true;
    fr_unref(in[0]);
    fr_unref(in[1]);
}

static void backward(fr_op_call *call)
{
    fr_tensor *g = call->grad_out[0], *a = call->in[0], *b = call->in[1];

    if (call->needs[0])
        call->grad_in[0] = fr_sum_to(fr_matmul(g, fr_transpose(b, -2, -1)), call->in_shape[0]);
    if (call->needs[1])
        call->grad_in[1] = fr_sum_to(fr_matmul(fr_transpose(a, -2, -1), g), call->in_shape[1]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_matmul(in[0], in[1]);
}

static fr_tensor *run_transposed(fr_tensor *const *in)
{
    return fr_matmul(fr_transpose(in[0], 0, 1), fr_transpose(in[1], 0, 1));
}

static fr_tensor *run_outer(fr_tensor *const *in)
{
    return fr_outer(in[0], in[1]);
}
#endif

const fr_op fr_matmul_op = {
    .name = "matmul",
    .formula = "y = a b",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "matrices", "n(3,4) n(4,5)", "a @ b", run }, { "batches", "n(2,1,3,4) n(5,4,2)", "a @ b", run },
             { "vectors", "n(4) n(4)", "a @ b", run }, { "vector left", "n(4) n(2,4,3)", "a @ b", run },
             { "vector right", "n(2,3,4) n(4)", "a @ b", run }, { "nothing", "n(3,0) n(0,2)", "a @ b", run },
             { "transposed", "n(4,3) n(5,4)", "a.T @ b.T", run_transposed },
             { "outer", "n(3) n(4)", "torch.outer(a, b)", run_outer },
             { "inner", "n(4,3) n(5,2)", NULL, run, { "matmul", "(4, 3)", "(5, 2)" } })
};

fr_tensor *fr_matmul(fr_tensor *a, fr_tensor *b)
{
    bool left = a && a->shape.ndim == 1, right = b && b->shape.ndim == 1;

    if (!left && !right)
        return fr_apply(&fr_matmul_op, (fr_tensor *[]){ a, b }, NULL);

    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "matmul");
    fr_tensor *rows = left ? fr_unsqueeze(a, 0) : a, *columns = right ? fr_unsqueeze(b, 1) : b;
    fr_tensor *y = fr_apply(&fr_matmul_op, (fr_tensor *[]){ rows, columns }, NULL);

    if (y && right)
        y = fr_squeeze(y, -1);
    if (y && left)
        y = fr_squeeze(y, right ? -1 : -2);
    fr_finish(th, before);
    return y;
}

fr_tensor *fr_outer(fr_tensor *a, fr_tensor *b)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "outer");
    char x[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];
    fr_tensor *y = NULL;

    if (a && b && (a->shape.ndim != 1 || b->shape.ndim != 1))
        fr_fail("outer", "%s and %s, expected two vectors", fr_shape_text(&a->shape, x), fr_shape_text(&b->shape, z));
    else if (fr_check_not_null("outer", a, "a") && fr_check_not_null("outer", b, "b"))
        y = fr_matmul(fr_unsqueeze(a, 1), fr_unsqueeze(b, 0));
    fr_finish(th, before);
    return y;
}
