/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Pointwise ops. An op's file gives an expression of one or two values. The macros make from it a kernel for a row of
 * values, for each dtype and kind of CPU, and from those the op's forward or backward_kernel. For example
 *
 *     FR_UNARY_FLOAT(tanh, fr_tanh_f32(x), fr_tanh_f64(x))         tanh_f32 and tanh_f64 (rows), tanh_forward, tanh_c
 *     FR_UNARY_GRADIENT(tanh, (1 - y * y) * g, (1 - y * y) * g)    tanh_backward_kernel */
#ifndef FROND_OPS_POINTWISE_POINTWISE_H
#define FROND_OPS_POINTWISE_POINTWISE_H

#include "core/integer.h"
#include "kernels/pointwise.h"
#include "ops/op.h"

#include <frond/c_code.h>

/* Row kernels: n values. a and b have strides of 0 or more, in elements; all other arrays have no gaps. */
typedef void fr_unary_row(int64_t n, const void *x, void *y, const double *attributes);
typedef void fr_binary_row(int64_t n, const void *a, int64_t a_stride, const void *b, int64_t b_stride, void *y);
typedef void fr_gradient_row(int64_t n, const void *gradient, const void *x, const void *y, void *out,
                             const double *attributes);

/* Instead of running, a forward or backward_kernel that finds call->rows there tells its row kernel: one of the three
 * is not NULL then. So capture/ can run several ops on a few values after the other. */
typedef struct fr_rows {
    fr_unary_row *unary;
    fr_binary_row *binary;
    fr_gradient_row *gradient;
    const double *attributes; /* of unary and gradient rows */
} fr_rows;

extern const fr_op fr_add_op;

/* Run row kernels over whole tensors, on several threads. attributes are two doubles or NULL. */
bool fr_infer_broadcast(fr_op_call *call);
void fr_binary_forward(fr_op_call *call, fr_binary_row *f32, fr_binary_row *f64, fr_binary_row *i64);
void fr_unary_forward(fr_op_call *call, fr_unary_row *f32, fr_unary_row *f64, fr_unary_row *i64);
void fr_unary_backward(fr_op_call *call, fr_gradient_row *f32, fr_gradient_row *f64);

/* --- The op's entry ---------------------------------------------------------------------------------------------- */

/* What the entries have in common. The macros below make NAME_forward and NAME_c. */
#define FR_UNARY_OP(NAME, FORMULA)                                                                                     \
    .name = #NAME, .formula = FORMULA, .shapes = "(*) -> (*)", .inputs = 1, .outputs = 1, .expanded_gradients = true,  \
    .infer = fr_infer_same, .forward = NAME##_forward, .jvp = fr_jvp_pointwise, .c_code = NAME##_c
#define FR_BINARY_OP(NAME, FORMULA)                                                                                    \
    .name = #NAME, .formula = FORMULA, .shapes = "(*) (**) -> (broadcast)", .inputs = 2, .outputs = 1,                 \
    .strided = true, .infer = fr_infer_broadcast, .forward = NAME##_forward, .jvp = fr_jvp_pointwise,                  \
    .c_code = NAME##_c
/* A unary op with a number: attributes are (double[2]){ value }. With int64 the value must be a whole number. */
#define FR_SCALAR_OP(NAME, FORMULA)                                                                                    \
    .name = #NAME, .formula = FORMULA, .shapes = "(*) -> (*)", .inputs = 1, .outputs = 1,                              \
    .attributes_size = 2 * sizeof(double), .expanded_gradients = true, .infer = fr_infer_scalar,                       \
    .forward = NAME##_forward, .jvp = fr_jvp_pointwise, .c_code = NAME##_c

/* The same for a comparison: int64 values are compared with any number. */
#define FR_COMPARISON_SCALAR_OP(NAME, FORMULA)                                                                         \
    .name = #NAME, .formula = FORMULA, .shapes = "(*) -> (*)", .inputs = 1, .outputs = 1,                              \
    .attributes_size = 2 * sizeof(double), .infer = fr_infer_same, .forward = NAME##_forward, .c_code = NAME##_c

bool fr_infer_scalar(fr_op_call *call);
/* For fr_op.c_code: x OP p[0]. */
bool fr_c_comparison(fr_c_writer *w, const fr_op_call *call, const char *op);

/* For fr_op.onnx of log1p and expm1, which ONNX does not have. u is 1 + x or exp(x), which near 0 has lost digits of x
 * by rounding. As Kahan does, writes y x / by, x itself where u is 1, and y where |x| > 1. one: the constant 1. */
