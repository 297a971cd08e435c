/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NAdam. With g = grad + weight_decay p (grad negated to maximise), t the parameter's step, m = exp_avg, v =
 * exp_avg_sq, mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), and M_t the product of mu_1 to mu_t:
 *
 *     m = m + (1 - beta1) (g - m)            v = beta2 v + (1 - beta2) g^2
 *     d = sqrt(v / (1 - beta2^t)) + eps
 *     p = p - lr (1 - mu_t) / (1 - M_t)  g / d - lr mu_(t+1) / (1 - M_(t+1))  m / d
 *
 * With decoupled_weight_decay, g = grad and the last line starts from (1 - lr weight_decay) p. */
#ifndef T
#include "kernels/optim.h"

#include <tgmath.h>

static double mu_at(const fr_nadam_options *o, int64_t step)
{
    return o->beta1 * (1 - 0.5 * pow(0.96, (double)step * o->momentum_decay));
}

/* M_t. PyTorch keeps it, in float32; it is soon too small to matter, so few factors are multiplied. */
static double mu_product(const fr_nadam_options *o, int64_t step)
{
    float product = 1;

    for (int64_t i = 1; i <= step && product > 1e-20F; i++)
        product *= (float)mu_at(o, i);
    return (double)product;
}

#define KERNEL_FILE "kernels/nadam.c"
#include "kernels/instantiate.h"

void fr_nadam_update(const fr_optim_update *u)
{
    FR_KERNEL_FOR(u->dtype, nadam)(u, u->options);
}
#else
#include "kernels/adam_moments.h"

static void FN(nadam)(const fr_optim_update *u, const fr_nadam_options *o)
{
    T *restrict param = u->param, *restrict exp_avg = u->state[0], *restrict exp_avg_sq = u->state[1];
    const T *restrict grad = u->grad;
    const double mu = mu_at(o, u->step), next = mu_at(o, u->step + 1), product = mu_product(o, u->step);
    const T grad_rate = (T)(-o->lr * (1 - mu) / (1 - product)), avg_rate = (T)(-o->lr * next / (1 - product * next));
    const T decay = o->decoupled_weight_decay ? (T)(1 - o->lr * o->weight_decay) : 1;
    const T correction = (T)(1 - pow(o->beta2, (double)u->step)), eps = (T)o->eps;
    const FN(moment_factors) factors =
        FN(moment_factors_of)(o->maximize, o->decoupled_weight_decay ? 0 : o->weight_decay, o->beta1, o->beta2);

    for (int64_t i = 0; i < u->n; i++) {
        T m = exp_avg[i], v = exp_avg_sq[i], g = FN(move_moments)(factors, param[i], grad[i], &m, &v);
        T d = sqrt(v / correction) + eps;
        exp_avg[i] = m;
        exp_avg_sq[i] = v;
        T p = fma(decay, param[i], (T)0) + grad_rate * g / d;
        param[i] = p + avg_rate * m / d;
    }
}
#endif
