/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What var and std share: moments that are gathered in one pass. The attributes' p is the correction. */
#ifndef FROND_OPS_REDUCE_VARIANCE_H
#define FROND_OPS_REDUCE_VARIANCE_H

#include "ops/reduce/reduce.h"

/* Of count values the mean, and the sum of the squares of their deviations from it (B. P. Welford, "Note on a method
 * for calculating corrected sums of squares and products", Technometrics 4, 1962). */
typedef struct {
    double count, mean, squares;
} fr_moments;

FR_INLINE fr_moments fr_moments_add(fr_moments s, double x)
{
    double d = x - s.mean, mean = s.mean + d / (s.count + 1);

    return (fr_moments){ s.count + 1, mean, s.squares + d * (x - mean) };
}

/* The moments of two parts together (T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise
 * algorithm for computing sample variances", 1979). */
FR_INLINE fr_moments fr_moments_merge(fr_moments s, fr_moments o)
{
    double count = s.count + o.count, d = o.mean - s.mean, share = count > 0 ? o.count / count : 0;

    return (fr_moments){ count, s.mean + d * share, s.squares + o.squares + d * d * s.count * share };
}

/* squares / (count - correction). If the correction is not below the count, squares / 0: NaN or inf. */
FR_INLINE double fr_moments_variance(fr_moments s, double correction)
{
    return s.squares / (s.count > 0 && s.count > correction ? s.count - correction : 0);
}

/* infer: fails for a correction that is not finite. */
bool fr_infer_variance(fr_op_call *call);
/* The variance's gradient, 2 (x - mean) / (n - correction), times g, which is of the output's shape. Input 0 is x. With
 * std, the gradient of the standard deviation, which is that over 2 std. */
fr_tensor *fr_var_gradient(const fr_op_call *call, fr_tensor *g, fr_tensor *std);
/* The public functions with options. */
fr_tensor *fr_apply_variance(const char *what, const fr_op *op, fr_tensor *t, const fr_variance_options *options);

/* Writes nodes that compute the variance; its name. */
const char *fr_onnx_variance(fr_onnx *g, const fr_op_call *call);
/* c_code: the variance, or its root. */
bool fr_c_variance(fr_c_writer *w, const fr_op_call *call, bool root);

#endif
