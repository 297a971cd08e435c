/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015. With g' = g + weight_decay p (or -g, to
 * maximise) and t the parameter's step,
 *
 *     m = m + (1 - beta1) (g' - m)            v = beta2 v + (1 - beta2) g'^2
 *     p = p - lr / (1 - beta1^t)  m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * Factors are computed in double and rounded once; where PyTorch multiplies and adds with one rounding, so does this.
 */
#include "optim/optim.h"

#include <math.h>

#define ADAM_KERNEL(NAME, T, FMA, SQRT)                                                                                \
    FR_KERNEL(NAME, (const fr_optim_update *u, const fr_adam_options *o), (u, o))                                      \
    {                                                                                                                  \
        T *restrict p = u->p, *restrict ms = u->state[0], *restrict vs = u->state[1];                                  \
        const T *restrict gs = u->g;                                                                                   \
        const T sign = o->maximize ? -1 : 1, decay = (T)o->weight_decay, eps = (T)o->eps;                              \
        const T beta2 = (T)o->beta2, rest1 = (T)(1 - o->beta1), rest2 = (T)(1 - o->beta2);                             \
        const T rate = (T)(-u->lr / (1 - pow(o->beta1, (double)u->step)));                                             \
        const T correction = (T)sqrt(1 - pow(o->beta2, (double)u->step));                                              \
        const T weight = rest1 < (T)0.5 ? rest1 : rest1 - 1; /* as lerp counts from the nearer end */                  \
                                                                                                                       \
        for (int64_t i = 0; i < u->n; i++) {                                                                           \
            T g = sign * gs[i];                                                                                        \
            g = decay != 0 ? FMA(decay, p[i], g) : g;                                                                  \
            T m = FMA(weight, g - ms[i], rest1 < (T)0.5 ? ms[i] : g);                                                  \
            T v = FMA(rest2 * g, g, beta2 * vs[i]);                                                                    \
            ms[i] = m;                                                                                                 \
            vs[i] = v;                                                                                                 \
            p[i] += rate * m / (SQRT(v) / correction + eps);                                                           \
        }                                                                                                              \
    }

ADAM_KERNEL(adam_f32, float, fmaf, sqrtf)
ADAM_KERNEL(adam_f64, double, fma, sqrt)

static void adam_update(const fr_optim_update *u)
{
    if (u->dtype == FR_F32)
        adam_f32(u, u->options);
    else
        adam_f64(u, u->options);
}

static const fr_optim_kind adam_kind = { "adam", sizeof(fr_adam_options), adam_update };

fr_optim *fr_adam(fr_module *m, const fr_adam_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "adam");
    fr_adam_options o = options ? *options : (fr_adam_options){ 0 };
    fr_optim *adam = NULL;

    o.lr = fr_option(o.lr, 1e-3);
    o.beta1 = fr_option(o.beta1, 0.9);
    o.beta2 = fr_option(o.beta2, 0.999);
    o.eps = fr_option(o.eps, 1e-8);
    o.weight_decay = fr_option(o.weight_decay, 0);
    if (fr_check_reserved("adam", o.reserved) && fr_check_option("adam", "lr", o.lr, INFINITY) &&
        fr_check_option("adam", "beta1", o.beta1, 1) && fr_check_option("adam", "beta2", o.beta2, 1) &&
        fr_check_option("adam", "eps", o.eps, INFINITY) &&
        fr_check_option("adam", "weight_decay", o.weight_decay, INFINITY))
        adam = fr_optim_new(&adam_kind, m, 2, o.lr, &o);
    fr_finish(th, before);
    return adam;
}
