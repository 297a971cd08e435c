/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Clipping gradients, by value or by their common norm. The Euclidean norm is in PyTorch's arithmetic: one for each
 * gradient, in its dtype and over 8 partial sums, then the norm of those norms. Others are summed in double. A norm
 * that is not finite makes gradients NaN or 0 and is no error, unless one is asked for. */
#include "optim/clip.h"

#include "core/tensor.h"
#include "core/thread.h"
#include "kernels/cpu.h"

#include <frond/optim.h>
#include <math.h>

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
    /* sum |x|^p */                                                                                                    \
    FR_KERNEL(clip_powers_##SUFFIX, (int64_t n, const T *x, double p, double *sum), (n, x, p, sum))                    \
    {                                                                                                                  \
        double total = 0;                                                                                              \
                                                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                                                \
            total += p == 1 ? fabs((double)x[i]) : pow(fabs((double)x[i]), p);                                         \
        *sum = total;                                                                                                  \
    }                                                                                                                  \
                                                                                                                       \
    /* max |x|, or NaN */                                                                                              \
    FR_KERNEL(clip_largest_##SUFFIX, (int64_t n, const T *x, T *largest), (n, x, largest))                             \
    {                                                                                                                  \
        T most = 0;                                                                                                    \
                                                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            T size = x[i] < 0 ? -x[i] : x[i];                                                                          \
            most = most >= size || most != most ? most : size;                                                         \
        }                                                                                                              \
        *largest = most;                                                                                               \
    }                                                                                                                  \
                                                                                                                       \
    FR_KERNEL(clip_scale_##SUFFIX, (int64_t n, T * x, T factor), (n, x, factor))                                       \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            x[i] *= factor;                                                                                            \
    }                                                                                                                  \
                                                                                                                       \
    FR_KERNEL(clip_clamp_##SUFFIX, (int64_t n, T * x, T max), (n, x, max))                                             \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            x[i] = x[i] > max ? max : x[i] < -max ? -max : x[i];                                                       \
    }

CLIP_KERNELS(float, f32, fmaf, sqrtf)
CLIP_KERNELS(double, f64, fma, sqrt)

/* Of t, which is contiguous, rounded to its dtype. */
static double norm_of(const fr_tensor *t, double p)
{
    const float *x32 = (const float *)t->origin;
    const double *x64 = (const double *)t->origin;
    bool wide = t->dtype == FR_F64;
    double norm64;
    float norm32;

    if (p == 2 || isinf(p)) {
        if (wide)
            (p == 2 ? clip_norm_f64 : clip_largest_f64)(t->numel, x64, &norm64);
        else
            (p == 2 ? clip_norm_f32 : clip_largest_f32)(t->numel, x32, &norm32);
        return wide ? norm64 : (double)norm32;
    }
    if (wide)
        clip_powers_f64(t->numel, x64, p, &norm64);
    else
        clip_powers_f32(t->numel, x32, p, &norm64);
    norm64 = p == 1 ? norm64 : pow(norm64, 1 / p);
    return wide ? norm64 : (double)(float)norm64;
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
static fr_tensor *norms_of(const char *what, fr_tensor *const *parameters, int n, double p)
{
    fr_dtype dtype = FR_F32;
    fr_tensor *norms;

    for (int i = 0; i < n; i++)
        if (parameters[i]->grad && parameters[i]->dtype == FR_F64)
            dtype = FR_F64;
    norms = fr_tensor_alloc(what, &(fr_shape){ 1, { n } }, dtype);
    for (int i = 0; norms && i < n; i++) {
        double norm = parameters[i]->grad ? norm_of(parameters[i]->grad, p) : 0;

        if (dtype == FR_F64)
            ((double *)norms->origin)[i] = norm;
        else
            ((float *)norms->origin)[i] = (float)norm;
    }
    return norms;
}

bool fr_gradient_norm(const char *what, fr_tensor *const *parameters, int n, double p, double *norm, fr_dtype *dtype)
{
    fr_tensor *norms = norms_of(what, parameters, n, p);

    if (!norms)
        return false;
    *norm = norm_of(norms, p);
    *dtype = (fr_dtype)norms->dtype;
    fr_unref(norms);
    return true;
}

/* m's parameters; false with an error where there is no module, or max is none. */
static bool parameters_to_clip(const char *what, fr_module *m, double max, fr_tensor *const **parameters, int *n)
{
    if (!fr_check_not_null(what, m, "module"))
        return false;
    if (!(max >= 0))
        return fr_fail(what, "max is %g, expected a number >= 0", max);
    *parameters = fr_module_parameters(m, n);
    return *parameters != NULL;
}

static double clip_norm(const char *what, fr_module *m, double max, double p, bool error_if_nonfinite)
{
    int n = 0;
    fr_tensor *const *parameters = NULL;
    double norm, factor;
    fr_dtype dtype;

    if (!parameters_to_clip(what, m, max, &parameters, &n))
        return NAN;
    if (!(p > 0))
        return fr_fail(what, "p is %g, expected a number > 0", p), NAN;
    if (!fr_gradient_norm(what, parameters, n, p, &norm, &dtype))
        return NAN;
    factor = factor_for(max, norm, dtype);
    if (error_if_nonfinite && !isfinite(norm))
        return fr_fail(what, "the norm of the gradients is %g", norm), NAN;
    for (int i = 0; i < n && factor != 1; i++)
        if (parameters[i]->grad)
            scale(parameters[i]->grad, factor);
    return norm;
}

double fr_clip_grad_norm(fr_module *m, double max)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "clip_grad_norm");
    double norm = clip_norm("clip_grad_norm", m, max, 2, false);

    fr_finish(th, before);
    return norm;
}

double fr_clip_grad_norm_with(fr_module *m, double max, double p, bool error_if_nonfinite)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "clip_grad_norm_with");
    double norm = clip_norm("clip_grad_norm_with", m, max, p, error_if_nonfinite);

    fr_finish(th, before);
    return norm;
}

static void clamp(fr_tensor *gradient, double max)
{
    if (gradient->dtype == FR_F64)
        clip_clamp_f64(gradient->numel, (double *)gradient->origin, max);
    else
        clip_clamp_f32(gradient->numel, (float *)gradient->origin, (float)max);
    fr_storage_bump(gradient);
}

bool fr_clip_grad_value(fr_module *m, double max)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "clip_grad_value");
    int n = 0;
    fr_tensor *const *parameters = NULL;
    bool ok = parameters_to_clip("clip_grad_value", m, max, &parameters, &n);

    for (int i = 0; ok && i < n; i++)
        if (parameters[i]->grad)
            clamp(parameters[i]->grad, max);
    fr_finish(th, before);
    return ok;
}
