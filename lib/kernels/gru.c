/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* gru, one step of a batch, from the sums of the gates r, z and n and, apart, of the state's share s of n: r, z =
 * sigmoid and n = tanh(n + r s) in place, h' = n + z (h - n). Backward, with sigmoid' = s (1 - s) and tanh' = 1 - n^2:
 *
 *     dn = dh (1 - z) (1 - n^2), ds = dn r
 *     dr = dn s r (1 - r), dz = dh (h - n) z (1 - z)
 *     dh = dh z, for the step before; the rest of it comes through the recurrent product */
#ifndef T
#include "kernels/recurrent.h"
#include "kernels/vmath.h"

#define KERNEL_FILE "kernels/gru.c"
#include "kernels/instantiate.h"

void fr_gru_forward(fr_dtype dtype, const fr_recurrent_pass *p)
{
    FR_KERNEL_FOR(dtype, gru_forward)(p);
}

void fr_gru_backward(fr_dtype dtype, const fr_recurrent_pass *p)
{
    FR_KERNEL_FOR(dtype, gru_backward)(p);
}
#else
static void FN(gru_forward)(const fr_recurrent_pass *p)
{
    int64_t n = p->hidden;

    for (int64_t i = 0; i < p->rows; i++) {
        T *row = (T *)p->gates + i * 4 * n, *restrict h = (T *)p->h + i * n;
        T *restrict r = row, *restrict z = row + n, *restrict m = row + 2 * n;
        const T *restrict s = row + 3 * n, *restrict before = (const T *)p->h_before + i * n;

        FR_SIMD for (int64_t j = 0; j < n; j++)
        {
            r[j] = TYPED(fr_sigmoid)(r[j]);
            z[j] = TYPED(fr_sigmoid)(z[j]);
            m[j] = TYPED(fr_tanh)(m[j] + r[j] * s[j]);
            h[j] = m[j] + z[j] * (before[j] - m[j]);
        }
    }
}

static void FN(gru_backward)(const fr_recurrent_pass *p)
{
    int64_t n = p->hidden;

    for (int64_t i = 0; i < p->rows; i++) {
        const T *row = (const T *)p->gates + i * 4 * n, *restrict before = (const T *)p->h_before + i * n;
        const T *restrict r = row, *restrict z = row + n, *restrict m = row + 2 * n, *restrict s = row + 3 * n;
        T *d = (T *)p->dgates + i * 4 * n, *restrict dh = (T *)p->dh + i * n;
        T *restrict dr = d, *restrict dz = d + n, *restrict dm = d + 2 * n, *restrict ds = d + 3 * n;

        FR_SIMD for (int64_t j = 0; j < n; j++)
        {
            T dsum = dh[j] * (1 - z[j]) * (1 - m[j] * m[j]);

            dr[j] = dsum * s[j] * (1 - r[j]) * r[j];
            dz[j] = dh[j] * (before[j] - m[j]) * (1 - z[j]) * z[j];
            dm[j] = dsum;
            ds[j] = dsum * r[j];
            dh[j] *= z[j];
        }
    }
}
#endif