bool fr_onnx_near_0(fr_onnx *g, const char *u, const char *one, const char *y, const char *by);

/* For fr_op.onnx, beside onnx_name. The number is the second input, or the attribute alpha; a comparison, or one whose
 * opposite ONNX has. */
bool fr_onnx_scalar(fr_onnx *g, const fr_op_call *call);
bool fr_onnx_alpha(fr_onnx *g, const fr_op_call *call);
bool fr_onnx_comparison(fr_onnx *g, const fr_op_call *call);
bool fr_onnx_negated(fr_onnx *g, const fr_op_call *call);

/* --- Expressions ------------------------------------------------------------------------------------------------- */

/* NaN where either is; a where they are equal. */
#define FR_MAXIMUM(a, b) ((a) >= (b) || (a) != (a) ? (a) : (b))
#define FR_MINIMUM(a, b) ((a) <= (b) || (a) != (a) ? (a) : (b))

#define FR_UNUSED __attribute__((unused))

/* NAME_c, the expression of float32 as fr_export_c writes it. Not all ops have a use for it. */
#define FR_POINTWISE_C(NAME, TEXT)                                                                                     \
    FR_FUNCTION(FR_UNUSED static bool, NAME##_c, (fr_c_writer * w, const fr_op_call *call),                            \
                fr_c_pointwise(w, call, TEXT, call->attributes))

/* NAME_value, the expression as a function, for the loops of kernels/pointwise.h. */
#define FR_VALUE(NAME, T, PARAMETERS, EXPR) FR_FUNCTION(FR_INLINE T, NAME##_value, PARAMETERS, (T)(EXPR))

/* NAME, a forward or backward_kernel: RUN of the call and of the row kernels for float32, float64 and maybe int64. */
#define FR_OP_KERNEL(NAME, RUN, ...) FR_CALLER(NAME, RUN, (fr_op_call * call), (call, __VA_ARGS__))

