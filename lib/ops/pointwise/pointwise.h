/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Elementwise ops: what their files start from. An op's file gives an expression of one or two values; the macros make
 * of it row kernels for each dtype and kind of CPU, and forward or backward_kernel from those. */
#ifndef FROND_OPS_POINTWISE_POINTWISE_H
#define FROND_OPS_POINTWISE_POINTWISE_H

#include "kernels/pointwise.h"
#include "ops/op.h"

#include <frond/c_code.h>

/* n values of one or two inputs, the latter at strides of 0 or more. */
typedef void fr_unary_row(int64_t n, const void *x, void *y, const double *attributes);
typedef void fr_binary_row(int64_t n, const void *a, int64_t a_stride, const void *b, int64_t b_stride, void *y);
typedef void fr_gradient_row(int64_t n, const void *gradient, const void *x, const void *y, void *out,
                             const double *attributes);

/* elementwise.c: rows over whole tensors; attributes are two doubles or none. */
bool fr_infer_broadcast(fr_op_call *call);
void fr_binary_forward(fr_op_call *call, fr_binary_row *f32, fr_binary_row *f64, fr_binary_row *i64);
void fr_unary_forward(fr_op_call *call, fr_unary_row *f32, fr_unary_row *f64, fr_unary_row *i64);
void fr_unary_backward(fr_op_call *call, fr_gradient_row *f32, fr_gradient_row *f64);

/* --- The op's entry ---------------------------------------------------------------------------------------------- */

/* What the entries of these ops have in common; NAME_forward is made by the macros below. */
#define FR_UNARY_OP(NAME, FORMULA)                                                                                     \
    .name = #NAME, .formula = FORMULA, .shapes = "(*) -> (*)", .inputs = 1, .outputs = 1, .infer = fr_infer_same,      \
    .forward = NAME##_forward, .jvp = fr_jvp_pointwise, .c_code = NAME##_c
#define FR_BINARY_OP(NAME, FORMULA)                                                                                    \
    .name = #NAME, .formula = FORMULA, .shapes = "(*) (**) -> (broadcast)", .inputs = 2, .outputs = 1,                 \
    .strided = true, .infer = fr_infer_broadcast, .forward = NAME##_forward, .jvp = fr_jvp_pointwise,                  \
    .c_code = NAME##_c
/* A unary op with a number: attributes are (double[2]){ value }. With int64 the value must be whole. */
#define FR_SCALAR_OP(NAME, FORMULA)                                                                                    \
    .name = #NAME, .formula = FORMULA, .shapes = "(*) -> (*)", .inputs = 1, .outputs = 1,                              \
    .attributes_size = 2 * sizeof(double), .infer = fr_infer_scalar, .forward = NAME##_forward,                        \
    .jvp = fr_jvp_pointwise, .c_code = NAME##_c

/* The same for a comparison: int64 values are held against any number. */
#define FR_COMPARISON_SCALAR_OP(NAME, FORMULA)                                                                         \
    .name = #NAME, .formula = FORMULA, .shapes = "(*) -> (*)", .inputs = 1, .outputs = 1,                              \
    .attributes_size = 2 * sizeof(double), .infer = fr_infer_same, .forward = NAME##_forward, .c_code = NAME##_c

bool fr_infer_scalar(fr_op_call *call);

/* For fr_op.onnx of log1p and expm1, which ONNX has not: what near 0 rounding took from u, 1 + x or exp(x), is made up
 * for: y x / by, and x itself where u is 1 (Kahan); y where |x| > 1. one: the constant 1. */
bool fr_onnx_near_0(fr_onnx *g, const char *u, const char *one, const char *y, const char *by);

/* For fr_op.onnx, beside onnx_name: with the number as a second input, or as the attribute alpha; of comparisons, and
 * of the one that says the opposite. */
bool fr_onnx_scalar(fr_onnx *g, const fr_op_call *call);
bool fr_onnx_alpha(fr_onnx *g, const fr_op_call *call);
bool fr_onnx_comparison(fr_onnx *g, const fr_op_call *call);
bool fr_onnx_negated(fr_onnx *g, const fr_op_call *call);

/* --- Expressions ------------------------------------------------------------------------------------------------- */

