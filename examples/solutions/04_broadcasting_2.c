/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The coefficients (3) serve for all 100 rows of the powers (100,3); the sum is over the last dim, a row's three terms.
 */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_linspace(-1, 3, 100), *y = fr_square(fr_sub_scalar(x, 1)); /* x^2 - 2 x + 1 */
    fr_tensor *powers = FR_STACK(1, fr_ones_like(x), x, fr_square(x));
    fr_tensor *coefficients = fr_requires_grad(fr_zeros(FR_SHAPE(3)));

    for (int step = 0; step < 2000; step++) {
        FR_SCOPE;
        fr_tensor *loss = fr_mse(fr_sum_dim(fr_mul(coefficients, powers), 1, false), y, FR_MEAN), *gradient;

        fr_gradients(loss, &coefficients, 1, &gradient, 0);

        FR_NO_GRAD;
        fr_copy(coefficients, fr_sub(coefficients, fr_mul_scalar(gradient, 0.05)));
    }
    printf("y = %.2f x^2 + %.2f x + %.2f\n", fr_at(coefficients, 2), fr_at(coefficients, 1), fr_at(coefficients, 0));
    return 0;
}
