/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* RMSprop: Hinton, lecture 6 of "Neural Networks for Machine Learning", 2012. With g' = g + weight_decay p (or -g, to
 * maximise),
 *
 *     s = alpha s + (1 - alpha) g'^2
 *     a = a + (1 - alpha) (g' - a)            where centered (Graves, "Generating Sequences With Recurrent Neural
 *     d = sqrt(s - a^2) + eps                 Networks", 2013); otherwise
 *     d = sqrt(s) + eps
 *     p = p - lr g' / d                       without momentum
 *     b = momentum b + g' / d,  p = p - lr b  with it
 *
 * Factors are computed in double and rounded once; where PyTorch multiplies and adds with one rounding, so does this.
 */
#include "optim/optim.h"

enum { SQUARES, MEANS, MOMENTA };

#define RMSPROP_KERNEL(NAME, T, FMA, SQRT)                                                                             \
    static inline __attribute__((always_inline)) void NAME##_values(                                                   \
        const fr_optim_update *u, const fr_rmsprop_options *o, const bool centered, const bool with_momentum)          \
    {                                                                                                                  \
        T *restrict p = u->p, *restrict ss = u->state[SQUARES], *restrict as = u->state[MEANS];                        \
        T *restrict bs = u->state[MOMENTA];                                                                            \
        const T *restrict gs = u->g;                                                                                   \
        const T sign = o->maximize ? -1 : 1, decay = (T)o->weight_decay, eps = (T)o->eps, rate = (T)-o->lr;            \
        const T alpha = (T)o->alpha, rest = (T)(1 - o->alpha), momentum = (T)o->momentum;                              \
        const T weight = rest < (T)0.5 ? rest : rest - 1; /* as lerp counts from the nearer end */                     \
                                                                                                                       \
        for (int64_t i = 0; i < u->n; i++) {                                                                           \
            T g = sign * gs[i];                                                                                        \
            g = decay != 0 ? FMA(decay, p[i], g) : g;                                                                  \
            T s = FMA(rest * g, g, alpha * ss[i]);                                                                     \
            ss[i] = s;                                                                                                 \
            if (centered) {                                                                                            \
                T a = FMA(weight, g - as[i], rest < (T)0.5 ? as[i] : g);                                               \
                as[i] = a;                                                                                             \
                s = FMA(-a, a, s);                                                                                     \
            }                                                                                                          \
            T d = SQRT(s) + eps;                                                                                       \
            if (with_momentum) {                                                                                       \
                T b = FR_ROUNDED_PRODUCT(FMA, momentum, bs[i]) + g / d;                                                \
                bs[i] = b;                                                                                             \
                p[i] = FMA(rate, b, p[i]);                                                                             \
            } else {                                                                                                   \
                p[i] += rate * g / d;                                                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    FR_KERNEL(NAME, (const fr_optim_update *u, const fr_rmsprop_options *o), (u, o))                                   \
    {                                                                                                                  \
        if (u->state[MEANS] && u->state[MOMENTA])                                                                      \
            NAME##_values(u, o, true, true);                                                                           \
        else if (u->state[MEANS])                                                                                      \
            NAME##_values(u, o, true, false);                                                                          \
        else if (u->state[MOMENTA])                                                                                    \
            NAME##_values(u, o, false, true);                                                                          \
        else                                                                                                           \
            NAME##_values(u, o, false, false);                                                                         \
    }

RMSPROP_KERNEL(rmsprop_f32, float, fmaf, sqrtf)
RMSPROP_KERNEL(rmsprop_f64, double, fma, sqrt)

static unsigned rmsprop_uses(const void *options)
{
    const fr_rmsprop_options *o = options;

    return 1U << SQUARES | (unsigned)o->centered << MEANS | (o->momentum > 0 ? 1U << MOMENTA : 0);
}

static void rmsprop_update(const fr_optim_update *u)
{
    (u->dtype == FR_F32 ? rmsprop_f32 : rmsprop_f64)(u, u->options);
}

static const fr_optim_option rmsprop_options[] = { FR_OPTIM_NUMBER(fr_rmsprop_options, lr, 1e-2, INFINITY),
                                                   FR_OPTIM_NUMBER(fr_rmsprop_options, alpha, 0.99, 1),
                                                   FR_OPTIM_NUMBER(fr_rmsprop_options, eps, 1e-8, INFINITY),
                                                   FR_OPTIM_NUMBER(fr_rmsprop_options, weight_decay, 0, INFINITY),
                                                   FR_OPTIM_NUMBER(fr_rmsprop_options, momentum, 0, INFINITY),
                                                   FR_OPTIM_FLAG(fr_rmsprop_options, centered),
                                                   FR_OPTIM_FLAG(fr_rmsprop_options, maximize),
                                                   { NULL } };

static const fr_optim_kind rmsprop_kind = { .name = "rmsprop",
                                            .states = { "square_avg", "grad_avg", "momentum_buffer" },
                                            .options = rmsprop_options,
                                            .size = sizeof(fr_rmsprop_options),
                                            .reserved = offsetof(fr_rmsprop_options, reserved),
                                            .uses = rmsprop_uses,
                                            .update = rmsprop_update };

fr_optim *fr_rmsprop(fr_module *m, const fr_rmsprop_options *options)
{
    return fr_optim_make(&rmsprop_kind, m, options);
}
