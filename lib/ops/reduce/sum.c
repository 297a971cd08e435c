/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sum: the sum over all values, one dim or several; sum_to undoes broadcasting by sums; count_nonzero. */
#include "ops/reduce/reduce.h"

/* float32 is added up in double, four values at a time before that in float32; int64 modulo 2^64. */
#define REDUCER sum
#define REDUCER_INT64
#define STATE  FR_SUM_TYPE(T)
#define INIT   0
#define STEP   (s + (STATE)x)
#define STEP4  FR_SUM4(T, s, x0, x1, x2, x3)
#define MERGE  (s + o)
#define RESULT ((T)s)
#include "kernels/make_reducer.h"

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, sum_reducer);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_reduce(w, call, "0", "s + x", "s");
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_expand(fr_keepdim(call, call->grad_out[0]), call->in_shape[0]);
}

FR_RUN(run, fr_sum(in[0]))
FR_RUN(run_dim, fr_sum_dim(in[0], 1, false))
FR_RUN(run_first, fr_sum_dim(in[0], 0, false))
FR_RUN(run_keepdim, fr_sum_dim(in[0], -1, true))
FR_RUN(run_strided, fr_sum_dim(fr_transpose(in[0], 0, 2), 1, true))
FR_RUN(run_range, fr_sum_dim(in[0], 2, false))
FR_RUN(run_to, fr_sum_to(in[0], (fr_shape){ 3, { 3, 1, 5 } }))
FR_RUN(run_to_column, fr_sum_to(in[0], (fr_shape){ 2, { 3, 1 } }))
FR_RUN(run_to_wrong, fr_sum_to(in[0], (fr_shape){ 1, { 3 } }))
FR_RUN(run_dims, fr_sum_dims(in[0], (fr_shape){ 2, { 0, -1 } }, false))
FR_RUN(run_dims_kept, fr_sum_dims(in[0], (fr_shape){ 2, { 2, 1 } }, true))
FR_RUN(run_dims_one, fr_sum_dims(in[0], (fr_shape){ 1, { -1 } }, true))
FR_RUN(run_dims_none, fr_sum_dims(in[0], (fr_shape){ 0 }, true))
FR_RUN(run_dims_twice, fr_sum_dims(in[0], (fr_shape){ 2, { 1, -1 } }, false))
FR_RUN(run_dims_scalar, fr_sum_dims(in[0], (fr_shape){ 1, { -1 } }, false))
FR_RUN(run_count, fr_count_nonzero(in[0], (fr_shape){ 2, { 0, -1 } }))
FR_RUN(run_count_all, fr_count_nonzero(in[0], (fr_shape){ 0 }))

const fr_op fr_sum_op = {
    FR_REDUCTION_OP("sum", fr_infer_reduced),
    .formula = "y = the sum of x over all dims or one",
    .derivative = "dL/dx = dL/dy in each place",
    .saves_inputs = FR_SAVES_NOTHING,
    .dtypes = FR_ANY,
    .backward = backward,
    .jvp = fr_jvp_linear,
    .onnx_name = "ReduceSum",
    .onnx = fr_onnx_reduce,
    FR_CASES({ "all", "n(5,37)", "a.sum()", run }, { "dim", "n(2,3,4)", "a.sum(1)", run_dim },
             { "columns", "n(70,9)", "a.sum(0)", run_first },
             { "keepdim", "n(2,3,4)", "a.sum(-1, keepdim=True)", run_keepdim },
             { "rows", "n(3,131)", "a.sum(-1, keepdim=True)", run_keepdim },
             { "strided", "n(2,3,4)", "a.transpose(0, 2).sum(1, keepdim=True)", run_strided },
             { "scalar", "n()", "a.sum()", run }, { "scalar dim", "n()", "a.sum(-1, keepdim=True)", run_keepdim },
             { "empty", "n(0,3)", "a.sum()", run }, { "empty dim", "n(2,0)", "a.sum(1)", run_dim },
             { "empty other", "n(0,3)", "a.sum(1)", run_dim },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.sum(1)", run_dim },
             { "infinite", "v1,inf,-inf,inf,nan,1(3,2)", "a.sum(1)", run_dim },
             { "int64", "i9(3,50)", "a.sum(0)", run_first, .no_grad = true },
             { "to", "n(2,3,4,5)", "a.sum((0, 2)).reshape(3, 1, 5)", run_to },
             { "to column", "n(3,70)", "a.sum(1, keepdim=True)", run_to_column },
             { "dims", "n(3,4,5)", "a.sum((0, -1))", run_dims }, { "all dims", "n(3,4)", "a.sum((0, -1))", run_dims },
             { "dims of five", "n(2,3,4,2,3)", "a.sum((0, -1))", run_dims },
             { "dims kept", "n(3,4,5)", "a.sum((2, 1), keepdim=True)", run_dims_kept },
             { "one of the dims", "n(3,4)", "a.sum((-1,), keepdim=True)", run_dims_one },
             { "no dims", "n(3,4)", "a.sum((), keepdim=True)", run_dims_none },
             { "dims of nothing", "n(0,4,5)", "a.sum((0, -1))", run_dims },
             { "dims of int64", "i9(3,4,5)", "a.sum((0, -1))", run_dims, .no_grad = true },
             { "dims of scalar", "n()", "a.sum((-1,))", run_dims_scalar },
             { "dims of eight", "n(2,3,2,1,2,1,2,3)", "a.sum((0, -1))", run_dims },
             { "count_nonzero", "v0,1,nan,-0.0,inf,0(2,1,3)", "a.count_nonzero((0, -1))", run_count, .no_grad = true },
             { "count_nonzero of all", "i2(2,3)", "a.count_nonzero()", run_count_all, .no_grad = true },
             { "dims twice", "n(2,3)", NULL, run_dims_twice, { "sum_dims", "dim 1", "twice" } },
             { "dims range", "n(2,3)", NULL, run_dims_kept, { "sum_dims", "dim 2", "(2, 3)" } },
             { "range", "n(4,3)", NULL, run_range, { "sum", "2", "(4, 3)" } },
             { "to wrong", "n(3,4)", NULL, run_to_wrong, { "sum_to", "(3,)", "(3, 4)" } }),
};

