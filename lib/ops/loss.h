/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Losses: those of a prediction and a target of one shape share their loops, and all share the reduction. */
#ifndef FROND_OPS_LOSS_H
#define FROND_OPS_LOSS_H

#include "ops/op_file.h"

/* n losses l of x and y; false where one of them is not VALID. Gradients: out = g times the derivative. */
typedef bool fr_loss_row(int64_t n, const void *x, const void *y, void *l);
typedef void fr_loss_gradient_row(int64_t n, const void *g, const void *x, const void *y, void *out);

bool fr_infer_loss(fr_op_call *call);
bool fr_loss_forward(fr_op_call *call, fr_loss_row *f32, fr_loss_row *f64);
/* backward_kernel: input `which` */
void fr_loss_gradient(fr_op_call *call, int which, fr_loss_gradient_row *f32, fr_loss_gradient_row *f64);

/* A loss's public function: the mean or sum of what op gives, or that, as reduction says. */
fr_tensor *fr_apply_loss(const fr_op *op, fr_tensor *x, fr_tensor *y, fr_reduction reduction);

/* NAME_f32 or NAME_f64, a fr_loss_row: expressions of x and y. */
#define FR_LOSS_ROW(NAME, T, LOSS, VALID)                                                                              \
    FR_KERNEL(NAME##_row, (int64_t n, const void *px, const void *py, void *pl, int *invalid),                         \
              (n, px, py, pl, invalid))                                                                                \
    {                                                                                                                  \
        const T *restrict xs = px, *restrict ys = py;                                                                  \
        T *restrict l = pl;                                                                                            \
        int wrong = 0;                                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            T x = xs[i], y = ys[i];                                                                                    \
            l[i] = (T)(LOSS);                                                                                          \
            wrong |= !(VALID);                                                                                         \
        }                                                                                                              \
        *invalid = wrong;                                                                                              \
    }                                                                                                                  \
    static bool NAME(int64_t n, const void *x, const void *y, void *l)                                                 \
    {                                                                                                                  \
        int invalid = 0;                                                                                               \
        NAME##_row(n, x, y, l, &invalid);                                                                              \
        return !invalid;                                                                                               \
    }

/* A fr_loss_gradient_row: an expression of the gradient g, of x and y. */
#define FR_LOSS_GRADIENT_ROW(NAME, T, EXPR)                                                                            \
    FR_KERNEL(NAME, (int64_t n, const void *pg, const void *px, const void *py, void *po), (n, pg, px, py, po))        \
    {                                                                                                                  \
        const T *restrict gs = pg, *restrict xs = px, *restrict ys = py;                                               \
        T *restrict out = po;                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            T g = gs[i], x = xs[i], y = ys[i];                                                                         \
            (void)x;                                                                                                   \
            (void)y;                                                                                                   \
            out[i] = (T)(EXPR);                                                                                        \
        }                                                                                                              \
    }

#endif
