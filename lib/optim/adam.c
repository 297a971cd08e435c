/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015. With g' = g + weight_decay p (or -g, to
 * maximise) and t the parameter's step,
 *
 *     m = m + (1 - beta1) (g' - m)            v = beta2 v + (1 - beta2) g'^2
 *     p = p - lr / (1 - beta1^t)  m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * With amsgrad (Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond", 2018) the largest v so far divides.
 * AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019) leaves g alone and takes
 * (1 - lr weight_decay) p for p.
 *
 * Factors are computed in double and rounded once; where PyTorch multiplies and adds with one rounding, so does this.
 */
#include "optim/optim.h"

#define ADAM_KERNEL(NAME, T, FMA, SQRT)                                                                                \
    static inline __attribute__((always_inline)) void NAME##_values(                                                   \
        const fr_optim_update *u, const fr_adam_options *o, const bool decoupled, const bool amsgrad)                  \
    {                                                                                                                  \
        T *restrict p = u->p, *restrict ms = u->state[0], *restrict vs = u->state[1], *restrict tops = u->state[2];    \
        const T *restrict gs = u->g;                                                                                   \
        const T sign = o->maximize ? -1 : 1, decay = decoupled ? 0 : (T)o->weight_decay, eps = (T)o->eps;              \
        const T keep = (T)(1 - o->lr * o->weight_decay);                                                               \
        const T beta2 = (T)o->beta2, rest1 = (T)(1 - o->beta1), rest2 = (T)(1 - o->beta2);                             \
        const T rate = (T)(-o->lr / (1 - pow(o->beta1, (double)u->step)));                                             \
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
            if (amsgrad)                                                                                               \
                tops[i] = v = v < tops[i] ? tops[i] : v;                                                               \
            p[i] = (decoupled ? FR_ROUNDED_PRODUCT(FMA, keep, p[i]) : p[i]) + rate * m / (SQRT(v) / correction + eps); \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    FR_KERNEL(NAME, (const fr_optim_update *u, const fr_adam_options *o, bool decoupled), (u, o, decoupled))           \
    {                                                                                                                  \
        if (decoupled && u->state[2])                                                                                  \
            NAME##_values(u, o, true, true);                                                                           \
        else if (decoupled)                                                                                            \
            NAME##_values(u, o, true, false);                                                                          \
        else if (u->state[2])                                                                                          \
            NAME##_values(u, o, false, true);                                                                          \
        else                                                                                                           \
            NAME##_values(u, o, false, false);                                                                         \
    }

ADAM_KERNEL(adam_f32, float, fmaf, sqrtf)
ADAM_KERNEL(adam_f64, double, fma, sqrt)

static unsigned adam_uses(const void *options)
{
    return ((const fr_adam_options *)options)->amsgrad ? 7 : 3;
}

static void adam_update(const fr_optim_update *u)
{
    (u->dtype == FR_F32 ? adam_f32 : adam_f64)(u, u->options, false);
}

static void adamw_update(const fr_optim_update *u)
{
    (u->dtype == FR_F32 ? adam_f32 : adam_f64)(u, u->options, true);
}

#define ADAM_OPTIONS(NAME, WEIGHT_DECAY)                                                                               \
    static const fr_optim_option NAME[] = { FR_OPTIM_NUMBER(fr_adam_options, lr, 1e-3, INFINITY),                      \
                                            FR_OPTIM_NUMBER(fr_adam_options, beta1, 0.9, 1),                           \
                                            FR_OPTIM_NUMBER(fr_adam_options, beta2, 0.999, 1),                         \
                                            FR_OPTIM_NUMBER(fr_adam_options, eps, 1e-8, INFINITY),                     \
                                            FR_OPTIM_NUMBER(fr_adam_options, weight_decay, WEIGHT_DECAY, INFINITY),    \
                                            FR_OPTIM_FLAG(fr_adam_options, maximize),                                  \
                                            FR_OPTIM_FLAG(fr_adam_options, amsgrad),                                   \
                                            { NULL } };
ADAM_OPTIONS(adam_options, 0)
ADAM_OPTIONS(adamw_options, 1e-2)

#define ADAM_KIND(NAME, OPTIONS, UPDATE)                                                                               \
    static const fr_optim_kind NAME##_kind = { .name = #NAME,                                                          \
                                               .states = { "exp_avg", "exp_avg_sq", "max_exp_avg_sq" },                \
                                               .options = OPTIONS,                                                     \
                                               .size = sizeof(fr_adam_options),                                        \
                                               .reserved = offsetof(fr_adam_options, reserved),                        \
                                               .uses = adam_uses,                                                      \
                                               .update = UPDATE };
ADAM_KIND(adam, adam_options, adam_update)
ADAM_KIND(adamw, adamw_options, adamw_update)

fr_optim *fr_adam(fr_module *m, const fr_adam_options *options)
{
    return fr_optim_make(&adam_kind, m, options);
}

fr_optim *fr_adamw(fr_module *m, const fr_adamw_options *options)
{
    return fr_optim_make(&adamw_kind, m, options);
}
