/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Where W shrinks, the places far back give next to nothing: W learns from the last steps alone. That is why an RNN
 * does not learn what happened long ago, although its gradient is right. (States are kept at one length here by an
 * input.) */
#include <frond.h>

#include <math.h>
#include <stdio.h>

enum { STEPS = 40 };

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    double c = 0.8 * sqrt(3) / 2, s = 0.8 / 2;
    fr_tensor *w = fr_requires_grad(fr_from_doubles(FR_SHAPE(2, 2), (double[]){ c, -s, s, c }));
    fr_tensor *x = fr_full(FR_SHAPE(2), 0.1), *h = fr_zeros(FR_SHAPE(2)), *place[STEPS], *gradient[STEPS];

    for (int t = 0; t < STEPS; t++) {
        place[t] = fr_mul_scalar(w, 1);
        h = fr_tanh(fr_add(fr_matmul(place[t], h), x));
    }
    fr_gradients(fr_mse(h, fr_full(FR_SHAPE(2), 0.5), FR_SUM), place, STEPS, gradient, 0);
    for (int t = STEPS - 1; t > 0; t -= 6)
        printf("step %2d gives W a gradient of norm %.1e\n", t, fr_item(fr_norm(gradient[t])));
    return 0;
}
