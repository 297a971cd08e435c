/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Stochastic gradient descent, with momentum. With g' = g + weight_decay p (or -g, to maximise),
 *
 *     b = momentum b + (1 - dampening) g'     (g' at the parameter's first step)
 *     p = p - lr g'                           without momentum
 *     p = p - lr b                            with it
 *     p = p - lr (g' + momentum b)            as Nesterov has it
 *
 * Factors are computed in double and rounded once; where PyTorch multiplies and adds with one rounding, so does this.
 */
#include "optim/optim.h"

#include <math.h>

#define SGD_KERNELS(NAME, T, FMA)                                                                                      \
    FR_KERNEL(NAME##_plain, (const fr_optim_update *u, const fr_sgd_options *o), (u, o))                               \
    {                                                                                                                  \
        T *restrict p = u->p;                                                                                          \
        const T *restrict gs = u->g;                                                                                   \
        const T sign = o->maximize ? -1 : 1, decay = (T)o->weight_decay, rate = (T)-u->lr;                             \
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
        const T sign = o->maximize ? -1 : 1, decay = (T)o->weight_decay, rate = (T)-u->lr;                             \
        const T momentum = (T)o->momentum, rest = (T)(1 - o->dampening);                                               \
        const bool first = u->step == 1, nesterov = o->nesterov;                                                       \
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

static void sgd_update(const fr_optim_update *u)
{
    if (u->dtype == FR_F32)
        (u->state[0] ? sgd_f32_momentum : sgd_f32_plain)(u, u->options);
    else
        (u->state[0] ? sgd_f64_momentum : sgd_f64_plain)(u, u->options);
}

static const fr_optim_kind sgd_kind = { "sgd", sizeof(fr_sgd_options), sgd_update };

static bool check(const fr_sgd_options *o)
{
    if (!fr_check_reserved("sgd", o->reserved) || !fr_check_option("sgd", "lr", o->lr, INFINITY) ||
        !fr_check_option("sgd", "momentum", o->momentum, INFINITY) ||
        !fr_check_option("sgd", "dampening", o->dampening, INFINITY) ||
        !fr_check_option("sgd", "weight_decay", o->weight_decay, INFINITY))
        return false;
    if (o->nesterov && (o->momentum == 0 || o->dampening != 0))
        return fr_fail("sgd", "nesterov with momentum %g and dampening %g, expected momentum > 0 and dampening 0",
                       o->momentum, o->dampening),
               false;
    return true;
}

fr_optim *fr_sgd(fr_module *m, const fr_sgd_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "sgd");
    fr_sgd_options o = options ? *options : (fr_sgd_options){ 0 };
    fr_optim *sgd = NULL;

    o.lr = fr_option(o.lr, 1e-3);
    o.momentum = fr_option(o.momentum, 0);
    o.dampening = fr_option(o.dampening, 0);
    o.weight_decay = fr_option(o.weight_decay, 0);
    if (check(&o))
        sgd = fr_optim_new(&sgd_kind, m, o.momentum != 0 ? 1 : 0, o.lr, &o);
    fr_finish(th, before);
    return sgd;
}
