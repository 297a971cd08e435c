/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lstm (Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; Gers et al., "Learning to Forget", 2000), one step
 * of a batch. The gates' array is (rows,4H): the sums of i, f, g and o, which become the gates in place:
 *
 *     i, f, o = sigmoid of their sums, g = tanh of its sum, c' = f c + i g, h' = o tanh(c')
 *
 * Backward, with dh the gradient of h' and dc that of c' which comes from later steps. c' is in h' too, so that its
 * whole gradient is
 *
 *     dcell = dc + dh o (1 - tanh(c')^2)
 *
 * The product rule gives the gates' gradients, and sigmoid' = s (1 - s), tanh' = 1 - t^2 those of the sums:
 *
 *     di = dcell g i (1 - i), df = dcell c f (1 - f), dg = dcell i (1 - g^2), do = dh tanh(c') o (1 - o)
 *
 * dc = dcell f is left for the step before. */
#ifndef T
#include "kernels/recurrent.h"
#include "kernels/vmath.h"

#define KERNEL_FILE "kernels/lstm.c"
#include "kernels/instantiate.h"

static void forward(fr_dtype dtype, const fr_cell_step *step)
{
    FR_KERNEL_FOR(dtype, lstm_forward)(step);
}

static void backward(fr_dtype dtype, const fr_cell_step *step)
{
    FR_KERNEL_FOR(dtype, lstm_backward)(step);
}

const fr_cell_kernel fr_lstm_kernel = {
    .gates = 4,
    .width = 4,
    .block = { { .gate = 0, .count = 4, .column = 0, .added = true } },
    .has_c = true,
    .forward = forward,
    .backward = backward,
};
#else
/* The gates, and c'. tanh(c') has a loop of its own: a chain of two such functions is so long that a CPU, which begins
 * the next iterations meanwhile, would wait for it. */
static void FN(lstm_gates)(const fr_cell_step *step)
{
    int64_t size = step->hidden;

    for (int64_t k = 0; k < step->rows; k++) {
        T *row = (T *)step->gates + k * 4 * size, *restrict c = (T *)step->c + k * size;
        T *restrict i = row, *restrict f = row + size, *restrict g = row + 2 * size, *restrict o = row + 3 * size;
        const T *restrict before = (const T *)step->c_before + k * size;

        FR_SIMD for (int64_t j = 0; j < size; j++)
        {
            i[j] = TYPED(fr_sigmoid)(i[j]);
            f[j] = TYPED(fr_sigmoid)(f[j]);
            g[j] = TYPED(fr_tanh)(g[j]);
            o[j] = TYPED(fr_sigmoid)(o[j]);
            c[j] = f[j] * before[j] + i[j] * g[j];
        }
    }
}

static void FN(lstm_forward)(const fr_cell_step *step)
{
    int64_t size = step->hidden;

    FN(lstm_gates)(step);
    for (int64_t k = 0; k < step->rows; k++) {
        const T *restrict o = (const T *)step->gates + (4 * k + 3) * size, *restrict c = (const T *)step->c + k * size;
        T *restrict t = (T *)step->tanh_c + k * size, *restrict h = (T *)step->h + k * size;

        FR_SIMD for (int64_t j = 0; j < size; j++)
        {
            t[j] = TYPED(fr_tanh)(c[j]);
            h[j] = o[j] * t[j];
        }
    }
}

static void FN(lstm_backward)(const fr_cell_step *step)
{
    int64_t size = step->hidden;

    for (int64_t k = 0; k < step->rows; k++) {
        const T *row = (const T *)step->gates + k * 4 * size, *restrict tanhs = (const T *)step->tanh_c + k * size;
        const T *restrict i = row, *restrict f = row + size, *restrict g = row + 2 * size, *restrict o = row + 3 * size;
        const T *restrict before = (const T *)step->c_before + k * size, *restrict dh = (const T *)step->dh + k * size;
        T *d = (T *)step->dgates + k * 4 * size, *restrict dc = (T *)step->dc + k * size;
        T *restrict di = d, *restrict df = d + size, *restrict dg = d + 2 * size, *restrict d_o = d + 3 * size;
        T *restrict h = step->h ? (T *)step->h + k * size : NULL;

        FR_SIMD for (int64_t j = 0; j < size; j++)
        {
            T dcell = dc[j] + dh[j] * o[j] * (1 - tanhs[j] * tanhs[j]);

            di[j] = dcell * g[j] * (1 - i[j]) * i[j];
            df[j] = dcell * before[j] * (1 - f[j]) * f[j];
            dg[j] = dcell * i[j] * (1 - g[j] * g[j]);
            d_o[j] = dh[j] * tanhs[j] * (1 - o[j]) * o[j];
            dc[j] = dcell * f[j];
        }
        for (int64_t j = 0; h && j < size; j++)
            h[j] = o[j] * tanhs[j];
    }
}
#endif