/* NAME, a row kernel: LOOP of its parameters, whose names are the arguments, and of NAME_value. */
#define FR_ROW(NAME, PARAMETERS, LOOP, ...)                                                                            \
    FR_KERNEL(NAME, PARAMETERS, (__VA_ARGS__))                                                                         \
    {                                                                                                                  \
        LOOP(__VA_ARGS__, NAME##_value);                                                                               \
    }

/* --- Binary: EXPR is of a and b ---------------------------------------------------------------------------------- */

/* NAME is a row of values. */
#define FR_BINARY_ROW(NAME, T, EXPR)                                                                                   \
    FR_VALUE(NAME, T, (T a, T b), EXPR)                                                                                \
    FR_ROW(NAME, (int64_t n, const void *a, int64_t sa, const void *b, int64_t sb, void *y), fr_binary_row_##T, n, a,  \
           sa, b, sb, y)

/* NAME_forward and NAME_c of an op for floats, with an expression for each of the two. */
#define FR_BINARY_FLOAT(NAME, EXPR32, EXPR64)                                                                          \
    FR_BINARY_ROW(NAME##_f32, float, EXPR32)                                                                           \
    FR_BINARY_ROW(NAME##_f64, double, EXPR64)                                                                          \
    FR_OP_KERNEL(NAME##_forward, fr_binary_forward, NAME##_f32, NAME##_f64, NULL)                                      \
    FR_POINTWISE_C(NAME, #EXPR32)

/* The same for all dtypes. I64: the type in which int64 is computed; uint64_t for sums, differences and products, which
 * wrap around. */
#define FR_BINARY_ANY(NAME, I64, EXPR)                                                                                 \
    FR_BINARY_ROW(NAME##_f32, float, EXPR)                                                                             \
    FR_BINARY_ROW(NAME##_f64, double, EXPR)                                                                            \
    FR_BINARY_ROW(NAME##_i64, I64, EXPR)                                                                               \
    FR_OP_KERNEL(NAME##_forward, fr_binary_forward, NAME##_f32, NAME##_f64, NAME##_i64)                                \
    FR_POINTWISE_C(NAME, #EXPR)

/* --- Unary: EXPR is of x and of p[], the attributes as T --------------------------------------------------------- */

#define FR_UNARY_ROW(NAME, T, EXPR)                                                                                    \
    FR_VALUE(NAME, T, (T x, FR_UNUSED const T *p, FR_UNUSED const double *attributes), EXPR)                           \
    FR_ROW(NAME, (int64_t n, const void *x, void *y, const double *attributes), fr_unary_row_##T, n, x, y, attributes)

/* NAME_forward and NAME_c, as of binary ops: FLOAT, for floats; ALL, with an expression for each dtype; ANY, with one
 * for all; THREE, as ALL without NAME_c: the text of an expression is taken where it is first given, before macros in
 * it are replaced. */
#define FR_UNARY_FLOAT(NAME, EXPR32, EXPR64)                                                                           \
    FR_UNARY_ROW(NAME##_f32, float, EXPR32)                                                                            \
    FR_UNARY_ROW(NAME##_f64, double, EXPR64)                                                                           \
    FR_OP_KERNEL(NAME##_forward, fr_unary_forward, NAME##_f32, NAME##_f64, NULL)                                       \
    FR_POINTWISE_C(NAME, #EXPR32)

#define FR_UNARY_THREE(NAME, I64, EXPR32, EXPR64, EXPR_I64)                                                            \
    FR_UNARY_ROW(NAME##_f32, float, EXPR32)                                                                            \
    FR_UNARY_ROW(NAME##_f64, double, EXPR64)                                                                           \
    FR_UNARY_ROW(NAME##_i64, I64, EXPR_I64)                                                                            \
    FR_OP_KERNEL(NAME##_forward, fr_unary_forward, NAME##_f32, NAME##_f64, NAME##_i64)
#define FR_UNARY_ALL(NAME, I64, EXPR32, EXPR64, EXPR_I64)                                                              \
    FR_UNARY_THREE(NAME, I64, EXPR32, EXPR64, EXPR_I64)                                                                \
    FR_POINTWISE_C(NAME, #EXPR32)
#define FR_UNARY_ANY(NAME, I64, EXPR)                                                                                  \
    FR_UNARY_THREE(NAME, I64, EXPR, EXPR, EXPR)                                                                        \
    FR_POINTWISE_C(NAME, #EXPR)

/* NAME_forward and NAME_scalar_forward: 1 where a OP b or x OP value, else 0. */
#define FR_COMPARISON(NAME, OP)                                                                                        \
    FR_BINARY_ANY(NAME, int64_t, a OP b)                                                                               \
    FR_UNARY_THREE(NAME##_scalar, int64_t, x OP p[0], x OP p[0], fr_difference(x, attributes[0]) OP 0)                 \
    FR_FUNCTION(static bool, NAME##_scalar_c, (fr_c_writer * w, const fr_op_call *call), fr_c_comparison(w, call, #OP))

/* The sign of x - value, exactly, or NaN. */
static inline double fr_difference(int64_t x, double value)
{
    int64_t whole = fr_whole(value);
    bool within = fr_fits_int64(value);

    return !within ? -value : x != whole ? (x > whole) - (x < whole) : (double)whole - value;
}

/* A float32 row: EXPR of x where |x| <= LIMIT, BEYOND of x elsewhere and for NaN. */
#define FR_UNARY_ROW_WITHIN(NAME, LIMIT, EXPR, BEYOND)                                                                 \
    FR_VALUE(NAME, float, (float x), EXPR)                                                                             \
    FR_VALUE(NAME##_beyond, float, (float x), BEYOND)                                                                  \
    FR_KERNEL(NAME, (int64_t n, const void *x, void *y, const double *attributes), (n, x, y, attributes))              \
    {                                                                                                                  \
        (void)attributes;                                                                                              \
        fr_unary_row_within(n, x, y, LIMIT, NAME##_value, NAME##_beyond_value);                                        \
    }

/* The backward_kernel of a unary op: EXPR is of the gradient g and of x or y, whichever is saved, and p. It does in one
 * loop what the op's backward says in ops; that one is there to be differentiated again. */
#define FR_UNARY_GRADIENT_ROW(NAME, T, EXPR)                                                                           \
    FR_VALUE(NAME, T, (T g, FR_UNUSED T x, FR_UNUSED T y, FR_UNUSED const T *p), EXPR)                                 \
    FR_ROW(NAME, (int64_t n, const void *g, const void *x, const void *y, void *out, const double *attributes),        \
           fr_gradient_row_##T, n, g, x, y, out, attributes)

#define FR_UNARY_GRADIENT(NAME, EXPR32, EXPR64)                                                                        \
    FR_UNARY_GRADIENT_ROW(NAME##_gradient_f32, float, EXPR32)                                                          \
    FR_UNARY_GRADIENT_ROW(NAME##_gradient_f64, double, EXPR64)                                                         \
    FR_OP_KERNEL(NAME##_backward_kernel, fr_unary_backward, NAME##_gradient_f32, NAME##_gradient_f64)

#endif
