/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* RMSprop. With g = grad + weight_decay p (grad negated to maximise), s = square_avg, a = grad_avg and b the momentum
 * buffer:
 *
 *     s = alpha s + (1 - alpha) g^2
 *     d = sqrt(s) + eps                                               or, where centered:
 *     a = a + (1 - alpha) (g - a),  d = sqrt(s - a^2) + eps
 *     p = p - lr g / d                                                or, with momentum:
 *     b = momentum b + g / d,  p = p - lr b */
#ifndef T
#include "kernels/optim.h"
#include "kernels/vmath.h"

#include <tgmath.h>

#define KERNEL_FILE "kernels/rmsprop.c"
#include "kernels/instantiate.h"

void fr_rmsprop_update(const fr_optim_update *u)
{
    FR_KERNEL_FOR(u->dtype, rmsprop)(u, u->options);
}
#else
/* Inlined once for each pair of flags, so that the loop has no branches. */
FR_INLINE void FN(rmsprop_loop)(const fr_optim_update *u, const fr_rmsprop_options *o, const bool centered,
                                const bool with_momentum)
{
    T *restrict param = u->param, *restrict square_avg = u->state[FR_RMSPROP_SQUARE_AVG];
    T *restrict grad_avg = u->state[FR_RMSPROP_GRAD_AVG], *restrict buffer = u->state[FR_RMSPROP_MOMENTUM_BUFFER];
    const T *restrict grad = u->grad;
    const T sign = o->maximize ? -1 : 1, weight_decay = (T)o->weight_decay, eps = (T)o->eps, rate = (T)-o->lr;
    const T alpha = (T)o->alpha, rest = (T)(1 - o->alpha), momentum = (T)o->momentum;
    const T weight = rest < (T)0.5 ? rest : rest - 1; /* PyTorch's lerp starts from the nearer end */

    for (int64_t i = 0; i < u->n; i++) {
        T g = sign * grad[i];
        g = weight_decay != 0 ? fma(weight_decay, param[i], g) : g;
        T s = fma(rest * g, g, alpha * square_avg[i]);
        square_avg[i] = s;
        if (centered) {
            T a = fma(weight, g - grad_avg[i], rest < (T)0.5 ? grad_avg[i] : g);
            grad_avg[i] = a;
            s = fma(-a, a, s);
        }
        T d = sqrt(s) + eps;
        if (with_momentum) {
            T b = fma(momentum, buffer[i], (T)0) + g / d;
            buffer[i] = b;
            param[i] = fma(rate, b, param[i]);
        } else {
            param[i] += rate * g / d;
        }
    }
}

static void FN(rmsprop)(const fr_optim_update *u, const fr_rmsprop_options *o)
{
    const bool centered = u->state[FR_RMSPROP_GRAD_AVG], with_momentum = u->state[FR_RMSPROP_MOMENTUM_BUFFER];

    if (centered && with_momentum)
        FN(rmsprop_loop)(u, o, true, true);
    else if (centered)
        FN(rmsprop_loop)(u, o, true, false);
    else if (with_momentum)
        FN(rmsprop_loop)(u, o, false, true);
    else
        FN(rmsprop_loop)(u, o, false, false);
}
#endif
