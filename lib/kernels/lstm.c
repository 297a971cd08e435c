/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lstm, one step of a batch, from the sums of the four gates: i, f, o = sigmoid and g = tanh in place, c' = f c + i g,
 * h' = o tanh(c'). Backward, with dc the gradient of c' from later steps:
 *
 *     dcell = dc + dh o (1 - tanh(c')^2)
 *     di = dcell g, df = dcell c, dg = dcell i, do = dh tanh(c'), each times the derivative of its gate
 *     dc = dcell f, for the step before */
#ifndef T
#include "kernels/recurrent.h"
#include "kernels/vmath.h"

#define KERNEL_FILE "kernels/lstm.c"
#include "kernels/instantiate.h"

void fr_lstm_forward(fr_dtype dtype, const fr_recurrent_pass *p)
{
    FR_KERNEL_FOR(dtype, lstm_forward)(p);
}

void fr_lstm_backward(fr_dtype dtype, const fr_recurrent_pass *p)
{
    FR_KERNEL_FOR(dtype, lstm_backward)(p);
}
#else
static void FN(lstm_forward)(const fr_recurrent_pass *p)
{
    int64_t n = p->hidden;

    for (int64_t k = 0; k < p->rows; k++) {
        T *row = (T *)p->gates + k * 4 * n;
        T *restrict i = row, *restrict f = row + n, *restrict g = row + 2 * n, *restrict o = row + 3 * n;
        T *restrict c = (T *)p->c + k * n, *restrict t = (T *)p->tanh_c + k * n, *restrict h = (T *)p->h + k * n;
        const T *restrict before = (const T *)p->c_before + k * n;

        FR_SIMD for (int64_t j = 0; j < n; j++)
        {
            i[j] = TYPED(fr_sigmoid)(i[j]);
            f[j] = TYPED(fr_sigmoid)(f[j]);
            g[j] = TYPED(fr_tanh)(g[j]);
            o[j] = TYPED(fr_sigmoid)(o[j]);
            c[j] = f[j] * before[j] + i[j] * g[j];
            t[j] = TYPED(fr_tanh)(c[j]);
            h[j] = o[j] * t[j];
        }
    }
}

static void FN(lstm_backward)(const fr_recurrent_pass *p)
{
    int64_t n = p->hidden;

    for (int64_t k = 0; k < p->rows; k++) {
        const T *row = (const T *)p->gates + k * 4 * n, *restrict tanhs = (const T *)p->tanh_c + k * n;
        const T *restrict i = row, *restrict f = row + n, *restrict g = row + 2 * n, *restrict o = row + 3 * n;
        const T *restrict before = (const T *)p->c_before + k * n, *restrict dh = (const T *)p->dh + k * n;
        T *d = (T *)p->dgates + k * 4 * n, *restrict dc = (T *)p->dc + k * n;
        T *restrict di = d, *restrict df = d + n, *restrict dg = d + 2 * n, *restrict d_o = d + 3 * n;
        T *restrict h = p->h ? (T *)p->h + k * n : NULL;

        FR_SIMD for (int64_t j = 0; j < n; j++)
        {
            T dcell = dc[j] + dh[j] * o[j] * (1 - tanhs[j] * tanhs[j]);

            di[j] = dcell * g[j] * (1 - i[j]) * i[j];
            df[j] = dcell * before[j] * (1 - f[j]) * f[j];
            dg[j] = dcell * i[j] * (1 - g[j] * g[j]);
            d_o[j] = dh[j] * tanhs[j] * (1 - o[j]) * o[j];
            dc[j] = dcell * f[j];
        }
        for (int64_t j = 0; h && j < n; j++)
            h[j] = o[j] * tanhs[j];
    }
}
#endif
