/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* prod: the product, of all values or along a dim. dy/dx[i] is the product of the others, so that zeros do no harm. */
#include "ops/reduce/reduce.h"

FR_REDUCER(prod_f32, float, double, float, 1, s *(double)x, s *o, (float)s)
FR_REDUCER(prod_f64, double, double, double, 1, s *x, s *o, s)
FR_REDUCER(prod_i64, int64_t, uint64_t, int64_t, 1, s *(uint64_t)x, s *o, (int64_t)s)

FR_REDUCTION_ANY(prod)
FR_REDUCTION_C(prod, "1", "s * x", "s")

/* The product of those before, from the front, times the product of those behind, from the back. */
static void backward_kernel(fr_op_call *call)
{
    fr_tensor *out = call->grad_in[0];
    fr_split split = fr_split_of(&out->shape, call->attributes);

    FR_DISPATCH_FLOAT(out, T, {
        const T *g = (const T *)call->grad_out[0]->origin;

        for (int64_t i = 0; out->numel > 0 && i < split.outer * split.inner; i++) {
            int64_t first = i / split.inner * split.n * split.inner + i % split.inner;
            const T *x = (const T *)call->in[0]->origin + first;
            T *dx = (T *)out->origin + first;
            double before = (double)g[i], behind = 1;

            for (int64_t k = 0; k < split.n; k++) {
                dx[k * split.inner] = (T)before;
                before *= (double)x[k * split.inner];
            }
            for (int64_t k = split.n - 1; k >= 0; k--) {
                dx[k * split.inner] = (T)((double)dx[k * split.inner] * behind);
                behind *= (double)x[k * split.inner];
            }
        }
    })
}

/* The first half times the second, until one is left: differentiable as often as one likes, whatever is 0. */
static void definition(fr_op_call *call)
{
    const fr_over *over = call->attributes;
    fr_tensor *t = call->in[0], *odd = NULL;
    fr_split split = fr_split_of(&t->shape, over);
    fr_shape whole = { 3, { split.outer, split.n, split.inner } };
    int64_t n = split.n;

    t = fr_reshape(t, whole);
    if (n == 0)
        t = fr_add_scalar(fr_sum_dim(t, 1, true), 1);
    for (; n > 1; n /= 2) {
        if (n % 2) {
            fr_tensor *last = fr_slice(t, 1, n - 1, n, 1);

            odd = odd ? fr_mul(odd, last) : last;
        }
        t = fr_mul(fr_slice(t, 1, 0, n / 2, 1), fr_slice(t, 1, n / 2, n / 2 * 2, 1));
    }
    t = odd ? fr_mul(t, odd) : t;
    call->result[0] = fr_reshape(t, fr_reduced_shape(&call->in[0]->shape, over));
}

FR_RUN(run, fr_prod(in[0]))
FR_RUN(run_dim, fr_prod_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_prod_dim(in[0], -1, true))
FR_RUN(run_strided, fr_prod_dim(fr_transpose(in[0], 0, 2), 1, false))

const fr_op fr_prod_op = {
    FR_REDUCTION_OP(prod, "y = the product of x over all dims or one", fr_infer_reduced),
    .saves_inputs = 1,
    .dtypes = FR_ANY,
    .backward_kernel = backward_kernel,
    .definition = definition,
    .onnx_name = "ReduceProd",
    .onnx = fr_onnx_reduce,
    FR_CASES(
        { "all", "n(3,5)", "a.prod()", run }, { "dim", "n(2,7,3)", "a.prod(1)", run_dim },
        { "rows", "n(2,80)", "a.prod(1)", run_dim }, { "keepdim", "n(2,3)", "a.prod(-1, keepdim=True)", run_keepdim },
        { "strided", "n(2,3,4)", "a.transpose(0, 2).prod(1)", run_strided }, { "scalar", "n()", "a.prod()", run },
        { "scalar dim", "n()", "a.prod(-1, keepdim=True)", run_keepdim },
        { "one", "n(3,1)", "a.prod(-1, keepdim=True)", run_keepdim },
        { "zeros", "v2,3,5,7,0,11,0,0,13,0,0,0(4,3)", "a.prod(1)", run_dim },
        { "zero", "v2,3,0,5(2,2)", "a.prod()", run }, { "infinite", "v0,inf,nan,1(2,2)", "a.prod(1)", run_dim },
        { "empty", "n(0,3)", "a.prod()", run }, { "empty dim", "n(3,0)", "a.prod(1)", run_dim },
        { "empty other", "n(0,3)", "a.prod(1)", run_dim }, { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.prod(1)", run_dim },
        { "int64", "i9(3,6)", "a.prod(1)", run_dim, .no_grad = true },
        { "range", "n(4)", NULL, run_dim, { "prod", "dim 1", "(4,)" } }),
};

FR_REDUCTION(prod, 0)
