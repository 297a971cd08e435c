/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adagrad: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
 * JMLR 12, 2011. With g' = g + weight_decay p (or -g, to maximise), t the parameter's step, and s at first
 * initial_accumulator_value,
 *
 *     s = s + g'^2
 *     p = p - lr / (1 + (t - 1) lr_decay)  g' / (sqrt(s) + eps)
 *
 * Factors are computed in double and rounded once; where PyTorch multiplies and adds with one rounding, so does this.
 */
#include "optim/optim.h"

#define ADAGRAD_KERNEL(NAME, T, FMA, SQRT)                                                                             \
    FR_KERNEL(NAME, (const fr_optim_update *u, const fr_adagrad_options *o), (u, o))                                   \
    {                                                                                                                  \
        T *restrict p = u->p, *restrict ss = u->state[0];                                                              \
        const T *restrict gs = u->g;                                                                                   \
        const T sign = o->maximize ? -1 : 1, decay = (T)o->weight_decay, eps = (T)o->eps;                              \
        const T rate = (T)(-o->lr / (1 + (double)(u->step - 1) * o->lr_decay));                                        \
        const T start = u->fresh ? (T)o->initial_accumulator_value : 0;                                                \
                                                                                                                       \
        for (int64_t i = 0; i < u->n; i++) {                                                                           \
            T g = sign * gs[i];                                                                                        \
            g = decay != 0 ? FMA(decay, p[i], g) : g;                                                                  \
            T s = FMA(g, g, ss[i] + start);                                                                            \
            ss[i] = s;                                                                                                 \
            p[i] += rate * g / (SQRT(s) + eps);                                                                        \
        }                                                                                                              \
    }

ADAGRAD_KERNEL(adagrad_f32, float, fmaf, sqrtf)
ADAGRAD_KERNEL(adagrad_f64, double, fma, sqrt)

static unsigned adagrad_uses(const void *options)
{
    (void)options;
    return 1;
}

static void adagrad_update(const fr_optim_update *u)
{
    (u->dtype == FR_F32 ? adagrad_f32 : adagrad_f64)(u, u->options);
}

static const fr_optim_option adagrad_options[] = { FR_OPTIM_NUMBER(fr_adagrad_options, lr, 1e-2, INFINITY),
                                                   FR_OPTIM_NUMBER(fr_adagrad_options, lr_decay, 0, INFINITY),
                                                   FR_OPTIM_NUMBER(fr_adagrad_options, weight_decay, 0, INFINITY),
                                                   FR_OPTIM_NUMBER(fr_adagrad_options, initial_accumulator_value, 0,
                                                                   INFINITY),
                                                   FR_OPTIM_NUMBER(fr_adagrad_options, eps, 1e-10, INFINITY),
                                                   FR_OPTIM_FLAG(fr_adagrad_options, maximize),
                                                   { NULL } };

static const fr_optim_kind adagrad_kind = { .name = "adagrad",
                                            .states = { "sum" },
                                            .options = adagrad_options,
                                            .size = sizeof(fr_adagrad_options),
                                            .reserved = offsetof(fr_adagrad_options, reserved),
                                            .uses = adagrad_uses,
                                            .update = adagrad_update };

fr_optim *fr_adagrad(fr_module *m, const fr_adagrad_options *options)
{
    return fr_optim_make(&adagrad_kind, m, options);
}
