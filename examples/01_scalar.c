/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Scalars: what a graph is. Each op computes its value at once and records how. Backward walks from the result to the
 * leaves and stores in each leaf the derivative of the result with respect to it. */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE; /* holds all tensors made below, until this block ends */

    fr_tensor *a = fr_requires_grad(fr_scalar(2));
    fr_tensor *b = fr_requires_grad(fr_scalar(-3));
    fr_tensor *c = fr_mul(a, b);                     /* -6 */
    fr_tensor *d = fr_tanh(fr_add(c, fr_scalar(7))); /* tanh(a b + 7) = tanh(1) */

    fr_backward(d);

    /* tanh'(1) = 1 - tanh(1)^2 = 0.42. The chain rule multiplies it by b for the gradient of a, by a for that of b. */
    printf("d      = %.4f\n", fr_item(d));
    printf("dd/da  = %.4f\n", fr_item(fr_grad(a)));
    printf("dd/db  = %.4f\n", fr_item(fr_grad(b)));
    return 0;
}
