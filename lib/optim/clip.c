/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Clipping gradients by their common norm, in PyTorch's arithmetic: a norm for each gradient, in its dtype and over 8
 * partial sums, then the norm of those norms. A norm that is not finite makes gradients NaN or 0 and is no error. */
#include "core/cpu.h"
#include "core/internal.h"

#include <frond/optim.h>
#include <math.h>

static const char name[] = "clip_grad_norm";

enum { LANES = 8 };

#define CLIP_KERNELS(T, SUFFIX, FMA, SQRT)                                                                             \
    FR_KERNEL(clip_norm_##SUFFIX, (int64_t n, const T *x, T *norm), (n, x, norm))                                      \
    {                                                                                                                  \
        T sum[LANES] = { 0 };                                                                                          \
        int64_t i = 0;                                                                                                 \
                                                                                                                       \
        for (; i + LANES <= n; i += LANES)                                                                             \
            for (int k = 0; k < LANES; k++)                                                                            \
                sum[k] = FMA(x[i + k], x[i + k], sum[k]);                                                              \
        for (int k = 1; k < LANES; k++)                                                                                \
            sum[0] += sum[k];                                                                                          \
        for (; i < n; i++)                                                                                             \
            sum[0] = FMA(x[i], x[i], sum[0]);                                                                          \
        *norm = SQRT(sum[0]);                                                                                          \
    }                                                                                                                  \
                                                                                                                       \
    FR_KERNEL(clip_scale_##SUFFIX, (int64_t n, T * x, T factor), (n, x, factor))                                       \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            x[i] *= factor;                                                                                            \
    }

CLIP_KERNELS(float, f32, fmaf, sqrtf)
CLIP_KERNELS(double, f64, fma, sqrt)

/* Of t, which is contiguous. */
static double norm_of(const fr_tensor *t)
{
    float norm32;
    double norm64;

    if (t->dtype == FR_F64) {
        clip_norm_f64(t->numel, (const double *)t->origin, &norm64);
        return norm64;
    }
    clip_norm_f32(t->numel, (const float *)t->origin, &norm32);
    return (double)norm32;
}

/* min(1, max / (norm + 1e-6)) as PyTorch rounds it, which divides by way of the reciprocal; NaN for NaN. */
static double factor_for(double max, double norm, fr_dtype dtype)
{
    double factor;

    if (dtype == FR_F64) {
        factor = max * (1 / (norm + 1e-6));
    } else {
        float reciprocal = 1 / ((float)norm + 1e-6F);

        factor = (double)((float)max * reciprocal);
    }
    return factor > 1 ? 1 : factor;
}

static void scale(fr_tensor *gradient, double factor)
{
    if (gradient->dtype == FR_F64)
        clip_scale_f64(gradient->numel, (double *)gradient->origin, factor);
    else
        clip_scale_f32(gradient->numel, (float *)gradient->origin, (float)factor);
    fr_storage_bump(gradient);
}

/* The norms of n parameters' gradients, 0 where there is none; float64 if one of them is. One reference. */
static fr_tensor *norms_of(fr_tensor *const *parameters, int n)
{
    fr_dtype dtype = FR_F32;
    fr_tensor *norms;

    for (int i = 0; i < n; i++)
        if (parameters[i]->grad && parameters[i]->dtype == FR_F64)
            dtype = FR_F64;
    norms = fr_tensor_alloc(name, &(fr_shape){ 1, { n } }, dtype);
    for (int i = 0; norms && i < n; i++) {
        double norm = parameters[i]->grad ? norm_of(parameters[i]->grad) : 0;

        if (dtype == FR_F64)
            ((double *)norms->origin)[i] = norm;
        else
            ((float *)norms->origin)[i] = (float)norm;
    }
    return norms;
}

static double clip(fr_module *m, double max)
{
    int n = 0;
    fr_tensor *const *parameters;
    fr_tensor *norms;
    double norm, factor;

    if (!fr_check_not_null(name, m, "module"))
        return NAN;
    if (!(max >= 0))
        return fr_fail(name, "max is %g, expected a number >= 0", max), NAN;
    parameters = fr_module_parameters(m, &n);
    norms = parameters || n == 0 ? norms_of(parameters, n) : NULL;
    if (!norms)
        return NAN;
    norm = norm_of(norms);
    factor = factor_for(max, norm, (fr_dtype)norms->dtype);
    fr_unref(norms);
    for (int i = 0; i < n && factor != 1; i++)
        if (parameters[i]->grad)
            scale(parameters[i]->grad, factor);
    return norm;
}

double fr_clip_grad_norm(fr_module *m, double max)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    double norm = clip(m, max);

    fr_finish(th, before);
    return norm;
}
