/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* sin(x) / x and its derivative at 1, by fr_gradients. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

int main(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_scalar(1)), *gradient;
    fr_tensor *y = fr_div(fr_sin(x), x);

    fr_gradients(y, &x, 1, &gradient, 0);
    printf("sin(1) / 1 = %.4f, its derivative %.4f, by hand %.4f\n", fr_item(y), fr_item(gradient), cos(1) - sin(1));
    return 0;
}
