/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Gradients are computed by ops, so they have gradients too: Newton's method for the minimum of x^4 - 3 x^3 + 2. */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    double at = 3;

    fr_set_default_dtype(FR_F64);
    for (int step = 0; step < 6; step++) {
        FR_SCOPE;
        fr_tensor *x = fr_requires_grad(fr_scalar(at)), *first, *second;
        fr_tensor *f = fr_add_scalar(fr_sub(fr_pow_scalar(x, 4), fr_mul_scalar(fr_pow_scalar(x, 3), 3)), 2);

        fr_gradients(f, &x, 1, &first, FR_CREATE_GRAPH); /* 4 x^3 - 9 x^2, recorded */
        fr_gradients(first, &x, 1, &second, 0);          /* 12 x^2 - 18 x */
        printf("x %.6f  f %9.6f  f' %9.6f  f'' %9.6f\n", at, fr_item(f), fr_item(first), fr_item(second));
        at -= fr_item(first) / fr_item(second);
    }
    return 0;
}
