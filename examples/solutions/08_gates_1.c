/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* h' = (1 - z) n + z h: z is to be near 1, so its bias must be large. Gates of a GRU are in the order r, z, n. */
#include <frond.h>

#include <stdio.h>

enum { STEPS = 100 };

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(0);

    fr_tensor *x = fr_randn(FR_SHAPE(STEPS, 1, 1)), *w_ih = fr_mul_scalar(fr_randn(FR_SHAPE(3, 1)), 0.01);
    fr_tensor *w_hh = fr_mul_scalar(fr_randn(FR_SHAPE(3, 1)), 0.01);

    for (int bias = 0; bias <= 6; bias += 2) {
        fr_tensor *b = fr_from_doubles(FR_SHAPE(3), (double[]){ 0, bias, 0 }), *gradient;
        fr_tensor *h0 = fr_requires_grad(fr_zeros(FR_SHAPE(1, 1)));
        fr_recurrent y = fr_gru(x, h0, w_ih, w_hh, b, NULL, NULL);

        fr_gradients(fr_sum(y.h), &h0, 1, &gradient, 0);
        printf("bias %d  d h[100] / d h[0] = %.1e\n", bias, fr_item(gradient));
    }
    return 0;
}
