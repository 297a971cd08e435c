/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* scatter_put: y is t, or zeros, with y[index[i][j][k]][j][k] = or += x[i][j][k] for dim 0, and so on: the reverse of
 * gather and so its backward. Its own is gather for x, and for t dy, without the places that = has written to.
 * scatter_reduce: y *= x, or y = max(y, x) or min. All functions that write by index are made of these in put.c. */
#include "ops/index/gather.h"

#include <frond/c_code.h>

typedef struct {
    int dim;
    fr_put put;
    fr_shape shape; /* of y, where there is no t */
} attributes;

enum { SRC, INDEX, T };

/* --- Forward ----------------------------------------------------------------------------------------------------- */

static bool infer(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_tensor *src = call->in[SRC], *index = call->in[INDEX], *t = call->in[T];
    const fr_shape *shape = t ? &t->shape : &a->shape;
    char x[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];

    call->out[0] = (fr_meta){ .shape = *shape, .dtype = fr_dtype_of(src) };
    if (t && t->dtype != src->dtype)
        return fr_op_fail(call, "dtypes differ: %s and %s; use fr_cast", fr_dtype_name(fr_dtype_of(t)),
                          fr_dtype_name(fr_dtype_of(src)));
    if (fr_shape_dim(shape, a->dim) < 0)
        return fr_op_fail(call, "dim %d is out of range for shape %s", a->dim, fr_shape_text(shape, x));
    return fr_check_index_shape(call, shape, index, fr_shape_dim(shape, a->dim)) &&
           (fr_shape_equal(&src->shape, &index->shape) ||
            fr_op_fail(call, "the source %s is smaller than the index %s", fr_shape_text(&src->shape, x),
                       fr_shape_text(&index->shape, z)));
}

static void forward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor *y = call->result[0];

    if (call->in[T])
        fr_copy_values(y, call->in[T]);
    else
        memset(y->origin, 0, (size_t)y->numel * fr_dtype_size((fr_dtype)y->dtype));
    fr_run_indexed(call, y, a->dim, call->in[SRC], &a->put);
}

/* --- C and ONNX -------------------------------------------------------------------------------------------------- */

static const char c_text[] =
    "/* Puts x[i] into y[index[i]] along a dim with that stride and size, by a way; nothing for an index that is "
    "none.\n"
    " * by_* are the strides of index, x and y along the dims of index. */\n"
    "static void scatter(int count, int dims, const int *shape, const int *by_index, const int *by_x, const int "
    "*by_y,\n"
    "                    int stride, int size, char way, const int64_t *index, const float *x, float *y)\n"
    "{\n"
    "    for (int i = 0; i < count; i++) {\n"
    "        int rest = i, at = 0, from = 0, to = 0;\n"
    "\n"
    "        for (int d = dims - 1; d >= 0; rest /= shape[d--]) {\n"
    "            at += rest % shape[d] * by_index[d];\n"
    "            from += rest % shape[d] * by_x[d];\n"
    "            to += rest % shape[d] * by_y[d];\n"
    "        }\n"
    "        if (index[at] >= 0 && index[at] < size) {\n"
    "            float *put = y + to + index[at] * stride, value = x[from];\n"
    "\n"
    "            if (way == '+')\n"
    "                *put += value;\n"
    "            else if (way == '*')\n"
    "                *put *= value;\n"
    "            else if (way == '=' || beats(value, *put, way == '<'))\n"
    "                *put = value;\n"
    "        }\n"
    "    }\n"
    "}\n";

