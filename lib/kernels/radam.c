/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* RAdam. With g = grad + weight_decay p (grad negated to maximise), t the parameter's step, m = exp_avg, v =
 * exp_avg_sq, rho = 2 / (1 - beta2) - 1 and rho_t = rho - 2 t beta2^t / (1 - beta2^t):
 *
 *     m = m + (1 - beta1) (g - m)            v = beta2 v + (1 - beta2) g^2
 *     r = sqrt((rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t))
 *     p = p - lr m / (1 - beta1^t)  r sqrt(1 - beta2^t) / (sqrt(v) + eps)     if rho_t > 5, else
 *     p = p - lr m / (1 - beta1^t)
 *
 * With decoupled_weight_decay, g = grad and the last line starts from (1 - lr weight_decay) p. */
#ifndef T
#include "kernels/optim.h"

#include <tgmath.h>

#define KERNEL_FILE "kernels/radam.c"
#include "kernels/instantiate.h"

void fr_radam_update(const fr_optim_update *u)
{
    FR_KERNEL_FOR(u->dtype, radam)(u, u->options);
}
#else
#include "kernels/adam_moments.h"

static void FN(radam)(const fr_optim_update *u, const fr_radam_options *o)
{
    T *restrict param = u->param, *restrict exp_avg = u->state[0], *restrict exp_avg_sq = u->state[1];
    const T *restrict grad = u->grad;
    const double t = (double)u->step, correction2 = 1 - pow(o->beta2, t), rho = 2 / (1 - o->beta2) - 1;
    const double rho_t = rho - 2 * t * pow(o->beta2, t) / correction2;
    const bool adaptive = rho_t > 5;
    const T rect = adaptive ? (T)sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t)) : 1;
    const T correction1 = (T)(1 - pow(o->beta1, t)), root2 = (T)sqrt(correction2), lr = (T)o->lr, eps = (T)o->eps;
    const T decay = o->decoupled_weight_decay ? (T)(1 - o->lr * o->weight_decay) : 1;
    const FN(moment_factors) factors =
        FN(moment_factors_of)(o->maximize, o->decoupled_weight_decay ? 0 : o->weight_decay, o->beta1, o->beta2);

    for (int64_t i = 0; i < u->n; i++) {
        T m = exp_avg[i], v = exp_avg_sq[i];
        FN(move_moments)(factors, param[i], grad[i], &m, &v);
        exp_avg[i] = m;
        exp_avg_sq[i] = v;
        T step = m / correction1 * lr;
        step = adaptive ? step * (root2 / (sqrt(v) + eps)) * rect : step;
        param[i] = fma(decay, param[i], (T)0) - step;
    }
}
#endif
