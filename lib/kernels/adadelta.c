/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adadelta. With g = grad + weight_decay p (grad negated to maximise), s = square_avg and a = acc_delta:
 *
 *     s = rho s + (1 - rho) g^2
 *     d = sqrt(a + eps) / sqrt(s + eps) g
 *     a = rho a + (1 - rho) d^2
 *     p = p - lr d */
#ifndef T
#include "kernels/optim.h"

#include <tgmath.h>

#define KERNEL_FILE "kernels/adadelta.c"
#include "kernels/instantiate.h"

void fr_adadelta_update(const fr_optim_update *u)
{
    FR_KERNEL_FOR(u->dtype, adadelta)(u, u->options);
}
#else
static void FN(adadelta)(const fr_optim_update *u, const fr_adadelta_options *o)
{
    T *restrict param = u->param, *restrict square_avg = u->state[0], *restrict acc_delta = u->state[1];
    const T *restrict grad = u->grad;
    const T sign = o->maximize ? -1 : 1, weight_decay = (T)o->weight_decay, eps = (T)o->eps, rate = (T)-o->lr;
    const T rho = (T)o->rho, rest = (T)(1 - o->rho);

    for (int64_t i = 0; i < u->n; i++) {
        T g = sign * grad[i];
        g = weight_decay != 0 ? fma(weight_decay, param[i], g) : g;
        T s = fma(rest * g, g, rho * square_avg[i]);
        T d = sqrt(acc_delta[i] + eps) / sqrt(s + eps) * g;
        square_avg[i] = s;
        acc_delta[i] = fma(rest * d, d, rho * acc_delta[i]);
        param[i] = fma(rate, d, param[i]);
    }
}
#endif