/* By fr_put. ONNX's has max and min since its set 18. */
static const struct {
    char way; /* in C */
    const char *onnx;
} ways[] = { { '+', "add" }, { '=', "none" }, { '*', "mul" }, { '>', NULL }, { '<', NULL } };

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_tensor *src = call->in[SRC], *index = call->in[INDEX], *t = call->in[T], *result = call->result[0];
    int ndim = index->shape.ndim, dim = ndim ? fr_shape_dim(&result->shape, a->dim) : -1;
    char shape[FR_C_NUMBERS], by_index[FR_C_NUMBERS], by_x[FR_C_NUMBERS], by_y[FR_C_NUMBERS];
    const char *x, *at, *y, *name;

    x = fr_c_strided(w, call, SRC);
    at = fr_c_strided(w, call, INDEX);
    y = fr_c_out(w, call, 0);
    fr_c_beats(w, fr_dtype_of(src));
    name = fr_c_value_helper(w, "scatter", c_text, fr_dtype_of(src));
    if (t)
        fr_c_copy(w, result, t);
    else
        fr_c_fill(w, result, 0);
    return fr_c_line(w, "%s(%lld, %d, %s, %s, %s, %s, %lld, %lld, '%c', %s, %s, %s);", name, (long long)index->numel,
                     ndim, fr_c_numbers(index->shape.dim, ndim, -1, sizeof shape, shape),
                     fr_c_numbers(index->stride, ndim, -1, sizeof by_index, by_index),
                     fr_c_numbers(src->stride, ndim, -1, sizeof by_x, by_x),
                     fr_c_numbers(result->stride, ndim, dim, sizeof by_y, by_y),
                     dim >= 0 ? (long long)result->stride[dim] : 0, dim >= 0 ? (long long)result->shape.dim[dim] : 1,
                     ways[a->put].way, at, x, y);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;
    const char *t;

    if (call->result[0]->shape.ndim == 0)
        return fr_onnx_fail(g, "of a scalar, which ONNX's op does not take");
    if (!ways[a->put].onnx)
        return fr_onnx_fail(g, "the largest and the smallest, which ONNX has only in newer operator sets");
    t = call->in[T]
            ? fr_onnx_input(g, T)
            : fr_onnx_value(g, "Expand",
                            FR_ONNX_NAMES(fr_onnx_number(g, fr_dtype_of(call->in[SRC]), 0), fr_onnx_shape(g, 0)));
    fr_onnx_node(g, "ScatterElements", FR_ONNX_NAMES(t, fr_onnx_input(g, INDEX), fr_onnx_input(g, SRC)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "axis", fr_shape_dim(&call->result[0]->shape, a->dim));
    fr_onnx_string(g, "reduction", ways[a->put].onnx);
    return true;
}

/* --- Backward ---------------------------------------------------------------------------------------------------- */

/* 1 where src[i] is the last that is written to its place, else 0. */
static fr_tensor *is_last(int dim, fr_tensor *index, const fr_shape *shape)
{
    fr_tensor *number = fr_reshape(fr_arange(0, (double)index->numel, 1, FR_I64), index->shape);
    fr_tensor *last = fr_scatter_put(FR_PUT_SET, fr_zeros_of(*shape, FR_I64), dim, index, number);

    return fr_eq(fr_gather(last, dim, index), number);
}

static void backward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor *index = call->in[INDEX], *g = call->grad_out[0];
    bool set = a->put == FR_PUT_SET;

    if (call->needs[SRC])
        call->grad_in[SRC] = fr_gather(g, a->dim, index);
    if (call->needs[SRC] && set)
        call->grad_in[SRC] =
            fr_where(is_last(a->dim, index, &g->shape), call->grad_in[SRC], fr_zeros_like(call->grad_in[SRC]));
    if (call->needs[T])
        call->grad_in[T] = set ? fr_scatter_scalar(g, a->dim, index, 0) : fr_clone(g);
}

/* dy/dt is y with 1 for t. dy/dx is y / x, or, where x is the one 0 of its place, y with 1 for it; with more than one,
 * 0. */
static void prod_backward(fr_op_call *call, int dim)
{
    fr_tensor *x = call->in[SRC], *index = call->in[INDEX], *t = call->in[T], *g = call->grad_out[0];
    fr_tensor *zero, *zeros, *alone, *slope, *rest;

    if (call->needs[T])
        call->grad_in[T] = fr_mul(g, fr_scatter_put(FR_PUT_PROD, fr_ones_like(t), dim, index, x));
    if (!call->needs[SRC])
        return;
    zero = fr_eq_scalar(x, 0);
    zeros = fr_gather(fr_scatter_zeros(zero, t->shape, dim, index), dim, index);
    alone = fr_mul(zero, fr_eq_scalar(zeros, 1));
    slope = fr_div(fr_gather(call->result[0], dim, index), fr_masked_fill(x, zero, 1));
    rest = fr_gather(fr_scatter_put(FR_PUT_PROD, t, dim, index, fr_masked_fill(x, alone, 1)), dim, index);
    call->grad_in[SRC] = fr_mul(fr_gather(g, dim, index), fr_where(alone, rest, slope));
}

