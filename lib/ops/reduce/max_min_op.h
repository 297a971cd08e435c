/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What max.c and min.c have in common: the reducer, the functions and the cases of their ops. They define
 *
 *     NAME             max or min
 *     BEATS(a, b)      true if the number a is to be chosen, not b
 *     WORST            the value of type T that no number loses to
 *     MIN              true for min
 *     C_START, C_STEP  of fr_c_reduction; the same with _INT64 for that dtype */
#include "ops/reduce/max_min.h"

#define REDUCER NAME
#define REDUCER_INT64
#define STATE  T
#define INIT   WORST
#define STEP   (BEATS(x, s) || FR_IS_NAN(x) ? x : s)
#define MERGE  (BEATS(o, s) || FR_IS_NAN(o) ? o : s)
#define RESULT s
#include "kernels/make_reducer.h"

#define TEXT_(name)    #name
#define TEXT(name)     TEXT_(name)
#define JOIN_(a, b, c) a##b##c
#define JOIN(a, b, c)  JOIN_(a, b, c)

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, JOIN(NAME, _, reducer));
}

static void dim_forward(fr_op_call *call)
{
    fr_max_min_dim_forward(call, MIN ? fr_argmin_reducer : fr_argmax_reducer);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    if (call->in[0]->dtype == FR_I64)
        return fr_c_reduce(w, call, C_START_INT64, C_STEP_INT64, "s");
    return fr_c_reduce(w, call, C_START, C_STEP, "s");
}

static bool dim_c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_max_min(w, call, MIN);
}

#ifdef FR_TESTS
#define FUNCTION(end) JOIN(fr_, NAME, end)
#define TORCH         "a." TEXT(NAME)

FR_RUN(run, FUNCTION()(in[0]))
FR_RUN(run_strided, FUNCTION()(fr_transpose(in[0], 0, 1)))
FR_RUN(run_a, JOIN(fr_a, NAME, )(in[0], (fr_shape){ 2, { 0, -1 } }, false))
FR_RUN(run_a_kept, JOIN(fr_a, NAME, )(in[0], (fr_shape){ 1, { 1 } }, true))
FR_RUN(run_dim, FUNCTION(_dim)(in[0], 1, false))
FR_RUN(run_keepdim, FUNCTION(_dim)(in[0], -2, true))
FR_RUN(run_scalar_dim, FUNCTION(_dim)(in[0], -1, true))
FR_RUN(run_dim_strided, FUNCTION(_dim)(fr_transpose(in[0], 0, 2), 1, false))
FR_RUN(run_indices, FUNCTION(_dim_indices)(in[0], 1, true).indices)
FR_RUN(run_values, FUNCTION(_dim_indices)(in[0], -1, false).values)

static const fr_case cases[] = {
    { "values", "d(5,37)", TORCH "()", run },
    { "strided", "d(5,37)", "a.T." TEXT(NAME) "()", run_strided },
    { "scalar", "n()", TORCH "()", run },
    { "ties", "v1,3,3,2,3,1(6)", TORCH "()", run },
    { "nan", "v1,nan,0,nan(2,2)", TORCH "()", run },
    { "infinite", "v-inf,-inf(2)", TORCH "()", run },
    { "infinite, positive", "vinf,inf(2)", TORCH "()", run },
    { "int64", "i99(7,20)", TORCH "()", run, .no_grad = true },
    { "dims", "d(3,4,5)", "a.a" TEXT(NAME) "((0, -1))", run_a },
    { "dims, ties", "v1,3,3,2,3,1,3,3,1,1,2,2(3,2,2)", "a.a" TEXT(NAME) "((0, -1))", run_a },
    { "dims, nan", "v1,nan,0,nan,2,1,1,2(2,2,2)", "a.a" TEXT(NAME) "((0, -1))", run_a, .no_grad = true },
    { "one of the dims", "v1,3,3,2,3,1,3,3,1,1,2,2(3,2,2)", "a.a" TEXT(NAME) "(1, keepdim=True)", run_a_kept },
    { "all dims", "d(3,4)", "a.a" TEXT(NAME) "((0, -1))", run_a },
    { "dims of int64", "i9(3,4,2)", "a.a" TEXT(NAME) "((0, -1))", run_a, .no_grad = true },
    { "dims of none", "n(0,3,0)", NULL, run_a, { "a" TEXT(NAME), "no values" } },
    { "dims range", "n(3)", NULL, run_a_kept, { "a" TEXT(NAME), "dim 1", "(3,)" } },
    { "none", "n(0,3)", NULL, run, { TEXT(NAME), "(0, 3)" } },
    { 0 },
};

