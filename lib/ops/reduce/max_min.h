/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What max, min, argmax and argmin share. NaN beats every number, and the first of a tie the others. */
#ifndef FROND_OPS_REDUCE_MAX_MIN_H
#define FROND_OPS_REDUCE_MAX_MIN_H

#include "ops/reduce/reduce.h"

/* infer of values, of positions, and of both: as fr_infer_reduced, but fails where there is nothing to choose from. */
bool fr_infer_extreme(fr_op_call *call);
bool fr_infer_position(fr_op_call *call);
bool fr_infer_extreme_dim(fr_op_call *call);

/* Result `output`: the largest, or (least) smallest values, or their positions along the dim. */
void fr_extreme_values(fr_op_call *call, bool least);
void fr_extreme_positions(fr_op_call *call, int output, bool least);
/* Values and positions, results 0 and 1. */
void fr_extreme_dim(fr_op_call *call, bool least);

/* The gradient shared evenly by all that equal the result; the gradient to where the saved positions are. */
void fr_extreme_backward(fr_op_call *call);
void fr_extreme_dim_backward(fr_op_call *call);

/* For fr_op.onnx: values, positions (or both) by the ONNX ops onnx_name, "ReduceMax", and "ArgMax". */
bool fr_onnx_extreme(fr_onnx *g, const fr_op_call *call);
bool fr_onnx_position(fr_onnx *g, const fr_op_call *call);
/* c_code of positions, and of values and positions. */
bool fr_extreme_c_code(fr_c_writer *w, const fr_op_call *call, bool least);

/* --- The ops' files ---------------------------------------------------------------------------------------------- */

