/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The kernels of a pointwise loss, for one type T and kind of CPU: kernels/make_loss.h includes this for each. */

static bool LOSS_FN(forward)(int64_t n, const void *px, const void *py, const void *pw, void *pl,
                             const double *attributes)
{
    const T *restrict xs = px, *restrict ys = py, *restrict ws = pw;
    const T p[2] = { (T)attributes[0], (T)attributes[1] };
    T *restrict l = pl;
    int invalid = 0;

    (void)p;
    for (int64_t i = 0; i < n; i++) {
        T x = xs[i], y = ys[i], w = ws[i];

        (void)w;
        l[i] = (T)(VALUE);
        invalid |= !(VALID);
    }
    return !invalid;
}

/* out[i] = gradient(dl[i], x[i], y[i], w[i], p); the function is inlined. */
FR_INLINE void LOSS_FN(backward)(int64_t n, const void *pdl, const void *px, const void *py, const void *pw, void *pout,
                                 const double *attributes, T (*gradient)(T dl, T x, T y, T w, const T *p))
{
    const T *restrict dl = pdl, *restrict x = px, *restrict y = py, *restrict w = pw;
    const T p[2] = { (T)attributes[0], (T)attributes[1] };
    T *restrict out = pout;

    for (int64_t i = 0; i < n; i++)
        out[i] = gradient(dl[i], x[i], y[i], w[i], p);
}

FR_INLINE T LOSS_FN(dx_value)(T dl, T x, T y, T w, const T *p)
{
    (void)x, (void)y, (void)w, (void)p;
    return (T)(DX);
}

static void LOSS_FN(dx)(int64_t n, const void *dl, const void *x, const void *y, const void *w, void *dx,
                        const double *attributes)
{
    LOSS_FN(backward)(n, dl, x, y, w, dx, attributes, LOSS_FN(dx_value));
}

FR_INLINE T LOSS_FN(dy_value)(T dl, T x, T y, T w, const T *p)
{
    (void)x, (void)y, (void)w, (void)p;
    return (T)(DY);
}

static void LOSS_FN(dy)(int64_t n, const void *dl, const void *x, const void *y, const void *w, void *dy,
                        const double *attributes)
{
    LOSS_FN(backward)(n, dl, x, y, w, dy, attributes, LOSS_FN(dy_value));
}

#ifdef DW
FR_INLINE T LOSS_FN(dw_value)(T dl, T x, T y, T w, const T *p)
{
    (void)x, (void)y, (void)w, (void)p;
    return (T)(DW);
}

static void LOSS_FN(dw)(int64_t n, const void *dl, const void *x, const void *y, const void *w, void *dw,
                        const double *attributes)
{
    LOSS_FN(backward)(n, dl, x, y, w, dw, attributes, LOSS_FN(dw_value));
}
#endif

static const fr_loss_kernels FN(LOSS)[1] = { { LOSS_FN(forward),
                                               { LOSS_FN(dx), LOSS_FN(dy),
#ifdef DW
                                                 LOSS_FN(dw)
#endif
                                               } } };
