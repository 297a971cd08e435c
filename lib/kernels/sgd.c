/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* SGD. With g = grad + weight_decay p (grad negated to maximise), and b the momentum buffer:
 *
 *     b = momentum b + (1 - dampening) g     at the first step with momentum b = g
 *     p = p - lr g                           without momentum
 *     p = p - lr b                           with momentum
 *     p = p - lr (g + momentum b)            with Nesterov momentum */
#ifndef T
#include "kernels/optim.h"

#include <tgmath.h>

#define KERNEL_FILE "kernels/sgd.c"
#include "kernels/instantiate.h"

void fr_sgd_update(const fr_optim_update *u)
{
    if (u->state[0])
        FR_KERNEL_FOR(u->dtype, sgd_momentum)(u, u->options);
    else
        FR_KERNEL_FOR(u->dtype, sgd_plain)(u, u->options);
}
#else
static void FN(sgd_plain)(const fr_optim_update *u, const fr_sgd_options *o)
{
    T *restrict param = u->param;
    const T *restrict grad = u->grad;
    const T sign = o->maximize ? -1 : 1, weight_decay = (T)o->weight_decay, rate = (T)-o->lr;

    for (int64_t i = 0; i < u->n; i++) {
        T g = sign * grad[i];
        g = weight_decay != 0 ? fma(weight_decay, param[i], g) : g;
        param[i] = fma(rate, g, param[i]);
    }
}

static void FN(sgd_momentum)(const fr_optim_update *u, const fr_sgd_options *o)
{
    T *restrict param = u->param, *restrict buffer = u->state[0];
    const T *restrict grad = u->grad;
    const T sign = o->maximize ? -1 : 1, weight_decay = (T)o->weight_decay, rate = (T)-o->lr;
    const T momentum = (T)o->momentum, undamped = (T)(1 - o->dampening);
    const bool first = u->fresh, nesterov = o->nesterov;

    for (int64_t i = 0; i < u->n; i++) {
        T g = sign * grad[i];
        g = weight_decay != 0 ? fma(weight_decay, param[i], g) : g;
        T b = first ? g : fma(undamped, g, momentum * buffer[i]);
        buffer[i] = b;
        param[i] = fma(rate, nesterov ? fma(momentum, b, g) : b, param[i]);
    }
}
#endif