/* Of the largest or smallest, ties share the gradient evenly. */
static void extreme_backward(fr_op_call *call, int dim)
{
    fr_tensor *x = call->in[SRC], *index = call->in[INDEX], *y = call->result[0];
    fr_tensor *t_is = fr_eq(call->in[T], y), *x_is = fr_eq(x, fr_gather(y, dim, index));
    fr_tensor *share = fr_div(call->grad_out[0], fr_scatter_put(FR_PUT_ADD, t_is, dim, index, x_is));

    if (call->needs[T])
        call->grad_in[T] = fr_mul(t_is, share);
    if (call->needs[SRC])
        call->grad_in[SRC] = fr_mul(x_is, fr_gather(share, dim, index));
}

static void reduce_backward(fr_op_call *call)
{
    const attributes *a = call->attributes;

    if (a->put == FR_PUT_PROD)
        prod_backward(call, a->dim);
    else
        extreme_backward(call, a->dim);
}

/* --- The ops ----------------------------------------------------------------------------------------------------- */

FR_RUN(run_zeros, fr_scatter_zeros(in[0], (fr_shape){ 2, { 3, 4 } }, 0, in[1]))
FR_RUN(run_zeros_last, fr_scatter_zeros(in[0], (fr_shape){ 3, { 2, 3, 4 } }, -1, in[1]))
FR_RUN(run_zeros_rows,
       fr_scatter_zeros(in[0], (fr_shape){ 2, { 3, 4 } }, 0, fr_expand(in[1], (fr_shape){ 2, { 7, 4 } })))
FR_RUN(run_set, fr_scatter(in[0], 0, in[1], in[2]))
FR_RUN(run_set_last, fr_scatter(in[0], -1, fr_flip(in[1], 0), in[2]))
FR_RUN(run_set_strided, fr_scatter(fr_transpose(in[0], 0, 1), 0, fr_transpose(in[1], 0, 1), fr_transpose(in[2], 0, 1)))
FR_RUN(run_set_distinct, fr_scatter(in[0], 0, fr_argsort(in[1], 0, false), in[2]))
FR_RUN(run_number, fr_scatter_scalar(in[0], 1, in[1], 2.5))
FR_RUN(run_number_whole, fr_scatter_scalar(in[0], 1, in[1], -3))
FR_RUN(run_add, fr_scatter_add(in[0], 0, in[1], in[2]))
FR_RUN(run_add_last, fr_scatter_add(in[0], -1, in[1], in[2]))
FR_RUN(run_index_add, fr_index_add(in[0], 1, in[1], in[2], 1))
FR_RUN(run_index_add_scaled, fr_index_add(in[0], 0, in[1], in[2], -1.5))
FR_RUN(run_index_copy, fr_index_copy(in[0], 1, in[1], in[2]))
FR_RUN(run_index_copy_distinct, fr_index_copy(in[0], 0, fr_argsort(in[1], 0, false), in[2]))
FR_RUN(run_index_fill, fr_index_fill(in[0], -1, in[1], 0.5))
FR_RUN(run_put, fr_index_put(in[0], in + 1, 2, in[3], false))
FR_RUN(run_put_add, fr_index_put(in[0], in + 1, 2, in[3], true))
FR_RUN(run_put_add_negative, fr_index_put(in[0], (fr_tensor *[]){ fr_sub_scalar(in[1], 2) }, 1, in[2], true))
FR_RUN(run_put_outside, fr_index_put(in[0], (fr_tensor *[]){ fr_add_scalar(in[1], 3) }, 1, in[2], false))
FR_RUN(run_masked, fr_masked_scatter(in[0], in[1], in[2]))
FR_RUN(run_masked_select, fr_masked_select(in[0], in[1]))
FR_RUN(run_positive, fr_masked_select(in[0], fr_gt_scalar(in[1], 0)))
FR_RUN(run_bincount, fr_bincount(in[0], NULL, 0))
FR_RUN(run_bincount_weights, fr_bincount(in[0], in[1], 7))
FR_RUN(run_sparse, fr_sparse_mm(fr_stack((fr_tensor *[]){ in[0], in[1] }, 2, 0), in[2], 4, in[3]))
/* Entries 0 to 8 in 4 rows. */
FR_RUN(run_sparse_csr, fr_sparse_csr_mm(fr_pad(fr_pad(fr_sort(in[0], 0, false).values, (int64_t[]){ 1, 0 }, 2, 0),
                                               (int64_t[]){ 0, 1 }, 2, 9),
                                        in[1], in[2], in[3]))
