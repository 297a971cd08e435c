/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A program of another project: prints the derivative of x^2 at 3. */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_scalar(3));

    fr_backward(fr_square(x));
    printf("%g\n", fr_item(fr_grad(x)));
    return 0;
}