/* NAME_forward, NAME_dim_forward, and the calls of the cases. */
#define FR_EXTREME(NAME, LEAST)                                                                                        \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_extreme_values(call, LEAST);                                                                                \
    }                                                                                                                  \
    static void NAME##_dim_forward(fr_op_call *call)                                                                   \
    {                                                                                                                  \
        fr_extreme_dim(call, LEAST);                                                                                   \
    }                                                                                                                  \
    FR_REDUCTION_C(NAME, LEAST ? "INFINITY" : "-INFINITY",                                                             \
                   LEAST ? "s <= x || s != s ? s : x" : "s >= x || s != s ? s : x", "s")                               \
    static bool NAME##_dim_c(fr_c_writer *w, const fr_op_call *call)                                                   \
    {                                                                                                                  \
        return fr_extreme_c_code(w, call, LEAST);                                                                      \
    }                                                                                                                  \
    FR_RUN(run, fr_##NAME(in[0]))                                                                                      \
    FR_RUN(run_strided, fr_##NAME(fr_transpose(in[0], 0, 1)))                                                          \
    FR_RUN(run_dim, fr_##NAME##_dim(in[0], 1, false))                                                                  \
    FR_RUN(run_keepdim, fr_##NAME##_dim(in[0], -2, true))                                                              \
    FR_RUN(run_scalar_dim, fr_##NAME##_dim(in[0], -1, true))                                                           \
    FR_RUN(run_dim_strided, fr_##NAME##_dim(fr_transpose(in[0], 0, 2), 1, false))                                      \
    FR_RUN(run_indices, fr_##NAME##_dim_indices(in[0], 1, true).indices)                                               \
    FR_RUN(run_values, fr_##NAME##_dim_indices(in[0], -1, false).values)

#define FR_EXTREME_OP(NAME, FORMULA)                                                                                   \
    .name = #NAME, .formula = FORMULA, .shapes = "(*) -> ()", .inputs = 1, .outputs = 1, .saves_inputs = 1,            \
    .saves_outputs = 1, .attributes_size = sizeof(fr_over), .dtypes = FR_ANY, .infer = fr_infer_extreme,               \
    .forward = NAME##_forward, .backward = fr_extreme_backward, .c_code = NAME##_c, .onnx = fr_onnx_reduce,            \
    FR_CASES({ "values", "d(5,37)", "a." #NAME "()", run }, { "strided", "d(5,37)", "a.T." #NAME "()", run_strided },  \
             { "scalar", "n()", "a." #NAME "()", run }, { "ties", "v1,3,3,2,3,1(6)", "a." #NAME "()", run },           \
             { "nan", "v1,nan,0,nan(2,2)", "a." #NAME "()", run },                                                     \
             { "infinite", "v-inf,-inf(2)", "a." #NAME "()", run },                                                    \
             { "infinite, positive", "vinf,inf(2)", "a." #NAME "()", run },                                            \
             { "int64", "i99(7,20)", "a." #NAME "()", run, .no_grad = true },                                          \
             { "none", "n(0,3)", NULL, run, { #NAME, "(0, 3)" } })

#define FR_EXTREME_DIM_OP(NAME, FORMULA)                                                                               \
    .name = #NAME "_dim", .formula = FORMULA, .shapes = "(*,N,**) -> (*,**) (*,**) or (*,1,**) (*,1,**)", .inputs = 1, \
    .outputs = 2, .saves_inputs = FR_SAVES_NOTHING, .saves_outputs = 2, .attributes_size = sizeof(fr_over),            \
    .dtypes = FR_ANY, .null_gradients = true, .infer = fr_infer_extreme_dim, .forward = NAME##_dim_forward,            \
    .backward = fr_extreme_dim_backward, .c_code = NAME##_dim_c, .onnx = fr_onnx_extreme,                              \
    FR_CASES({ "dim", "d(3,70)", "a." #NAME "(1).values", run_dim },                                                   \
             { "keepdim", "d(9,4)", "a." #NAME "(0, keepdim=True).values", run_keepdim },                              \
             { "inner", "d(2,70,3)", "a." #NAME "(1).values", run_dim },                                               \
             { "strided", "d(2,3,4)", "a.transpose(0, 2)." #NAME "(1).values", run_dim_strided },                      \
             { "scalar", "n()", "a." #NAME "(0).values", run_scalar_dim },                                             \
             { "ties", "v1,3,3,1,3,1,0,0,0(3,3)", "a." #NAME "(1).values", run_dim },                                  \
             { "nan", "v1,nan,0,nan,-inf,-inf,inf,inf,inf(3,3)", "a." #NAME "(1).values", run_dim },                   \
             { "eight dims", "d(2,3,2,1,2,1,2,3)", "a." #NAME "(1).values", run_dim },                                 \
             { "empty other", "n(0,3)", "a." #NAME "(1).values", run_dim },                                            \
             { "int64", "i9(3,70)", "a." #NAME "(1).values", run_dim, .no_grad = true },                               \
             { "indices", "v1,3,3,1,3,1,0,nan,nan(3,3)", "a." #NAME "(1, keepdim=True).indices", run_indices,          \
               .no_grad = true },                                                                                      \
             { "values of both", "d(3,70)", "a." #NAME "(1).values", run_values },                                     \
             { "none", "n(3,0)", NULL, run_dim, { #NAME "_dim", "(3, 0)", "dim 1" } },                                 \
             { "range", "n(4)", NULL, run_dim, { #NAME "_dim", "dim 1", "(4,)" } })

/* fr_NAME, fr_NAME_dim and fr_NAME_dim_indices */
#define FR_EXTREME_FUNCTIONS(NAME)                                                                                     \
    FR_REDUCTION_OF(NAME, fr_##NAME##_dim_op, 0)                                                                       \
    fr_extreme fr_##NAME##_dim_indices(fr_tensor *t, int dim, bool keepdim)                                            \
    {                                                                                                                  \
        return fr_apply_extreme(#NAME "_dim_indices", &fr_##NAME##_dim_op, t, dim, keepdim);                           \
    }

fr_extreme fr_apply_extreme(const char *what, const fr_op *op, fr_tensor *t, int dim, bool keepdim);

/* NAME_forward, the calls of the cases, and what the entries have in common. */
#define FR_POSITION(NAME, LEAST)                                                                                       \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_extreme_positions(call, 0, LEAST);                                                                          \
    }                                                                                                                  \
    static bool NAME##_c(fr_c_writer *w, const fr_op_call *call)                                                       \
    {                                                                                                                  \
        return fr_extreme_c_code(w, call, LEAST);                                                                      \
    }                                                                                                                  \
    FR_RUN(run, fr_##NAME(in[0], 1, false))                                                                            \
    FR_RUN(run_keepdim, fr_##NAME(in[0], -2, true))                                                                    \
    FR_RUN(run_strided, fr_##NAME(fr_transpose(in[0], 0, 1), 1, false))                                                \
    FR_RUN(run_scalar, fr_##NAME(in[0], -1, true))

#define FR_POSITION_OP(NAME, FORMULA)                                                                                  \
    .name = #NAME, .formula = FORMULA, .shapes = "(*,N,**) -> (*,**) or (*,1,**)", .inputs = 1, .outputs = 1,          \
    .attributes_size = sizeof(fr_over), .dtypes = FR_ANY, .infer = fr_infer_position, .forward = NAME##_forward,       \
    .onnx = fr_onnx_position, .c_code = NAME##_c,                                                                      \
    FR_CASES({ "dim", "n(3,70)", "a." #NAME "(1)", run, .no_grad = true },                                             \
             { "keepdim", "n(2,9,4)", "a." #NAME "(1, keepdim=True)", run_keepdim, .no_grad = true },                  \
             { "inner", "n(2,70,3)", "a." #NAME "(1)", run, .no_grad = true },                                         \
             { "strided", "n(9,4)", "a.T." #NAME "(1)", run_strided, .no_grad = true },                                \
             { "scalar", "n()", "a." #NAME "(0)", run_scalar, .no_grad = true },                                       \
             { "ties", "v1,3,3,3,2,3,0,0,0(3,3)", "a." #NAME "(1)", run, .no_grad = true },                            \
             { "nan", "v1,nan,nan,nan,-inf,-inf(2,3)", "a." #NAME "(1)", run, .no_grad = true },                       \
             { "infinite", "v-inf,-inf,inf,inf(2,2)", "a." #NAME "(1)", run, .no_grad = true },                        \
             { "int64", "i5(3,70)", "a." #NAME "(1)", run, .no_grad = true },                                          \
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a." #NAME "(1)", run, .no_grad = true },                           \
             { "empty other", "n(0,3)", "a." #NAME "(1)", run, .no_grad = true },                                      \
             { "none", "n(3,0)", NULL, run, { #NAME, "(3, 0)", "dim 1" } },                                            \
             { "range", "n(4)", NULL, run, { #NAME, "dim 1", "(4,)" } })

#endif
