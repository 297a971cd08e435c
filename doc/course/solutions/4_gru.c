/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sheet 4: a GRU out of small ops. */
#include "course.h"

/* Part k (of r, z, n: 0, 1, 2) of x weight^T + bias: x (B,I), weight (3H,I), bias (3H) -> (B,H). */
static fr_tensor *part(fr_tensor *x, fr_tensor *weight, fr_tensor *bias, int k)
{
    int64_t h = fr_dim(bias, 0) / 3;

    return fr_linear(x, fr_narrow(weight, 0, k * h, h), fr_narrow(bias, 0, k * h, h));
}

/* Task 1. One step: x (B,I), h (B,H) -> the new h (B,H). */
fr_tensor *gru_cell(fr_tensor *x, fr_tensor *h, const gru_weights *w)
{
    fr_tensor *in[3], *hidden[3];

    for (int k = 0; k < 3; k++) {
        in[k] = part(x, w->weight_ih, w->bias_ih, k);
        hidden[k] = part(h, w->weight_hh, w->bias_hh, k);
    }

    fr_tensor *r = fr_sigmoid(fr_add(in[0], hidden[0]));
    fr_tensor *z = fr_sigmoid(fr_add(in[1], hidden[1]));
    fr_tensor *n = fr_tanh(fr_add(in[2], fr_mul(r, hidden[2])));

    return fr_add(n, fr_mul(z, fr_sub(h, n))); /* (1 - z) n + z h */
}

/* Task 2. All steps: x (T,B,I), h (B,H) before the first one -> all new h, (T,B,H). T is at most 100. */
fr_tensor *gru_run(fr_tensor *x, fr_tensor *h, const gru_weights *w)
{
    fr_tensor *out[100];
    int steps = (int)fr_dim(x, 0);

    for (int t = 0; t < steps; t++)
        out[t] = h = gru_cell(fr_select(x, 0, t), h, w);
    return fr_stack(out, steps, 0);
}
