/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Stochastic gradient descent, with momentum. With g' = g + weight_decay p (or -g, to maximise),
 *
 *     b = momentum b + (1 - dampening) g'     (g' at the parameter's first step with momentum)
 *     p = p - lr g'                           without momentum
 *     p = p - lr b                            with it
 *     p = p - lr (g' + momentum b)            as Nesterov has it
 *
 * Factors are computed in double and rounded once; where PyTorch multiplies and adds with one rounding, so does this.
 */
#include "optim/optim.h"

#define SGD_KERNELS(NAME, T, FMA)                                                                                      \
    FR_KERNEL(NAME##_plain, (const fr_optim_update *u, const fr_sgd_options *o), (u, o))                               \
    {                                                                                                                  \
        T *restrict p = u->p;                                                                                          \
        const T *restrict gs = u->g;                                                                                   \
        const T sign = o->maximize ? -1 : 1, decay = (T)o->weight_decay, rate = (T)-o->lr;                             \
                                                                                                                       \
        for (int64_t i = 0; i < u->n; i++) {                                                                           \
            T g = sign * gs[i];                                                                                        \
            g = decay != 0 ? FMA(decay, p[i], g) : g;                                                                  \
            p[i] = FMA(rate, g, p[i]);                                                                                 \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    FR_KERNEL(NAME##_momentum, (const fr_optim_update *u, const fr_sgd_options *o), (u, o))                            \
    {                                                                                                                  \
        T *restrict p = u->p, *restrict bs = u->state[0];                                                              \
        const T *restrict gs = u->g;                                                                                   \
        const T sign = o->maximize ? -1 : 1, decay = (T)o->weight_decay, rate = (T)-o->lr;                             \
        const T momentum = (T)o->momentum, rest = (T)(1 - o->dampening);                                               \
        const bool first = u->fresh, nesterov = o->nesterov;                                                           \
                                                                                                                       \
        for (int64_t i = 0; i < u->n; i++) {                                                                           \
            T g = sign * gs[i];                                                                                        \
            g = decay != 0 ? FMA(decay, p[i], g) : g;                                                                  \
            T b = first ? g : FMA(rest, g, momentum * bs[i]);                                                          \
            bs[i] = b;                                                                                                 \
            p[i] = FMA(rate, nesterov ? FMA(momentum, b, g) : b, p[i]);                                                \
        }                                                                                                              \
    }

SGD_KERNELS(sgd_f32, float, fmaf)
SGD_KERNELS(sgd_f64, double, fma)

static unsigned sgd_uses(const void *options)
{
    return ((const fr_sgd_options *)options)->momentum != 0;
}

static void sgd_update(const fr_optim_update *u)
{
    if (u->dtype == FR_F32)
        (u->state[0] ? sgd_f32_momentum : sgd_f32_plain)(u, u->options);
    else
        (u->state[0] ? sgd_f64_momentum : sgd_f64_plain)(u, u->options);
}

static bool sgd_agree(const void *options, char why[FR_OPTIM_WHY])
{
    const fr_sgd_options *o = options;

    snprintf(why, FR_OPTIM_WHY, "nesterov with momentum %g and dampening %g, expected momentum > 0 and dampening 0",
             o->momentum, o->dampening);
    return !o->nesterov || (o->momentum > 0 && o->dampening == 0);
}

static const fr_optim_option sgd_options[] = { FR_OPTIM_NUMBER(fr_sgd_options, lr, 1e-3, INFINITY),
                                               FR_OPTIM_NUMBER(fr_sgd_options, momentum, 0, INFINITY),
                                               FR_OPTIM_NUMBER(fr_sgd_options, dampening, 0, INFINITY),
                                               FR_OPTIM_NUMBER(fr_sgd_options, weight_decay, 0, INFINITY),
                                               FR_OPTIM_FLAG(fr_sgd_options, nesterov),
                                               FR_OPTIM_FLAG(fr_sgd_options, maximize),
                                               { NULL } };

static const fr_optim_kind sgd_kind = { .name = "sgd",
                                        .states = { "momentum_buffer" },
                                        .options = sgd_options,
                                        .size = sizeof(fr_sgd_options),
                                        .reserved = offsetof(fr_sgd_options, reserved),
                                        .uses = sgd_uses,
                                        .agree = sgd_agree,
                                        .update = sgd_update };

fr_optim *fr_sgd(fr_module *m, const fr_sgd_options *options)
{
    return fr_optim_make(&sgd_kind, m, options);
}
