/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Filling arrays with random values of type T. random.c includes this for float and for double, with these defined:
 *
 *     T           the type
 *     UNIFORM     draws a T of U[0,1)
 *     FN(name)    the name of a function for T
 *
 * The functions of <tgmath.h> are those of T. */

/* values = x (high - low) + low, rounded once, as PyTorch's compiled code does it. */
static void FN(fill_uniform)(fr_generator *g, int64_t n, void *values, double low, double high)
{
    T *v = values, a = (T)low, range = (T)high - (T)low;

    for (int64_t i = 0; i < n; i++)
        v[i] = fma(UNIFORM(g), range, a);
}

/* Box-Muller on 16 uniforms in place: the first 8 give radii, the last 8 angles. */
static void FN(normal_block)(T *v, T mean, T std)
{
    for (int j = 0; j < NORMAL_BLOCK / 2; j++) {
        T r = sqrt((T)-2 * log((T)1 - v[j])), angle = (T)2 * (T)M_PI * v[j + 8];

        v[j] = fma(r * cos(angle), std, mean);
        v[j + 8] = fma(r * sin(angle), std, mean);
    }
}

/* n >= 16 values: all are filled with uniforms first and then made normal in blocks of 16. If 16 does not divide n, the
 * last 16 values are drawn again. */
static void FN(fill_normal)(fr_generator *g, int64_t n, void *values, double mean, double std)
{
    T *v = values, *last = v + n - NORMAL_BLOCK;

    for (int64_t i = 0; i < n; i++)
        v[i] = UNIFORM(g);
    for (int64_t i = 0; i + NORMAL_BLOCK <= n; i += NORMAL_BLOCK)
        FN(normal_block)(v + i, (T)mean, (T)std);
    if (n % NORMAL_BLOCK == 0)
        return;
    for (int i = 0; i < NORMAL_BLOCK; i++)
        last[i] = UNIFORM(g);
    FN(normal_block)(last, (T)mean, (T)std);
}

/* Any n values, one by one: float64 arithmetic, then rounded to T. */
static void FN(fill_normal_singly)(fr_generator *g, int64_t n, void *values, double mean, double std)
{
    T *v = values;

    for (int64_t i = 0; i < n; i++)
        v[i] = (T)fma(normal_single(g), std, mean);
}

#undef T
#undef UNIFORM
#undef FN