fr_tensor *fr_sum(fr_tensor *t)
{
    return fr_apply(&fr_sum_op, &t, &(fr_reduce_attributes){ .all = true });
}

fr_tensor *fr_sum_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_reduction("sum_dim", &fr_sum_op, t, (fr_reduce_attributes){ .dim = dim, .keepdim = keepdim }, NULL);
}

bool fr_sum_rows(const char *what, fr_dtype dtype, int64_t rows, int64_t columns, const void *x, void *y)
{
    return fr_reduce_array(sum_reducer(dtype), (fr_dim_sizes){ 1, rows, columns }, 0, x, y) || fr_fail_memory(what);
}

/* Sets joined to from's dims, without those of size 1, and with neighbours joined where both are kept or both are
 * summed. Bit i of the result is set if dim i of joined is summed. */
static unsigned join_dims(const fr_shape *from, const fr_shape *to, fr_shape *joined)
{
    int lead = from->ndim - to->ndim;
    unsigned summed = 0;
    bool before = false;

    joined->ndim = 0;
    for (int i = 0; i < from->ndim; i++) {
        bool now = i < lead || to->dim[i - lead] == 1;
        int last = joined->ndim - 1;

        if (from->dim[i] == 1 ||
            (last >= 0 && now == before && fr_mul_size(joined->dim[last], from->dim[i], &joined->dim[last])))
            continue;
        joined->dim[joined->ndim] = from->dim[i];
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): ndim counts from 0 */
        summed |= (unsigned)now << joined->ndim++;
        before = now;
    }
    return summed;
}

/* Where all values along dim are one, as in the gradient of a sum, their sum is that value times their number. */
static fr_tensor *sum_along(fr_tensor *t, int dim)
{
    if (t && t->numel > 0 && t->stride[dim] == 0)
        return fr_mul_scalar(fr_select(t, dim, 0), (double)t->shape.dim[dim]);
    return fr_sum_dim(t, dim, false);
}

static fr_tensor *sum_to(fr_tensor *t, const fr_shape *shape)
{
    fr_shape joined;
    unsigned summed = join_dims(&t->shape, shape, &joined);

    if (joined.ndim != t->shape.ndim)
        t = fr_reshape(t, joined);
    for (int i = joined.ndim - 1; i >= 0; i--)
        if (summed & 1U << i)
            t = sum_along(t, i);
    return t && !fr_shape_equal(&t->shape, shape) ? fr_reshape(t, *shape) : t;
}

fr_tensor *fr_sum_to(fr_tensor *t, fr_shape shape)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "sum_to");
    char from[FR_SHAPE_TEXT], to[FR_SHAPE_TEXT];
    fr_tensor *y = NULL;

    if (!fr_check_argument("sum_to", t, "t") || !fr_shape_check_ndim("sum_to", &shape)) {
        y = NULL;
    } else if (!fr_shape_broadcasts_to(&shape, &t->shape)) {
        fr_fail("sum_to", "%s does not broadcast to %s", fr_shape_text(&shape, to), fr_shape_text(&t->shape, from));
    } else if (fr_shape_equal(&shape, &t->shape)) {
        y = t;
    } else {
        int scope = fr_scope_begin();

        y = scope < 0 ? NULL : fr_escape(sum_to(t, &shape));
        fr_scope_end(scope);
    }
    fr_finish(th, before);
    return y;
}

fr_tensor *fr_sum_dims(fr_tensor *t, fr_shape dims, bool keepdim)
{
    return fr_apply_reduction_dims("sum_dims", &fr_sum_op, t, &dims, keepdim, 0);
}

static fr_tensor *nonzero_count(fr_tensor *t, fr_shape dims)
{
    return fr_sum_dims(fr_cast(fr_ne_scalar(t, 0), FR_I64), dims, false);
}

fr_tensor *fr_count_nonzero(fr_tensor *t, fr_shape dims)
{
    fr_composition c = fr_compose("count_nonzero");

    return fr_composed(c, fr_check_argument("count_nonzero", t, "t") ? nonzero_count(t, dims) : NULL);
}
