/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* prod: the product of all values or along a dim. The derivative by x[i] is the product of the other values, which,
 * unlike y / x[i], is right where some values are 0. */
#include "kernels/prod.h"
#include "ops/reduce/reduce.h"

/* float32 is multiplied in double, int64 modulo 2^64. */
#define REDUCER prod
#define REDUCER_INT64
#define STATE  FR_SUM_TYPE(T)
#define INIT   1
#define STEP   (s * (STATE)x)
#define MERGE  (s * o)
#define RESULT ((T)s)
#include "kernels/make_reducer.h"

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, prod_reducer);
}

static void backward_kernel(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *dx = call->grad_in[0];

    fr_prod_backward(fr_dtype_of(x), fr_dim_sizes_of(&x->shape, call->attributes), x->origin, call->grad_out[0]->origin,
                     dx->origin);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_reduce(w, call, "1", "s * x", "s");
}

/* Multiplies the first half by the second until one value is left. No value is divided by, so that all derivatives are
 * right where some values are 0. */
static void definition(fr_op_call *call)
{
    const fr_reduce_attributes *a = call->attributes;
    fr_tensor *t = call->in[0], *odd = NULL;
    fr_dim_sizes sizes = fr_dim_sizes_of(&t->shape, a);
    fr_shape whole = { 3, { sizes.outer, sizes.n, sizes.inner } };
    int64_t n = sizes.n;

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
    call->result[0] = fr_reshape(t, fr_reduced_shape(&call->in[0]->shape, a));
}

FR_RUN(run, fr_prod(in[0]))
FR_RUN(run_dim, fr_prod_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_prod_dim(in[0], -1, true))
FR_RUN(run_strided, fr_prod_dim(fr_transpose(in[0], 0, 2), 1, false))
FR_RUN(run_dims, fr_prod_dims(in[0], (fr_shape){ 2, { 0, -1 } }, false))
FR_RUN(run_cumprod, fr_cumprod(in[0], 1))

const fr_op fr_prod_op = {
    FR_REDUCTION_OP("prod", fr_infer_reduced),
    .formula = "y = the product of x over all dims or one",
    .derivative = "dL/dx = dL/dy times the product of the other values",
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
        { "dims", "n(3,2,2)", "a.prod(2).prod(0)", run_dims },
        { "dims, zero", "v2,0,3,5,7,0,0,11(2,2,2)", "a.prod(2).prod(0)", run_dims },
        { "dims range", "n()", NULL, run_dims, { "prod_dims", "twice", "dim 0" } },
        { "cumprod", "n(2,7,3)", "a.cumprod(1)", run_cumprod },
        { "cumprod, zeros", "v2,0,3,5,7,0,0,11,1,2,0,0(3,4)", "a.cumprod(1)", run_cumprod },
        { "cumprod, infinite", "v0,inf,2,1,nan,3,inf,2,-1(3,3)", "a.cumprod(1)", run_cumprod, .no_grad = true },
        { "cumprod, int64", "i9(3,6)", "a.cumprod(1)", run_cumprod, .no_grad = true },
        { "cumprod, empty", "n(3,0)", "a.cumprod(1)", run_cumprod },
        { "cumprod, range", "n(4)", NULL, run_cumprod, { "cumprod", "dim 1", "(4,)" } },
        { "range", "n(4)", NULL, run_dim, { "prod", "dim 1", "(4,)" } }),
};

fr_tensor *fr_prod(fr_tensor *t)
{
    return fr_apply(&fr_prod_op, &t, &(fr_reduce_attributes){ .all = true });
}

fr_tensor *fr_prod_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_reduction("prod_dim", &fr_prod_op, t, (fr_reduce_attributes){ .dim = dim, .keepdim = keepdim },
                              NULL);
}

fr_tensor *fr_prod_dims(fr_tensor *t, fr_shape dims, bool keepdim)
{
    return fr_apply_reduction_dims("prod_dims", &fr_prod_op, t, &dims, keepdim, 0);
}

/* Each value times the one before it, then times that two before it, then four, ...: after k steps y[i] is the product
 * of x[i - 2^k + 1] ... x[i]. No value is divided by. */
static fr_tensor *cumulative_product(fr_tensor *t, int dim)
{
    int ndim = t->shape.ndim, i = fr_shape_dim(&t->shape, dim);
    int64_t n = ndim > 0 && i >= 0 ? t->shape.dim[i] : 1, pads[2 * FR_MAX_DIMS] = { 0 };
    char text[FR_SHAPE_TEXT];

    if (i < 0)
        return fr_fail("cumprod", "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
    t = fr_reshape(t, t->shape);
    for (int64_t step = 1; step < n; step *= 2) {
        pads[2 * (ndim - 1 - i)] = step;
        pads[2 * (ndim - 1 - i) + 1] = -step;
        t = fr_mul(t, fr_pad(t, pads, 2 * (ndim - i), 1));
    }
    return t;
}

fr_tensor *fr_cumprod(fr_tensor *t, int dim)
{
    fr_composition c = fr_compose("cumprod");

    return fr_composed(c, fr_check_argument("cumprod", t, "t") ? cumulative_product(t, dim) : NULL);
}