/* NaN where either is; a where they are equal. */
#define FR_MAXIMUM(a, b) ((a) >= (b) || (a) != (a) ? (a) : (b))
#define FR_MINIMUM(a, b) ((a) <= (b) || (a) != (a) ? (a) : (b))

/* NAME_c, the expression of float32 as fr_export_c writes it. Not all ops have a use for it. */
#define FR_POINTWISE_C(NAME, TEXT)                                                                                     \
    __attribute__((unused)) static bool NAME##_c(fr_c_writer *w, const fr_op_call *call)                               \
    {                                                                                                                  \
        return fr_c_pointwise(w, call, TEXT, call->attributes);                                                        \
    }

/* --- Binary: EXPR is of a and b ---------------------------------------------------------------------------------- */

/* NAME_value is the expression as a function, NAME a row of it. */
#define FR_BINARY_ROW(NAME, T, EXPR)                                                                                   \
    FR_INLINE T NAME##_value(T a, T b)                                                                                 \
    {                                                                                                                  \
        return (T)(EXPR);                                                                                              \
    }                                                                                                                  \
    FR_KERNEL(NAME, (int64_t n, const void *a, int64_t sa, const void *b, int64_t sb, void *y), (n, a, sa, b, sb, y))  \
    {                                                                                                                  \
        fr_binary_row_##T(n, a, sa, b, sb, y, NAME##_value);                                                           \
    }

