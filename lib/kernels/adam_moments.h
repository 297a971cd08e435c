/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What adam.c, nadam.c and radam.c share, for one type T and kind of CPU: with g = grad + weight_decay p (grad negated
 * to maximise),
 *
 *     m = m + (1 - beta1) (g - m)            v = beta2 v + (1 - beta2) g^2 */

typedef struct {
    T sign, weight_decay, beta2, rest1, rest2, weight;
} FN(moment_factors);

/* weight_decay is that of the gradient: 0 where weights decay apart from it. */
FR_INLINE FN(moment_factors) FN(moment_factors_of)(bool maximize, double weight_decay, double beta1, double beta2)
{
    const T rest1 = (T)(1 - beta1);

    return (FN(moment_factors)){ .sign = maximize ? -1 : 1,
                                 .weight_decay = (T)weight_decay,
                                 .beta2 = (T)beta2,
                                 .rest1 = rest1,
                                 .rest2 = (T)(1 - beta2),
                                 .weight = rest1 < (T)0.5 ? rest1 : rest1 - 1 };
}

/* Moves m and v and returns g. PyTorch's lerp starts from the nearer end. */
FR_INLINE T FN(move_moments)(const FN(moment_factors) f, T param, T grad, T *m, T *v)
{
    T g = f.sign * grad;

    g = f.weight_decay != 0 ? fma(f.weight_decay, param, g) : g;
    *m = fma(f.weight, g - *m, f.rest1 < (T)0.5 ? *m : g);
    *v = fma(f.rest2 * g, g, f.beta2 * *v);
    return g;
}
