/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adagrad. With g = grad + weight_decay p (grad negated to maximise), t the parameter's step, and the sum s starting
 * from initial_accumulator_value:
 *
 *     s = s + g^2
 *     p = p - lr / (1 + (t - 1) lr_decay)  g / (sqrt(s) + eps) */
#ifndef T
#include "kernels/optim.h"

#include <tgmath.h>

#define KERNEL_FILE "kernels/adagrad.c"
#include "kernels/instantiate.h"

void fr_adagrad_update(const fr_optim_update *u)
{
    FR_KERNEL_FOR(u->dtype, adagrad)(u, u->options);
}
#else
static void FN(adagrad)(const fr_optim_update *u, const fr_adagrad_options *o)
{
    T *restrict param = u->param, *restrict sum = u->state[0];
    const T *restrict grad = u->grad;
    const T sign = o->maximize ? -1 : 1, weight_decay = (T)o->weight_decay, eps = (T)o->eps;
    const T rate = (T)(-o->lr / (1 + (double)(u->step - 1) * o->lr_decay));
    const T start = u->fresh ? (T)o->initial_accumulator_value : 0;

    for (int64_t i = 0; i < u->n; i++) {
        T g = sign * grad[i];
        g = weight_decay != 0 ? fma(weight_decay, param[i], g) : g;
        T s = fma(g, g, sum[i] + start);
        sum[i] = s;
        param[i] += rate * g / (sqrt(s) + eps);
    }
}
#endif