static const fr_case dim_cases[] = {
    { "dim", "d(3,70)", TORCH "(1).values", run_dim },
    { "keepdim", "d(9,4)", TORCH "(0, keepdim=True).values", run_keepdim },
    { "inner", "d(2,70,3)", TORCH "(1).values", run_dim },
    { "strided", "d(2,3,4)", "a.transpose(0, 2)." TEXT(NAME) "(1).values", run_dim_strided },
    { "scalar", "n()", TORCH "(0).values", run_scalar_dim },
    { "ties", "v1,3,3,1,3,1,0,0,0(3,3)", TORCH "(1).values", run_dim },
    { "nan", "v1,nan,0,nan,-inf,-inf,inf,inf,inf(3,3)", TORCH "(1).values", run_dim },
    { "eight dims", "d(2,3,2,1,2,1,2,3)", TORCH "(1).values", run_dim },
    { "empty other", "n(0,3)", TORCH "(1).values", run_dim },
    { "int64", "i9(3,70)", TORCH "(1).values", run_dim, .no_grad = true },
    { "indices", "v1,3,3,1,3,1,0,nan,nan(3,3)", TORCH "(1, keepdim=True).indices", run_indices, .no_grad = true },
    { "values of both", "d(3,70)", TORCH "(1).values", run_values },
    { "none", "n(3,0)", NULL, run_dim, { TEXT(NAME) "_dim", "(3, 0)", "dim 1" } },
    { "range", "n(4)", NULL, run_dim, { TEXT(NAME) "_dim", "dim 1", "(4,)" } },
    { 0 },
};

#define CASES     cases
#define DIM_CASES dim_cases
#else
#define CASES     NULL
#define DIM_CASES NULL
#endif

/* The entries, but for the formula and onnx_name. */
#define MAX_MIN_OP                                                                                                     \
    .name = TEXT(NAME), .shapes = "(*,N,**) -> () or (*,**) or (*,1,**) or (1...)", .inputs = 1, .outputs = 1,         \
    .saves_inputs = 1, .saves_outputs = 1, .attributes_size = sizeof(fr_reduce_attributes), .dtypes = FR_ANY,          \
    .infer = fr_infer_max_min, .forward = forward, .backward = fr_max_min_backward, .c_code = c_code,                  \
    .onnx = fr_onnx_reduce, .cases = CASES,                                                                            \
    .derivative = "dL/dx = dL/dy where x = y, shared evenly by several, else 0"
#define MAX_MIN_DIM_OP                                                                                                 \
    .name = TEXT(NAME) "_dim", .shapes = "(*,N,**) -> (*,**) (*,**) or (*,1,**) (*,1,**)", .inputs = 1, .outputs = 2,  \
    .saves_inputs = FR_SAVES_NOTHING, .saves_outputs = 2, .attributes_size = sizeof(fr_reduce_attributes),             \
    .dtypes = FR_ANY, .null_gradients = true, .infer = fr_infer_max_min_dim, .forward = dim_forward,                   \
    .backward = fr_max_min_dim_backward, .c_code = dim_c_code, .onnx = fr_onnx_max_min_dim, .cases = DIM_CASES,        \
    .derivative = "dL/dx = dL/dy at the index, 0 elsewhere"
