/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Elementwise ops: the loops that all of them share. An op's file gives an expression of one or two values, for float
 * and for double; the macros make of it row kernels for each kind of CPU, and forward or backward_kernel from those. */
#ifndef FROND_OPS_ELEMENTWISE_H
#define FROND_OPS_ELEMENTWISE_H

#include "ops/op_file.h"

/* n values of one or two inputs, the latter at strides of 0 or more. */
typedef void fr_unary_row(int64_t n, const void *x, void *y, const double *attributes);
typedef void fr_binary_row(int64_t n, const void *a, int64_t a_stride, const void *b, int64_t b_stride, void *y);
typedef void fr_gradient_row(int64_t n, const void *gradient, const void *x, const void *y, void *out,
                             const double *attributes);

/* elementwise.c */
bool fr_infer_broadcast(fr_op_call *call);
void fr_binary_forward(fr_op_call *call, fr_binary_row *f32, fr_binary_row *f64, fr_binary_row *i64);
void fr_unary_forward(fr_op_call *call, fr_unary_row *f32, fr_unary_row *f64, fr_unary_row *i64);
void fr_unary_backward(fr_op_call *call, fr_gradient_row *f32, fr_gradient_row *f64);

/* A binary op's forward. EXPR32, EXPR64 and EXPR_I64 are expressions of a and b. */
#define FR_BINARY_ROW(NAME, T, EXPR)                                                                                   \
    FR_KERNEL(NAME,                                                                                                    \
              (int64_t n, const void *pa, int64_t sa, const void *pb, int64_t sb, void *py),                           \
              (n, pa, sa, pb, sb, py))                                                                                 \
    {                                                                                                                  \
        const T *restrict xa = pa, *restrict xb = pb;                                                                  \
        T *restrict y = py;                                                                                            \
        if (sa == 1 && sb == 1) {                                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                T a = xa[i], b = xb[i];                                                                                \
                y[i] = (T)(EXPR);                                                                                      \
            }                                                                                                          \
        } else if (sa == 1 && sb == 0) {                                                                               \
            T b = n ? xb[0] : (T)0;                                                                                    \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                T a = xa[i];                                                                                           \
                y[i] = (T)(EXPR);                                                                                      \
            }                                                                                                          \
        } else {                                                                                                       \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                T a = xa[i * sa], b = xb[i * sb];                                                                      \
                y[i] = (T)(EXPR);                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

#define FR_BINARY_FLOAT(NAME, EXPR32, EXPR64)                                                                          \
    FR_BINARY_ROW(NAME##_f32, float, EXPR32)                                                                           \
    FR_BINARY_ROW(NAME##_f64, double, EXPR64)                                                                          \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_binary_forward(call, NAME##_f32, NAME##_f64, NULL);                                                         \
    }

#define FR_BINARY_ANY(NAME, EXPR)                                                                                      \
    FR_BINARY_ROW(NAME##_f32, float, EXPR)                                                                             \
    FR_BINARY_ROW(NAME##_f64, double, EXPR)                                                                            \
    FR_BINARY_ROW(NAME##_i64, int64_t, EXPR)                                                                           \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_binary_forward(call, NAME##_f32, NAME##_f64, NAME##_i64);                                                   \
    }

/* A unary op's forward: expressions of x, and of attributes p[0], p[1], ... (an array of T). */
#define FR_UNARY_ROW(NAME, T, EXPR)                                                                                    \
    FR_KERNEL(NAME, (int64_t n, const void *px, void *py, const double *attributes), (n, px, py, attributes))          \
    {                                                                                                                  \
        const T *restrict xs = px;                                                                                     \
        T *restrict y = py;                                                                                            \
        const T p[2] = { (T)attributes[0], (T)attributes[1] };                                                         \
        (void)p;                                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            T x = xs[i];                                                                                               \
            y[i] = (T)(EXPR);                                                                                          \
        }                                                                                                              \
    }

#define FR_UNARY_FLOAT(NAME, EXPR32, EXPR64)                                                                           \
    FR_UNARY_ROW(NAME##_f32, float, EXPR32)                                                                            \
    FR_UNARY_ROW(NAME##_f64, double, EXPR64)                                                                           \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_unary_forward(call, NAME##_f32, NAME##_f64, NULL);                                                          \
    }

#define FR_UNARY_ANY(NAME, EXPR)                                                                                       \
    FR_UNARY_ROW(NAME##_f32, float, EXPR)                                                                              \
    FR_UNARY_ROW(NAME##_f64, double, EXPR)                                                                             \
    FR_UNARY_ROW(NAME##_i64, int64_t, EXPR)                                                                            \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_unary_forward(call, NAME##_f32, NAME##_f64, NAME##_i64);                                                    \
    }

/* Its backward_kernel: an expression of the gradient g and of x or y, whichever is saved, and p. */
#define FR_UNARY_GRADIENT_ROW(NAME, T, EXPR)                                                                           \
    FR_KERNEL(NAME,                                                                                                    \
              (int64_t n, const void *pg, const void *px, const void *py, void *po, const double *attributes),         \
              (n, pg, px, py, po, attributes))                                                                         \
    {                                                                                                                  \
        const T *restrict gs = pg, *restrict xs = px, *restrict ys = py;                                               \
        T *restrict out = po;                                                                                          \
        const T p[2] = { (T)attributes[0], (T)attributes[1] };                                                         \
        (void)p;                                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            T g = gs[i], x = xs[i], y = ys[i];                                                                         \
            (void)x;                                                                                                   \
            (void)y;                                                                                                   \
            out[i] = (T)(EXPR);                                                                                        \
        }                                                                                                              \
    }

#define FR_UNARY_GRADIENT(NAME, EXPR32, EXPR64)                                                                        \
    FR_UNARY_GRADIENT_ROW(NAME##_gradient_f32, float, EXPR32)                                                          \
    FR_UNARY_GRADIENT_ROW(NAME##_gradient_f64, double, EXPR64)                                                         \
    static void NAME##_backward_kernel(fr_op_call *call)                                                               \
    {                                                                                                                  \
        fr_unary_backward(call, NAME##_gradient_f32, NAME##_gradient_f64);                                             \
    }

#endif
