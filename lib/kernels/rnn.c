/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* rnn, one step of a batch: h' = tanh(z) or relu(z) of the sums z, in place. Backward: dz = dh (1 - h'^2), or dh where
 * h' > 0. */
#ifndef T
#include "kernels/recurrent.h"
#include "kernels/vmath.h"

#define KERNEL_FILE "kernels/rnn.c"
#include "kernels/instantiate.h"

void fr_rnn_forward(fr_dtype dtype, const fr_recurrent_pass *p)
{
    FR_KERNEL_FOR(dtype, rnn_forward)(p);
}

void fr_rnn_backward(fr_dtype dtype, const fr_recurrent_pass *p)
{
    FR_KERNEL_FOR(dtype, rnn_backward)(p);
}
#else
static void FN(rnn_forward)(const fr_recurrent_pass *p)
{
    T *restrict h = p->gates;
    int64_t n = p->rows * p->hidden;

    if (p->relu)
        for (int64_t i = 0; i < n; i++)
            h[i] = h[i] <= 0 ? 0 : h[i];
    else
        for (int64_t i = 0; i < n; i++)
            h[i] = TYPED(fr_tanh)(h[i]);
}

static void FN(rnn_backward)(const fr_recurrent_pass *p)
{
    const T *restrict h = p->gates, *restrict dh = p->dh;
    T *restrict dz = p->dgates;
    int64_t n = p->rows * p->hidden;

    if (p->relu)
        for (int64_t i = 0; i < n; i++)
            dz[i] = h[i] > 0 ? dh[i] : 0;
    else
        for (int64_t i = 0; i < n; i++)
            dz[i] = dh[i] * (1 - h[i] * h[i]);
}
#endif
