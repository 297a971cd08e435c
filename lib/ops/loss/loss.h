/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Losses: those of a prediction and a target of one shape share their loops, and all share the reduction. */
#ifndef FROND_OPS_LOSS_LOSS_H
#define FROND_OPS_LOSS_LOSS_H

#include "ops/op.h"

#include <frond/autograd.h>

/* --- The public functions ---------------------------------------------------------------------------------------- */

/* What becomes of the values that a loss's op gives. */
typedef struct {
    fr_reduction reduction;
    bool batch_mean;       /* FR_BATCHMEAN is for this loss too */
    fr_tensor *weight;     /* of each value, broadcasting to them; or NULL */
    bool over_weights;     /* the mean is over the sum of those */
    fr_tensor *pos_weight; /* broadcasts to the prediction and is input 2; or NULL */
    /* What the mean divides by, of the op's inputs and attributes; NULL: the number of values. */
    double (*count)(fr_tensor *const *in, int n, const void *attributes);
    void *const *reserved; /* the options' reserved fields; NULL: called without options */
    bool missing;          /* one of the options' tensors is NULL: not given, or failed before */
} fr_loss_how;

/* what: the public function. op takes two inputs, or -1: as many as in[] of 3 has, of which the last may be NULL. */
fr_tensor *fr_apply_loss(const char *what, const fr_op *op, fr_tensor *const in[3], const void *attributes,
                         const fr_loss_how *how);

extern const fr_op fr_l1_op;

/* --- Loops ------------------------------------------------------------------------------------------------------- */

/* n losses l of x, y, and w (input 2, where the op takes one); attributes are two doubles or none. A row of which one
 * value is not valid sets invalid. Gradients: out = g times the derivative. */
typedef void fr_loss_row(int64_t n, const void *x, const void *y, const void *w, void *l, const double *attributes,
                         int *invalid);
typedef void fr_loss_gradient_row(int64_t n, const void *g, const void *x, const void *y, const void *w, void *out,
                                  const double *attributes);

bool fr_infer_loss(fr_op_call *call);
/* false where a value is not valid */
bool fr_loss_forward(fr_op_call *call, fr_loss_row *f32, fr_loss_row *f64);
/* backward_kernel: input `which` */
void fr_loss_gradient(fr_op_call *call, int which, fr_loss_gradient_row *f32, fr_loss_gradient_row *f64);

/* Expressions of x, y, w and p[], the attributes as T; those of gradients of g as well, the gradient. These are for
 * float and double alike. */
#define FR_LOSS_ABS(v)     _Generic((v), float : fabsf, default : fabs)(v)
#define FR_LOSS_EXP(v)     _Generic((v), float : fr_exp_f32, default : fr_exp_f64)(v)
#define FR_LOSS_LOG(v)     _Generic((v), float : fr_log_f32, default : log)(v)
#define FR_LOSS_LOG1P(v)   _Generic((v), float : fr_log1p_f32, default : log1p)(v)
#define FR_LOSS_SIGMOID(v) _Generic((v), float : fr_sigmoid_f32, default : fr_sigmoid_f64)(v)

#define FR_LOSS_VALUES(T)                                                                                              \
    const T *restrict xs = px, *restrict ys = py, *restrict ws = pw;                                                   \
    const T p[2] = { (T)attributes[0], (T)attributes[1] };                                                             \
    (void)p;

#define FR_LOSS_VALUE(T)                                                                                               \
    T x = xs[i], y = ys[i], w = ws[i];                                                                                 \
    (void)x;                                                                                                           \
    (void)y;                                                                                                           \
    (void)w;

/* A fr_loss_row. */
#define FR_LOSS_ROW(NAME, T, LOSS, VALID)                                                                              \
    FR_KERNEL(                                                                                                         \
        NAME,                                                                                                          \
        (int64_t n, const void *px, const void *py, const void *pw, void *pl, const double *attributes, int *invalid), \
        (n, px, py, pw, pl, attributes, invalid))                                                                      \
    {                                                                                                                  \
        FR_LOSS_VALUES(T)                                                                                              \
        T *restrict l = pl;                                                                                            \
        int wrong = 0;                                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            FR_LOSS_VALUE(T)                                                                                           \
            l[i] = (T)(LOSS);                                                                                          \
            wrong |= !(VALID);                                                                                         \
        }                                                                                                              \
        *invalid = wrong;                                                                                              \
    }

/* A fr_loss_gradient_row. */
#define FR_LOSS_GRADIENT_ROW(NAME, T, EXPR)                                                                            \
    FR_KERNEL(NAME,                                                                                                    \
              (int64_t n, const void *pg, const void *px, const void *py, const void *pw, void *po,                    \
               const double *attributes),                                                                              \
              (n, pg, px, py, pw, po, attributes))                                                                     \
    {                                                                                                                  \
        FR_LOSS_VALUES(T)                                                                                              \
        const T *restrict gs = pg;                                                                                     \
        T *restrict out = po;                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            FR_LOSS_VALUE(T)                                                                                           \
            T g = gs[i];                                                                                               \
            out[i] = (T)(EXPR);                                                                                        \
        }                                                                                                              \
    }

#define FR_LOSS_GRADIENT(NAME, EXPR)                                                                                   \
    FR_LOSS_GRADIENT_ROW(NAME##_f32, float, EXPR)                                                                      \
    FR_LOSS_GRADIENT_ROW(NAME##_f64, double, EXPR)

/* NAME_f32, NAME_f64 and NAME_backward_kernel, which gives the gradients of x and y. */
#define FR_LOSS_ROWS(NAME, LOSS, VALID, DX, DY)                                                                        \
    FR_LOSS_ROW(NAME##_f32, float, LOSS, VALID)                                                                        \
    FR_LOSS_ROW(NAME##_f64, double, LOSS, VALID)                                                                       \
    FR_LOSS_GRADIENT(NAME##_dx, DX)                                                                                    \
    FR_LOSS_GRADIENT(NAME##_dy, DY)                                                                                    \
    static void NAME##_backward_kernel(fr_op_call *call)                                                               \
    {                                                                                                                  \
        fr_loss_gradient(call, 0, NAME##_dx_f32, NAME##_dx_f64);                                                       \
        fr_loss_gradient(call, 1, NAME##_dy_f32, NAME##_dy_f64);                                                       \
    }

/* The same and NAME_forward, where any value will do. */
#define FR_LOSS(NAME, LOSS, DX, DY)                                                                                    \
    FR_LOSS_ROWS(NAME, LOSS, true, DX, DY)                                                                             \
    static void NAME##_forward(fr_op_call *call)                                                                       \
    {                                                                                                                  \
        fr_loss_forward(call, NAME##_f32, NAME##_f64);                                                                 \
    }

#endif
