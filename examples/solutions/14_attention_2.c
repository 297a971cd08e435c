/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The gradient is as large as the weight of the step, wherever the step stands: distance does not count. */
#include <frond.h>

#include <stdio.h>

enum { STEPS = 40, SIZE = 4 };

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(0);

    fr_tensor *q = fr_randn(FR_SHAPE(STEPS, SIZE)), *k = fr_randn_like(q), *gradient;
    fr_tensor *v = fr_requires_grad(fr_randn_like(q));
    fr_tensor *last = fr_select(fr_scaled_dot_product_attention(q, k, v, NULL), 0, -1);

    fr_gradients(fr_sum(last), &v, 1, &gradient, 0);
    for (int t = 0; t < STEPS; t += 8)
        printf("step %2d: norm of the gradient %.3f\n", t, fr_item(fr_norm(fr_select(gradient, 0, t))));
    printf("step %2d: norm of the gradient %.3f\n", STEPS - 1, fr_item(fr_norm(fr_select(gradient, 0, STEPS - 1))));
    return 0;
}
