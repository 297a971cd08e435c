/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Clipping gradients, by value or by their common norm. The arithmetic is PyTorch's: the norm of each gradient, then
 * the norm of these norms. A norm that is infinite or NaN turns gradients into zeros or NaN; that is no error unless
 * one is asked for. */
#include "optim/clip.h"

#include "core/recorder.h"

#include "core/tensor.h"
#include "core/thread.h"
#include "kernels/optim.h"

#include <math.h>

/* The p-norm of t, which is contiguous, rounded to t's dtype. */
static double norm_of(const fr_tensor *t, double p)
{
    fr_dtype dtype = (fr_dtype)t->dtype;
    double norm;

    if (p == 2)
        return fr_grad_l2_norm(dtype, t->numel, t->origin);
    if (isinf(p))
        return fr_grad_abs_max(dtype, t->numel, t->origin);
    norm = fr_grad_power_sum(dtype, t->numel, t->origin, p);
    norm = p == 1 ? norm : pow(norm, 1 / p);
    return dtype == FR_F64 ? norm : (double)(float)norm;
}

/* min(1, max / (norm + 1e-6)); NaN for a norm of NaN. PyTorch divides by way of the reciprocal, in the norm's dtype. */
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

/* The norms (n) of n parameters' gradients, 0 for one without a gradient. float64 if one of the gradients is. The
 * caller owns the reference. */
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

/* Checks the module and max, and lists m's parameters. False with an error. */
static bool parameters_to_clip(const char *what, fr_module *m, double max, fr_tensor *const **parameters, int *n)
{
    if (!fr_check_argument(what, m, "module"))
        return false;
    if (!(max >= 0))
        return fr_fail(what, "max is %g, expected a number >= 0", max);
    *parameters = fr_module_parameters(m, n);
    return *parameters != NULL;
}

static double clip_to_norm(const char *what, fr_module *m, double max, double p, bool error_if_nonfinite)
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
    for (int i = 0; i < n && factor != 1; i++) {
        fr_tensor *grad = parameters[i]->grad;

        if (!grad)
            continue;
        fr_grad_scale((fr_dtype)grad->dtype, grad->numel, grad->origin, factor);
        fr_storage_bump(grad);
    }
    return norm;
}

static bool run_clip_to_norm(const fr_action *a)
{
    double norm = clip_to_norm(a->function, a->object, a->a, a->b, a->m != 0);

    if (a->result)
        *a->result = norm;
    return !isnan(norm) || a->m == 0;
}

static double clip_norm(const char *what, fr_module *m, double max, double p, bool error_if_nonfinite)
{
    double norm = NAN;

    fr_act(fr_thread_self(), &(fr_action){ .run = run_clip_to_norm,
                                           .function = what,
                                           .object = m,
                                           .a = max,
                                           .b = p,
                                           .m = error_if_nonfinite,
                                           .result = &norm });
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

double fr_module_grad_norm(fr_module *m)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_grad_norm");
    double norm = fr_may_look(th, "module_grad_norm") ? clip_norm("module_grad_norm", m, INFINITY, 2, false)
                                                      : NAN; /* clipping to infinity scales by 1 */

    fr_finish(th, before);
    return norm;
}

static bool clip_values(const fr_action *a)
{
    int n = 0;
    fr_tensor *const *parameters = NULL;
    bool ok = parameters_to_clip("clip_grad_value", a->object, a->a, &parameters, &n);

    for (int i = 0; ok && i < n; i++) {
        fr_tensor *grad = parameters[i]->grad;

        if (!grad)
            continue;
        fr_grad_clamp((fr_dtype)grad->dtype, grad->numel, grad->origin, a->a);
        fr_storage_bump(grad);
    }
    return ok;
}

bool fr_clip_grad_value(fr_module *m, double max)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "clip_grad_value");
    bool ok = fr_act(th, &(fr_action){ .run = clip_values, .object = m, .a = max });

    fr_finish(th, before);
    return ok;
}
