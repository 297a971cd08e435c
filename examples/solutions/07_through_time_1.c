/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Nothing explodes: the derivative of tanh, 1 - h^2, takes off what W adds. States settle at the length where tanh
 * shortens as much as W stretches, and there the gradient keeps its length too. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

enum { STEPS = 40 };

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    double c = 1.2 * sqrt(3) / 2, s = 1.2 / 2;
    fr_tensor *w = fr_from_doubles(FR_SHAPE(2, 2), (double[]){ c, -s, s, c }), *h[STEPS + 1], *gradient[STEPS + 1];

    h[0] = fr_requires_grad(fr_ones(FR_SHAPE(2)));
    for (int t = 0; t < STEPS; t++)
        h[t + 1] = fr_tanh(fr_matmul(w, h[t]));
    fr_gradients(fr_mse(h[STEPS], fr_full(FR_SHAPE(2), 0.5), FR_SUM), h, STEPS + 1, gradient, 0);
    for (int t = STEPS; t >= 0; t -= 10)
        printf("%2d  length of h %.2f, norm of the gradient %.1e\n", t, fr_item(fr_norm(h[t])),
               fr_item(fr_norm(gradient[t])));
    return 0;
}
