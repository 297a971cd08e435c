/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What argmax.c and argmin.c have in common: the functions and the cases of their ops. They define NAME, argmax or
 * argmin, and MIN, true for argmin. */
#include "ops/reduce/max_min.h"

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, MIN ? fr_argmin_reducer : fr_argmax_reducer);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_max_min(w, call, MIN);
}

#define TEXT_(name) #name
#define TEXT(name)  TEXT_(name)

#ifdef FR_TESTS
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define FUNCTION    JOIN(fr_, NAME)
#define TORCH       "a." TEXT(NAME)

FR_RUN(run, FUNCTION(in[0], 1, false))
FR_RUN(run_keepdim, FUNCTION(in[0], -2, true))
FR_RUN(run_strided, FUNCTION(fr_transpose(in[0], 0, 1), 1, false))
FR_RUN(run_scalar, FUNCTION(in[0], -1, true))

static const fr_case cases[] = {
    { "dim", "n(3,70)", TORCH "(1)", run, .no_grad = true },
    { "keepdim", "n(2,9,4)", TORCH "(1, keepdim=True)", run_keepdim, .no_grad = true },
    { "inner", "n(2,70,3)", TORCH "(1)", run, .no_grad = true },
    { "strided", "n(9,4)", "a.T." TEXT(NAME) "(1)", run_strided, .no_grad = true },
    { "scalar", "n()", TORCH "(0)", run_scalar, .no_grad = true },
    { "ties", "v1,3,3,3,2,3,0,0,0(3,3)", TORCH "(1)", run, .no_grad = true },
    { "nan", "v1,nan,nan,nan,-inf,-inf(2,3)", TORCH "(1)", run, .no_grad = true },
    { "infinite", "v-inf,-inf,inf,inf(2,2)", TORCH "(1)", run, .no_grad = true },
    { "int64", "i5(3,70)", TORCH "(1)", run, .no_grad = true },
    { "eight dims", "n(2,3,2,1,2,1,2,3)", TORCH "(1)", run, .no_grad = true },
    { "empty other", "n(0,3)", TORCH "(1)", run, .no_grad = true },
    { "none", "n(3,0)", NULL, run, { TEXT(NAME), "(3, 0)", "dim 1" } },
    { "range", "n(4)", NULL, run, { TEXT(NAME), "dim 1", "(4,)" } },
    { 0 },
};

#define CASES cases
#else
#define CASES NULL
#endif

/* The entry, but for the formula and onnx_name. */
#define ARGMAX_OP                                                                                                      \
    .name = TEXT(NAME), .shapes = "(*,N,**) -> (*,**) or (*,1,**)", .inputs = 1, .outputs = 1,                         \
    .attributes_size = sizeof(fr_reduce_attributes), .dtypes = FR_ANY, .infer = fr_infer_argmax, .forward = forward,   \
    .c_code = c_code, .onnx = fr_onnx_argmax, .cases = CASES
