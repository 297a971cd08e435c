/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The derivative is right, 4. fr_backward adds to what a leaf has accumulated, so a second one makes 8: that is how the
 * gradients of several batches are added up. fr_zero_grad drops what was accumulated. */
#include <frond.h>

#include <stdio.h>

static fr_tensor *twice_doubled(fr_tensor *a)
{
    fr_tensor *b = fr_add(a, a);

    return fr_add(b, b);
}

int main(void)
{
    FR_SCOPE;
    fr_tensor *a = fr_requires_grad(fr_scalar(1));

    fr_backward(twice_doubled(a));
    printf("once: %g\n", fr_item(fr_grad(a)));
    fr_backward(twice_doubled(a));
    printf("twice: %g\n", fr_item(fr_grad(a)));
    fr_zero_grad(a);
    fr_backward(twice_doubled(a));
    printf("after fr_zero_grad: %g\n", fr_item(fr_grad(a)));
    return 0;
}
