/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The graph of 01_engine.c, in frond. Each op computes its value at once and records how. fr_backward walks from the
 * result back to the leaves, as the engine did, and leaves in each the derivative of the result by it.
 *
 * You will see the same numbers, and the chain rule for this very graph, written out. */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE; /* holds all tensors made below, until this block ends */

    fr_tensor *a = fr_requires_grad(fr_scalar(2));
    fr_tensor *b = fr_requires_grad(fr_scalar(-3));
    fr_tensor *c = fr_mul(a, b);                     /* -6 */
    fr_tensor *d = fr_tanh(fr_add(c, fr_scalar(7))); /* tanh(a b + 7) = tanh(1) */

    printf("tanh(a b + 7) at a = 2, b = -3, and its derivatives:\n");
    fr_explain(stdout, d);
    fr_backward(d);

    /* tanh'(1) = 1 - tanh(1)^2 = 0.42. The chain rule multiplies it by b for the gradient of a, by a for that of b. */
    printf("\nd = %.4f  dd/da = %.4f  dd/db = %.4f\n", fr_item(d), fr_item(fr_grad(a)), fr_item(fr_grad(b)));
    return 0;
}

/* Exercises
 *
 * 1. Compute b = a + a and c = b + b as in 01_engine.c. Is the derivative right? Then make c anew, call fr_backward
 *    again and look at fr_grad(a): what does it hold, and what is fr_zero_grad for?
 * 2. Write sin(x) / x, and its derivative at x = 1 by fr_gradients, which returns what fr_backward leaves in the leaf.
 *    Check it by hand: (x cos x - sin x) / x^2 = -0.3012. */
