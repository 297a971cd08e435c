/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* gru (Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014, with the reset after the product,
 * as cuDNN and PyTorch have it), one step of a batch. The gates' array is (rows,4H): the sums of r and z, the input's
 * share of n, and apart the state's share s = w_hn h + b_hn, since r multiplies it. The first three become the gates in
 * place:
 *
 *     r, z = sigmoid of their sums, n = tanh(n + r s), h' = (1 - z) n + z h = n + z (h - n)
 *
 * Backward, with dh the gradient of h'. dn and ds are those of the two shares, dr and dz those of the sums:
 *
 *     dn = dh (1 - z) (1 - n^2), ds = dn r, dr = dn s r (1 - r), dz = dh (h - n) z (1 - z)
 *
 * dh z is left in dh for the step before: it does not pass through w_hh. The gradients' columns 0 to 3H belong to
 * w_ih, columns 0 to 2H and 3H to 4H to w_hh. */
#ifndef T
#include "kernels/recurrent.h"
#include "kernels/vmath.h"

#define KERNEL_FILE "kernels/gru.c"
#include "kernels/instantiate.h"

static void forward(fr_dtype dtype, const fr_cell_step *step)
{
    FR_KERNEL_FOR(dtype, gru_forward)(step);
}

static void backward(fr_dtype dtype, const fr_cell_step *step)
{
    FR_KERNEL_FOR(dtype, gru_backward)(step);
}

const fr_cell_kernel fr_gru_kernel = {
    .gates = 3,
    .width = 4,
    .block = { { .gate = 0, .count = 2, .column = 0, .added = true }, { .gate = 2, .count = 1, .column = 3 } },
    .keeps_dh = true,
    .forward = forward,
    .backward = backward,
};
#else
/* r and z have a loop of their own, as the gates of lstm do. */
static void FN(gru_forward)(const fr_cell_step *step)
{
    int64_t size = step->hidden;

    for (int64_t i = 0; i < step->rows; i++) {
        T *restrict gates = (T *)step->gates + i * 4 * size;

        FR_SIMD for (int64_t j = 0; j < 2 * size; j++)
        {
            gates[j] = TYPED(fr_sigmoid)(gates[j]);
        }
    }
    for (int64_t i = 0; i < step->rows; i++) {
        T *row = (T *)step->gates + i * 4 * size, *restrict n = row + 2 * size, *restrict h = (T *)step->h + i * size;
        const T *restrict r = row, *restrict z = row + size, *restrict s = row + 3 * size;
        const T *restrict before = (const T *)step->h_before + i * size;

        FR_SIMD for (int64_t j = 0; j < size; j++)
        {
            n[j] = TYPED(fr_tanh)(n[j] + r[j] * s[j]);
            h[j] = n[j] + z[j] * (before[j] - n[j]);
        }
    }
}

static void FN(gru_backward)(const fr_cell_step *step)
{
    int64_t size = step->hidden;

    for (int64_t i = 0; i < step->rows; i++) {
        const T *row = (const T *)step->gates + i * 4 * size, *restrict before = (const T *)step->h_before + i * size;
        const T *restrict r = row, *restrict z = row + size, *restrict n = row + 2 * size, *restrict s = row + 3 * size;
        T *d = (T *)step->dgates + i * 4 * size, *restrict dh = (T *)step->dh + i * size;
        T *restrict dr = d, *restrict dz = d + size, *restrict dn = d + 2 * size, *restrict ds = d + 3 * size;

        FR_SIMD for (int64_t j = 0; j < size; j++)
        {
            T dsum = dh[j] * (1 - z[j]) * (1 - n[j] * n[j]);

            dr[j] = dsum * s[j] * (1 - r[j]) * r[j];
            dz[j] = dh[j] * (before[j] - n[j]) * (1 - z[j]) * z[j];
            dn[j] = dsum;
            ds[j] = dsum * r[j];
            dh[j] *= z[j];
        }
    }
}
#endif
