/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* rnn (Elman, "Finding Structure in Time", 1990), one step of a batch. z = w_ih x + b_ih + w_hh h + b_hh are the sums:
 *
 *     h' = tanh(z) or relu(z)
 *
 * The gates' array is out itself: z becomes h' in place. Backward, with dh the gradient of h':
 *
 *     dz = dh (1 - h'^2), since tanh' = 1 - tanh^2; with relu dh where h' > 0, else 0 */
#ifndef T
#include "kernels/recurrent.h"
#include "kernels/vmath.h"

#define KERNEL_FILE "kernels/rnn.c"
#include "kernels/instantiate.h"

static void forward(fr_dtype dtype, const fr_cell_step *step)
{
    FR_KERNEL_FOR(dtype, rnn_forward)(step);
}

static void backward(fr_dtype dtype, const fr_cell_step *step)
{
    FR_KERNEL_FOR(dtype, rnn_backward)(step);
}

const fr_cell_kernel fr_rnn_kernel = {
    .gates = 1,
    .width = 1,
    .block = { { .gate = 0, .count = 1, .column = 0, .added = true } },
    .forward = forward,
    .backward = backward,
};
#else
static void FN(rnn_forward)(const fr_cell_step *step)
{
    T *restrict h = step->gates;
    int64_t count = step->rows * step->hidden;

    if (step->relu)
        for (int64_t i = 0; i < count; i++)
            h[i] = h[i] <= 0 ? 0 : h[i];
    else
        for (int64_t i = 0; i < count; i++)
            h[i] = TYPED(fr_tanh)(h[i]);
}

static void FN(rnn_backward)(const fr_cell_step *step)
{
    const T *restrict h = step->gates, *restrict dh = step->dh;
    T *restrict dz = step->dgates;
    int64_t count = step->rows * step->hidden;

    if (step->relu)
        for (int64_t i = 0; i < count; i++)
            dz[i] = h[i] > 0 ? dh[i] : 0;
    else
        for (int64_t i = 0; i < count; i++)
            dz[i] = dh[i] * (1 - h[i] * h[i]);
}
#endif
