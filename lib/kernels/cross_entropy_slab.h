/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The part of cross-entropy's gradients that takes the time, for one type T and kind of CPU: out (n,inner) from logits
 * x (n,inner), the parts (inner,2) of log(sum(exp(x))), the maximum m and r = log(sum(exp(x - m))), and the gradient dl
 * (inner) of the losses. */

FR_INLINE T FN(softmax_value)(T x, T m, T r, T dl)
{
    return dl * TYPED(fr_exp)((x - m) - r);
}

/* dl (log(sum(exp(x))) - x): the surprise -log(softmax(x)) of a class, in information theory. */
FR_INLINE T FN(surprise_value)(T x, T m, T r, T dl)
{
    return dl * ((m - x) + r);
}

FR_INLINE void FN(fill_slab)(int64_t n, int64_t inner, const T *restrict x, const T *restrict parts,
                             const T *restrict dl, T *restrict out, T (*value)(T x, T m, T r, T dl))
{
    if (inner == 1) {
        T m = parts[0], r = parts[1], d = dl[0];

        for (int64_t k = 0; k < n; k++)
            out[k] = value(x[k], m, r, d);
        return;
    }
    for (int64_t k = 0; k < n; k++)
        for (int64_t j = 0; j < inner; j++)
            out[k * inner + j] = value(x[k * inner + j], parts[2 * j], parts[2 * j + 1], dl[j]);
}

static void FN(softmax_slab)(int64_t n, int64_t inner, const void *x, const void *parts, const void *dl, void *out)
{
    FN(fill_slab)(n, inner, x, parts, dl, out, FN(softmax_value));
}

static void FN(surprise_slab)(int64_t n, int64_t inner, const void *x, const void *parts, const void *dl, void *out)
{
    FN(fill_slab)(n, inner, x, parts, dl, out, FN(surprise_value));
}
