/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* FR_CREATE_GRAPH in all steps but the last, which nothing differentiates again. */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    fr_tensor *x = fr_requires_grad(fr_scalar(1)), *y = fr_sin(x);

    printf("sin(1) = %.6f\n", fr_item(y));
    for (int i = 1; i <= 4; i++) {
        fr_gradients(y, &x, 1, &y, i < 4 ? FR_CREATE_GRAPH : 0);
        printf("differentiated %d times: %9.6f\n", i, fr_item(y));
    }
    return 0;
}
