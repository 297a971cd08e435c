/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's reductions, by frond's ops. */
#include <config.h>

#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>

/* Reduces one dim after another, from the last to the first. Without axes all dims are reduced. */
static bool run_reduce(fr_import_call *c)
{
    fr_import_ints axes;
    bool keepdims = fr_import_int(c, "keepdims", 1);
    fr_tensor *y = fr_import_input(c, 0);
    unsigned chosen;

    if (!fr_import_require(c, 1) || !fr_import_axes(c, y, &axes, &chosen))
        return false;
    if (axes.n <= 0)
        chosen = fr_import_int(c, "noop_with_empty_axes", 0) ? 0 : ~0U;
    if (c->op->unary)
        y = c->op->unary(y);
    if (!y)
        return false;
    if (y->shape.ndim == 0) /* frond reduces a scalar along dim 0 */
        return fr_import_return(c, c->op->reduce(y, 0, false));
    for (int i = c->in[0]->shape.ndim; i-- > 0 && y;)
        if (chosen >> i & 1)
            y = c->op->reduce(y, i, keepdims);
    return fr_import_return(c, y);
}

/* The maximum of no values is -inf in ONNX, and an error in fr_max_dim; fr_logsumexp_dim gives -inf. */
static fr_tensor *max_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_dim(t, dim) != 0 ? fr_max_dim(t, dim, keepdim) : fr_logsumexp_dim(t, dim, keepdim);
}

/* That of the minimum is inf. */
static fr_tensor *min_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_dim(t, dim) != 0 ? fr_min_dim(t, dim, keepdim) : fr_neg(fr_logsumexp_dim(t, dim, keepdim));
}

static bool run_log_sum(fr_import_call *c)
{
    return run_reduce(c) && fr_import_return(c, fr_log(c->out[0]));
}

/* A mean of integers is rounded towards 0, once. */
static bool run_mean(fr_import_call *c)
{
    fr_import_call sum = *c;
    fr_import_op op = *c->op;

    if (!fr_import_require(c, 1) || c->in[0]->dtype != FR_I64)
        return run_reduce(c);
    op.reduce = fr_sum_dim;
    sum.op = &op;
    if (!run_reduce(&sum))
        return false;

    int64_t n = c->in[0]->numel / (sum.out[0]->numel > 0 ? sum.out[0]->numel : 1);

    return fr_import_return(c, fr_import_quotient(sum.out[0], fr_full_of((fr_shape){ 0 }, (double)n, FR_I64)));
}

static bool run_arg(fr_import_call *c)
{
    int dim = fr_import_axis_of_input(c, 1, 0);
    bool keepdims = fr_import_int(c, "keepdims", 1);

    if (dim < 0)
        return false;
    if (!fr_import_int(c, "select_last_index", 0))
        return fr_import_return(c, c->op->reduce(c->in[0], dim, keepdims));

    fr_tensor *from_end = c->op->reduce(fr_flip(c->in[0], dim), dim, keepdims);

    return fr_import_return(c, fr_add_scalar(fr_neg(from_end), (double)fr_dim(c->in[0], dim) - 1));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

#define REDUCE "axes keepdims noop_with_empty_axes"
#define ARG    "axis keepdims select_last_index"

static const fr_import_op ops[] = {
    { "ArgMax", ARG, .result = FR_ONNX_INT64, .reduce = fr_argmax, .run = run_arg },
    { "ArgMin", ARG, .result = FR_ONNX_INT64, .reduce = fr_argmin, .run = run_arg },
    { "ReduceL1", REDUCE, .unary = fr_abs, .reduce = fr_sum_dim, .run = run_reduce },
    { "ReduceL2", REDUCE, .reduce = fr_norm_dim, .run = run_reduce },
    { "ReduceLogSum", REDUCE, .reduce = fr_sum_dim, .run = run_log_sum },
    { "ReduceLogSumExp", REDUCE, .reduce = fr_logsumexp_dim, .run = run_reduce },
    { "ReduceMax", REDUCE, .reduce = max_dim, .run = run_reduce },
    { "ReduceMean", REDUCE, .reduce = fr_mean_dim, .run = run_mean },
    { "ReduceMin", REDUCE, .reduce = min_dim, .run = run_reduce },
    { "ReduceProd", REDUCE, .reduce = fr_prod_dim, .run = run_reduce },
    { "ReduceSum", REDUCE, .reduce = fr_sum_dim, .run = run_reduce },
    { "ReduceSumSquare", REDUCE, .unary = fr_square, .reduce = fr_sum_dim, .run = run_reduce },
};

const fr_import_op_table fr_import_reduction_ops = { ops, sizeof ops / sizeof *ops };