FR_RUN(run_sparse_csr_short, fr_sparse_csr_mm(in[0], in[0], in[1], in[1]))

const fr_op fr_scatter_put_op = {
    .name = "scatter_put",
    .formula = "y = t, or zeros; y[index[i][j][k]][j][k] = or += x[i][j][k] for dim 0, and so on",
    .shapes = "(*) (*) (**)? -> (**)",
    .input_names = "src index t",
    .inputs = 3,
    .outputs = 1,
    .optional = 1U << T,
    .saves_inputs = 1U << INDEX,
    .attributes_size = sizeof(attributes),
    .dtypes = FR_MIXED,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_linear,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES(
        { "first", "n(7,4) i3(7,4)", "torch.zeros(3, 4).scatter_add(0, b, a)", run_zeros },
        { "fewer", "n(7,2) i3(7,2)", "torch.zeros(3, 4).scatter_add(0, b, a)", run_zeros },
        { "last", "n(2,3,5) i4(2,3,5)", "torch.zeros(2, 3, 4).scatter_add(-1, b, a)", run_zeros_last },
        { "rows", "n(7,4) i3(7,1)", "torch.zeros(3, 4).index_add(0, b[:, 0], a)", run_zeros_rows },
        { "int64", "i9(7,4) i3(7,4)", "torch.zeros(3, 4, dtype=int).scatter_add(0, b, a)", run_zeros },
        { "nothing", "n(0,4) i3(0,4)", "torch.zeros(3, 4).scatter_add(0, b, a)", run_zeros },
        { "range", "n(9,4) i9(9,4)", NULL, run_zeros, { "scatter_put", "dim 0 of size 3" } },
        { "shapes", "n(7,5) i3(7,5)", NULL, run_zeros, { "scatter_put", "(7, 5)", "(3, 4)" } },
        { "distinct", "n(5,4) d(5,4) n(5,4)", "a.scatter(0, b.argsort(0), c)", run_set_distinct },
        { "set last", "n(3,4) i1(3,1) n(3,1)", "a.scatter(-1, b.flip(0), c)", run_set_last },
        { "set strided", "n(3,4) i1(3,1) n(3,1)", "a.T.scatter(0, b.T, c.T)", run_set_strided },
        { "set from larger", "n(3,4) i1(1,3) n(2,4)", "a.scatter(0, b, c[:1, :3])", run_set },
        { "set scalar", "n() i1() n()", "a.scatter(0, b, c)", run_set },
        { "set none", "n(3,4) i3(0,4) n(2,4)", "a.scatter(0, b, c[:0])", run_set },
        { "set int64", "i9(3,4) i1(1,4) i9(1,4)", "a.scatter(0, b, c)", run_set },
        { "set duplicates", "n(1,4) i1(3,4) n(3,4)", "c[2:] + 0 * a", run_set },
        { "number", "n(3,4) i4(3,2)", "a.scatter(1, b, 2.5)", run_number },
        { "number int64", "i9(3,4) i4(3,2)", "a.scatter(1, b, -3)", run_number_whole },
        { "add", "n(3,4) i3(7,4) n(7,4)", "a.scatter_add(0, b, c)", run_add },
        { "add last", "n(2,3,4) i4(2,2,5) n(2,3,6)", "a.scatter_add(-1, b, c[:, :2, :5])", run_add_last },
        { "add int64", "i9(3,4) i3(7,4) i9(7,4)", "a.scatter_add(0, b, c)", run_add },
        { "index_add", "n(2,3,4) i3(5) n(2,5,4)", "a.index_add(1, b, c)", run_index_add },
        { "index_add scaled", "n(3,4) i3(5) n(5,4)", "a.index_add(0, b, c, alpha=-1.5)", run_index_add_scaled },
        { "index_add none", "n(3,4) i3(0) n(0,4)", "a.index_add(0, b, c, alpha=-1.5)", run_index_add_scaled },
        { "index_copy", "n(4,3) d(4) n(4,3)", "a.index_copy(0, b.argsort(0), c)", run_index_copy_distinct },
        { "index_fill", "n(2,3,4) i4(2)", "a.index_fill(-1, b, 0.5)", run_index_fill },
        { "index_put one", "n(3,4,2) i1(1,1) i1(1) n(2)", "a.index_put((b, c), d)", run_put },
        { "index_put add", "n(3,4,2) i3(2,3) i4(3) n(2,3,2)", "a.index_put((b, c), d, accumulate=True)", run_put_add },
        { "index_put add, scalars", "n(3,4) i3() i4() n()", "a.index_put((b, c), d, accumulate=True)", run_put_add },
        { "index_put negative", "n(3,4) i4(5) n(4)", "a.index_put((b - 2,), c, accumulate=True)",
          run_put_add_negative },
        { "masked_scatter", "n(3,4) b(3,4) n(15)", "a.masked_scatter(b != 0, c)", run_masked },
        { "masked_scatter broadcast", "n(2,3,4) i2(4) n(6,4)", "a.masked_scatter(b != 0, c)", run_masked },
        { "masked_select", "n(3,4) d(3,4)", "a.masked_select(b > 0)", run_positive },
        { "masked_select broadcast", "n(3,1) d(4)", "a.masked_select(b > 0)", run_positive },
        { "masked_select scalar", "n() i1()", "a.masked_select(b != 0)", run_masked_select },
        { "bincount", "i9(20)", "torch.bincount(a)", run_bincount },
        { "bincount none", "i9(0)", "torch.bincount(a)", run_bincount },
        { "bincount weights", "i5(20) n(20)", "torch.zeros(7).index_add(0, a, b)", run_bincount_weights },
        { "sparse_mm", "i4(9) i5(9) n(9) n(5,3)",
          "torch.sparse_coo_tensor(torch.stack([a, b]), c, (4, 5)).to_dense() @ d", run_sparse },
        { "sparse_mm none", "i4(0) i5(0) n(0) n(5,3)", "torch.zeros(4, 5) @ d + c.sum()", run_sparse },
        { "duplicates", "n(2,4) i1(1,3,4) n(3,4)", NULL, run_set, { "scatter", "(1, 3, 4)", "(2, 4)" } },
        { "smaller source", "n(3,4) i3(3,4) n(2,4)", NULL, run_set, { "scatter", "(2, 4)", "(3, 4)" } },
        { "dtypes", "n(3,4) i3(3,4) i9(3,4)", NULL, run_set, { "scatter", "float32", "int64" } },
        { "number fraction", "i9(3,4) i4(3,2)", NULL, run_number, { "scatter_scalar", "2.5", "int64" } },
        { "add range", "n(1,4) i9(9,4) n(9,4)", NULL, run_add, { "scatter_add", "dim 0 of size 1" } },
        { "index_add range", "n(2,1,4) i9(5) n(2,5,4)", NULL, run_index_add, { "index_add", "dim 1 of size 1" } },
        { "index_add shapes",
          "n(2,3,4) i3(5) n(2,5,3)",
          NULL,
          run_index_add,
          { "index_add", "(2, 5, 3)", "(2, 5, 4)" } },
        { "index_copy shapes",
          "n(2,3,4) i3(5) n(2,4,4)",
          NULL,
          run_index_copy,
          { "index_copy", "(2, 4, 4)", "(2, 5, 4)" } },
        { "index_fill float", "n(2,4) n(2)", NULL, run_index_fill, { "index_fill", "float32", "int64" } },
        { "index_put range",
          "n(3,4) i1(2) n(4)",
          NULL,
          run_put_outside,
          { "index_put", "index 3", "dim 0 of size 3" } },
        { "index_put values", "n(3,4) i1(2) n(3)", NULL, run_put_add_negative, { "index_put", "(3,)", "(2, 4)" } },
        { "index_put indices", "n(3,4) i1(2) i1(3) n()", NULL, run_put, { "index_put", "(2,)", "(3,)" } },
        { "masked_scatter few", "n(3,4) n(3,4) n(2,5)", NULL, run_masked, { "masked_scatter", "12", "10" } },
        { "masked_scatter mask", "n(4) i2(3,4) n(15)", NULL, run_masked, { "masked_scatter", "(3, 4)", "(4,)" } },
        { "masked_select mask", "n(3,4) i2(3)", NULL, run_masked_select, { "masked_select", "(3,)", "(3, 4)" } },
        { "bincount weights' shape", "i5(20) n(19)", NULL, run_bincount_weights, { "bincount", "(19,)", "(20,)" } },
        { "bincount floats", "n(4)", NULL, run_bincount, { "bincount", "float32", "int64" } },
        { "sparse_csr_mm", "i10(3) i5(9) n(9) n(5,3)",
          "torch.zeros(4, 3).index_add(0, torch.arange(4).repeat_interleave(F.pad(F.pad(a.sort()[0], (1, 0)), (0, 1), "
          "value=9).diff()), c[:, None] * d[b])",
          run_sparse_csr },
        { "sparse_csr_mm dense", "i9(4) n(4)", NULL, run_sparse_csr_short, { "sparse_csr_mm", "dense (4,)", "(n,k)" } },
        { "sparse_mm values", "i4(9) i5(9) n(8) n(5,3)", NULL, run_sparse, { "sparse_mm", "(8,)", "(2, 9)" } },
        { "sparse_mm range", "i4(9) i5(9) n(9) n(0,3)", NULL, run_sparse, { "sparse_mm", "dim 0 of size 0" } },
        { "sparse_mm dense", "i4(9) i5(9) n(9) n(5)", NULL, run_sparse, { "sparse_mm", "(5,)" } }),
};

