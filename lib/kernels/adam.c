/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adam and AdamW. With g = grad + weight_decay p (grad negated to maximise), t the parameter's step, m = exp_avg and
 * v = exp_avg_sq:
 *
 *     m = m + (1 - beta1) (g - m)            v = beta2 v + (1 - beta2) g^2
 *     p = p - lr / (1 - beta1^t)  m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * With amsgrad the largest v so far takes the place of v in the second line. AdamW decays weights apart from the
 * gradient: g = grad, and the second line starts from (1 - lr weight_decay) p. */
#ifndef T
#include "kernels/optim.h"
#include "kernels/vmath.h"

#include <tgmath.h>

#define KERNEL_FILE "kernels/adam.c"
#include "kernels/instantiate.h"

void fr_adam_update(const fr_optim_update *u)
{
    FR_KERNEL_FOR(u->dtype, adam)(u, u->options, false);
}

void fr_adamw_update(const fr_optim_update *u)
{
    FR_KERNEL_FOR(u->dtype, adam)(u, u->options, true);
}
#else
#include "kernels/adam_moments.h"

/* Inlined once for each pair of flags, so that the loop has no branches. */
FR_INLINE void FN(adam_loop)(const fr_optim_update *u, const fr_adam_options *o, const bool decoupled,
                             const bool amsgrad)
{
    T *restrict param = u->param, *restrict exp_avg = u->state[0], *restrict exp_avg_sq = u->state[1];
    T *restrict max_exp_avg_sq = u->state[2];
    const T *restrict grad = u->grad;
    const FN(moment_factors) factors =
        FN(moment_factors_of)(o->maximize, decoupled ? 0 : o->weight_decay, o->beta1, o->beta2);
    const T decay = (T)(1 - o->lr * o->weight_decay), eps = (T)o->eps;
    const T rate = (T)(-o->lr / (1 - pow(o->beta1, (double)u->step)));
    const T correction = (T)sqrt(1 - pow(o->beta2, (double)u->step));

    for (int64_t i = 0; i < u->n; i++) {
        T m = exp_avg[i], v = exp_avg_sq[i];
        FN(move_moments)(factors, param[i], grad[i], &m, &v);
        exp_avg[i] = m;
        exp_avg_sq[i] = v;
        if (amsgrad)
            max_exp_avg_sq[i] = v = v < max_exp_avg_sq[i] ? max_exp_avg_sq[i] : v;
        param[i] = (decoupled ? fma(decay, param[i], (T)0) : param[i]) + rate * m / (sqrt(v) / correction + eps);
    }
}

static void FN(adam)(const fr_optim_update *u, const fr_adam_options *o, bool decoupled)
{
    const bool amsgrad = u->state[2];

    if (decoupled && amsgrad)
        FN(adam_loop)(u, o, true, true);
    else if (decoupled)
        FN(adam_loop)(u, o, true, false);
    else if (amsgrad)
        FN(adam_loop)(u, o, false, true);
    else
        FN(adam_loop)(u, o, false, false);
}
#endif
