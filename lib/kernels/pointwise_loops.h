/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The loops of pointwise.h for one type: included for each with these defined.
 *
 *     T              the type
 *     CONVERT(x)     an attribute, a double, as T */
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

FR_INLINE void JOIN(fr_binary_row_, T)(int64_t n, const void *pa, int64_t sa, const void *pb, int64_t sb, void *py,
                                       T (*value)(T a, T b))
{
    const T *restrict a = pa, *restrict b = pb;
    T *restrict y = py;

    if (sa == 1 && sb == 1)
        for (int64_t i = 0; i < n; i++)
            y[i] = value(a[i], b[i]);
    else if (sa == 1 && sb == 0)
        for (int64_t i = 0; i < n; i++)
            y[i] = value(a[i], b[0]);
    else if (sa == 0 && sb == 1)
        for (int64_t i = 0; i < n; i++)
            y[i] = value(a[0], b[i]);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = value(a[i * sa], b[i * sb]);
}

FR_INLINE void JOIN(fr_unary_row_, T)(int64_t n, const void *px, void *py, const double *attributes,
                                      T (*value)(T x, const T *p, const double *attributes))
{
    const T *restrict x = px;
    T *restrict y = py;
    const T p[2] = { CONVERT(attributes[0]), CONVERT(attributes[1]) };

    for (int64_t i = 0; i < n; i++)
        y[i] = value(x[i], p, attributes);
}

FR_INLINE void JOIN(fr_gradient_row_, T)(int64_t n, const void *pg, const void *px, const void *py, void *pout,
                                         const double *attributes, T (*value)(T g, T x, T y, const T *p))
{
    const T *restrict g = pg, *restrict x = px, *restrict y = py;
    T *restrict out = pout;
    const T p[2] = { CONVERT(attributes[0]), CONVERT(attributes[1]) };

    for (int64_t i = 0; i < n; i++)
        out[i] = value(g[i], x[i], y[i], p);
}

#undef T
#undef CONVERT
#undef JOIN
#undef JOIN_