FR_RUN(run_sum, fr_scatter_reduce(in[0], 0, in[1], in[2], "sum", true))
FR_RUN(run_sum_alone, fr_scatter_reduce(in[0], 0, in[1], in[2], "sum", false))
FR_RUN(run_prod, fr_scatter_reduce(in[0], 0, in[1], in[2], "prod", true))
FR_RUN(run_prod_alone, fr_scatter_reduce(in[0], 0, in[1], in[2], "prod", false))
FR_RUN(run_mean, fr_scatter_reduce(in[0], 0, in[1], in[2], "mean", true))
FR_RUN(run_mean_alone, fr_scatter_reduce(in[0], 0, in[1], in[2], "mean", false))
FR_RUN(run_amax, fr_scatter_reduce(in[0], 0, in[1], in[2], "amax", true))
FR_RUN(run_amax_alone, fr_scatter_reduce(in[0], -1, in[1], in[2], "amax", false))
FR_RUN(run_amin, fr_scatter_reduce(in[0], 0, in[1], in[2], "amin", true))
FR_RUN(run_amin_alone, fr_scatter_reduce(in[0], 0, in[1], in[2], "amin", false))
FR_RUN(run_unknown, fr_scatter_reduce(in[0], 0, in[1], in[2], "max", true))

const fr_op fr_scatter_reduce_op = {
    .name = "scatter_reduce",
    .formula = "y = t; y[index[i][j][k]][j][k] *= x[i][j][k], or the larger or smaller of both",
    .shapes = "(*) (*) (**) -> (**)",
    .input_names = "src index t",
    .inputs = 3,
    .outputs = 1,
    .saves_inputs = 7,
    .saves_outputs = 1,
    .attributes_size = sizeof(attributes),
    .dtypes = FR_MIXED,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward = reduce_backward,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES(
        { "sum", "n(3,4) i3(7,4) n(7,4)", "a.scatter_reduce(0, b, c, 'sum')", run_sum },
        { "sum alone", "n(3,4) i2(7,4) n(7,4)", "a.scatter_reduce(0, b, c, 'sum', include_self=False)", run_sum_alone },
        { "prod", "n(3,4) i3(7,4) n(7,4)", "a.scatter_reduce(0, b, c, 'prod')", run_prod },
        { "prod alone", "n(3,4) i2(7,4) n(7,4)", "a.scatter_reduce(0, b, c, 'prod', include_self=False)",
          run_prod_alone },
        { "prod zeros", "v0,2,3(3,1) i3(7,1) v0,2,1,0,5,0,4(7,1)", "a.scatter_reduce(0, b, c, 'prod')", run_prod },
        { "prod int64", "i9(3,4) i3(7,4) i9(7,4)", "a.scatter_reduce(0, b, c, 'prod')", run_prod },
        { "mean", "n(3,4) i3(7,4) n(7,4)", "a.scatter_reduce(0, b, c, 'mean')", run_mean },
        { "mean alone", "n(3,4) i2(7,4) n(7,4)", "a.scatter_reduce(0, b, c, 'mean', include_self=False)",
          run_mean_alone },
        { "amax", "n(3,4) i3(7,4) d(7,4)", "a.scatter_reduce(0, b, c, 'amax')", run_amax },
        { "amax alone", "n(3,4) i3(3,5) d(3,5)", "a.scatter_reduce(-1, b, c, 'amax', include_self=False)",
          run_amax_alone },
        { "amax ties", "v1,2,1,2,2,1(2,3) i2(4,3) v2,1,1,2,1,2,2,1,1,1,2,1(4,3)", "a.scatter_reduce(0, b, c, 'amax')",
          run_amax },
        { "amax edges", "v1,nan,inf(3,1) i3(7,1) v2,nan,1,inf,5,-inf,4(7,1)", "a.scatter_reduce(0, b, c, 'amax')",
          run_amax, .no_grad = true },
        { "amin", "n(3,4) i3(7,4) d(7,4)", "a.scatter_reduce(0, b, c, 'amin')", run_amin },
        { "amin alone", "n(3,4) i2(7,4) d(7,4)", "a.scatter_reduce(0, b, c, 'amin', include_self=False)",
          run_amin_alone },
        { "amin int64", "i9(3,4) i3(7,4) i9(7,4)", "a.scatter_reduce(0, b, c, 'amin', include_self=False)",
          run_amin_alone },
        { "amax scalar", "n() i1() n()", "a.scatter_reduce(0, b, c, 'amax')", run_amax },
        { "none", "n(3,4) i3(0,4) n(0,4)", "a.scatter_reduce(0, b, c, 'prod')", run_prod },
        { "unknown", "n(3,4) i3(7,4) n(7,4)", NULL, run_unknown, { "scatter_reduce", "\"max\"", "amax" } },
        { "mean int64", "i9(3,4) i3(7,4) i9(7,4)", NULL, run_mean, { "scatter_reduce", "int64" } },
        { "range", "n(1,4) i9(9,4) n(9,4)", NULL, run_amax, { "scatter_reduce", "dim 0 of size 1" } }),
};

fr_tensor *fr_scatter_put(fr_put put, fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src)
{
    const fr_op *op = put == FR_PUT_ADD || put == FR_PUT_SET ? &fr_scatter_put_op : &fr_scatter_reduce_op;

    return fr_apply(op, (fr_tensor *[]){ src, index, t }, &(attributes){ .dim = dim, .put = put });
}

fr_tensor *fr_scatter_zeros(fr_tensor *t, fr_shape shape, int dim, fr_tensor *index)
{
    return fr_apply(&fr_scatter_put_op, (fr_tensor *[]){ t, index, NULL }, &(attributes){ dim, FR_PUT_ADD, shape });
}

fr_tensor *fr_scatter_to_zeros(fr_tensor *t, fr_shape shape, int dim, fr_tensor *index)
{
    return fr_apply(&fr_scatter_put_op, (fr_tensor *[]){ t, index, NULL }, &(attributes){ dim, FR_PUT_SET, shape });
}
