/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What var and std share. The number of their attributes is the correction. */
#ifndef FROND_OPS_REDUCE_VARIANCE_H
#define FROND_OPS_REDUCE_VARIANCE_H

#include "ops/reduce/reduce.h"

/* Welford's way: the squares of deviations from the mean so far. */
typedef struct {
    double count, mean, squares;
} fr_moments;

FR_INLINE fr_moments fr_moments_add(fr_moments s, double x)
{
    double d = x - s.mean, mean = s.mean + d / (s.count + 1);

    return (fr_moments){ s.count + 1, mean, s.squares + d * (x - mean) };
}

/* Chan's, for two parts. */
FR_INLINE fr_moments fr_moments_merge(fr_moments s, fr_moments o)
{
    double count = s.count + o.count, d = o.mean - s.mean, share = count > 0 ? o.count / count : 0;

    return (fr_moments){ count, s.mean + d * share, s.squares + o.squares + d * d * s.count * share };
}

/* The squares over the count less the correction; NaN or inf where nothing is left of that, NaN for no values. */
FR_INLINE double fr_moments_variance(fr_moments s, double correction)
{
    return s.squares / (s.count > 0 && s.count > correction ? s.count - correction : 0);
}

/* The variance as a value of ONNX's graph: the mean of the squares, times n / (n - correction). */
const char *fr_onnx_variance(fr_onnx *g, const fr_op_call *call);

/* NAME_c: FINISH of v, the variance. */
#define FR_VARIANCE_C(NAME, FINISH)                                                                                    \
    static bool NAME##_c(fr_c_writer *w, const fr_op_call *call)                                                       \
    {                                                                                                                  \
        char correction[40];                                                                                           \
        snprintf(correction, sizeof correction, "%.17g, ", ((const fr_over *)call->attributes)->p);                    \
        return fr_write_reduction_by(w, call, #NAME, FR_VARIANCE_TEXT(#NAME, FINISH), correction);                     \
    }
#define FR_VARIANCE_TEXT(NAME, FINISH)                                                                                 \
    "/* Of each of (outer,n,inner). */\n"                                                                              \
    "static void " NAME "(int outer, int n, int inner, double correction, const float *x, float *y)\n"                 \
    "{\n"                                                                                                              \
    "    for (int i = 0; i < outer * inner; i++) {\n"                                                                  \
    "        const float *at = x + i / inner * n * inner + i % inner;\n"                                               \
    "        double mean = 0, square = 0, v;\n"                                                                        \
    "\n"                                                                                                               \
    "        for (int k = 0; k < n; k++)\n"                                                                            \
    "            mean += at[k * inner];\n"                                                                             \
    "        mean /= n;\n"                                                                                             \
    "        for (int k = 0; k < n; k++)\n"                                                                            \
    "            square += (at[k * inner] - mean) * (at[k * inner] - mean);\n"                                         \
    "        v = square / (n > correction ? n - correction : 0);\n"                                                    \
    "        y[i] = (float)" FINISH ";\n"                                                                              \
    "    }\n"                                                                                                          \
    "}\n"

bool fr_infer_variance(fr_op_call *call);
fr_tensor *fr_apply_variance(const char *what, const fr_op *op, fr_tensor *t, const fr_variance_options *options);

/* d var / d x, times g (of the output's shape); var's and std's input 0 is saved. */
fr_tensor *fr_var_gradient(const fr_op_call *call, fr_tensor *g);

#endif