#define FR_BINARY_FLOAT(NAME, EXPR32, EXPR64)                                                                          \
    FR_BINARY_ROW(NAME##_f32, float, EXPR32)                                                                           \
    FR_BINARY_ROW(NAME##_f64, double, EXPR64)                                                                          \
    FR_POINTWISE_C(NAME, #EXPR32)                                                                                      \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_binary_forward(call, NAME##_f32, NAME##_f64, NULL);                                                         \
    }

/* I64: the type in which EXPR is computed for int64. */
#define FR_BINARY_ALL(NAME, I64, EXPR)                                                                                 \
    FR_BINARY_ROW(NAME##_f32, float, EXPR)                                                                             \
    FR_BINARY_ROW(NAME##_f64, double, EXPR)                                                                            \
    FR_BINARY_ROW(NAME##_i64, I64, EXPR)                                                                               \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_binary_forward(call, NAME##_f32, NAME##_f64, NAME##_i64);                                                   \
    }
#define FR_BINARY_ANY(NAME, EXPR)                                                                                      \
    FR_BINARY_ALL(NAME, int64_t, EXPR)                                                                                 \
    FR_POINTWISE_C(NAME, #EXPR)
/* Sums, differences and products: int64 ones wrap around, which is what unsigned ones do. */
#define FR_BINARY_WRAPS(NAME, EXPR)                                                                                    \
    FR_BINARY_ALL(NAME, uint64_t, EXPR)                                                                                \
    FR_POINTWISE_C(NAME, #EXPR)

/* --- Unary: EXPR is of x and of p[], the attributes as T --------------------------------------------------------- */

#define FR_UNARY_ROW(NAME, T, EXPR)                                                                                    \
    FR_INLINE T NAME##_value(T x, const T *p, const double *attributes)                                                \
    {                                                                                                                  \
        (void)p;                                                                                                       \
        (void)attributes;                                                                                              \
        return (T)(EXPR);                                                                                              \
    }                                                                                                                  \
    FR_KERNEL(NAME, (int64_t n, const void *x, void *y, const double *attributes), (n, x, y, attributes))              \
    {                                                                                                                  \
        fr_unary_row_##T(n, x, y, attributes, NAME##_value);                                                           \
    }

#define FR_UNARY_FLOAT(NAME, EXPR32, EXPR64)                                                                           \
    FR_UNARY_ROW(NAME##_f32, float, EXPR32)                                                                            \
    FR_UNARY_ROW(NAME##_f64, double, EXPR64)                                                                           \
    FR_POINTWISE_C(NAME, #EXPR32)                                                                                      \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_unary_forward(call, NAME##_f32, NAME##_f64, NULL);                                                          \
    }

#define FR_UNARY_THREE(NAME, I64, EXPR32, EXPR64, EXPR_I64)                                                            \
    FR_UNARY_ROW(NAME##_f32, float, EXPR32)                                                                            \
    FR_UNARY_ROW(NAME##_f64, double, EXPR64)                                                                           \
    FR_UNARY_ROW(NAME##_i64, I64, EXPR_I64)                                                                            \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_unary_forward(call, NAME##_f32, NAME##_f64, NAME##_i64);                                                    \
    }
#define FR_UNARY_ALL(NAME, I64, EXPR32, EXPR64, EXPR_I64)                                                              \
    FR_UNARY_THREE(NAME, I64, EXPR32, EXPR64, EXPR_I64)                                                                \
    FR_POINTWISE_C(NAME, #EXPR32)
#define FR_UNARY_ANY(NAME, EXPR)                                                                                       \
    FR_UNARY_THREE(NAME, int64_t, EXPR, EXPR, EXPR)                                                                    \
    FR_POINTWISE_C(NAME, #EXPR)
#define FR_UNARY_WRAPS(NAME, EXPR)                                                                                     \
    FR_UNARY_THREE(NAME, uint64_t, EXPR, EXPR, EXPR)                                                                   \
    FR_POINTWISE_C(NAME, #EXPR)

/* NAME_forward and NAME_scalar_forward, 1 where a OP b or x OP value and else 0. */
#define FR_COMPARISON(NAME, OP)                                                                                        \
    FR_BINARY_ANY(NAME, a OP b)                                                                                        \
    FR_UNARY_ALL(NAME##_scalar, int64_t, x OP p[0], x OP p[0], fr_difference(x, attributes[0]) OP 0)

/* The sign of x - value, exactly, or NaN. */
static inline double fr_difference(int64_t x, double value)
{
    int64_t whole = fr_whole(value);
    bool within = value >= -0x1p63 && value < 0x1p63;

    return !within ? -value : x != whole ? (x > whole) - (x < whole) : (double)whole - value;
}

/* A float32 row whose EXPR is right for |x| <= LIMIT alone; the others, NaN among them, get BEYOND, also of x. */
#define FR_UNARY_ROW_WITHIN(NAME, LIMIT, EXPR, BEYOND)                                                                 \
    FR_INLINE float NAME##_value(float x)                                                                              \
    {                                                                                                                  \
        return EXPR;                                                                                                   \
    }                                                                                                                  \
    FR_INLINE float NAME##_beyond(float x)                                                                             \
    {                                                                                                                  \
        return BEYOND;                                                                                                 \
    }                                                                                                                  \
    FR_KERNEL(NAME, (int64_t n, const void *x, void *y, const double *attributes), (n, x, y, attributes))              \
    {                                                                                                                  \
        (void)attributes;                                                                                              \
        fr_unary_row_within(n, x, y, LIMIT, NAME##_value, NAME##_beyond);                                              \
    }

/* Its backward_kernel: EXPR is of the gradient g and of x or y, whichever is saved, and p. */
#define FR_UNARY_GRADIENT_ROW(NAME, T, EXPR)                                                                           \
    FR_INLINE T NAME##_value(T g, T x, T y, const T *p)                                                                \
    {                                                                                                                  \
        (void)x;                                                                                                       \
        (void)y;                                                                                                       \
        (void)p;                                                                                                       \
        return (T)(EXPR);                                                                                              \
    }                                                                                                                  \
    FR_KERNEL(NAME, (int64_t n, const void *g, const void *x, const void *y, void *out, const double *attributes),     \
              (n, g, x, y, out, attributes))                                                                           \
    {                                                                                                                  \
        fr_gradient_row_##T(n, g, x, y, out, attributes, NAME##_value);                                                \
    }

#define FR_UNARY_GRADIENT(NAME, EXPR32, EXPR64)                                                                        \
    FR_UNARY_GRADIENT_ROW(NAME##_gradient_f32, float, EXPR32)                                                          \
    FR_UNARY_GRADIENT_ROW(NAME##_gradient_f64, double, EXPR64)                                                         \
    static void NAME##_backward_kernel(fr_op_call *call)                                                               \
    {                                                                                                                  \
        fr_unary_backward(call, NAME##_gradient_f32, NAME##_gradient_f64);                                             \
    }

#endif
