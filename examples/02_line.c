/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fits a straight line to points by gradient descent, with nothing but tensors. */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(0);

    fr_tensor *x = fr_randn(FR_SHAPE(100));
    fr_tensor *y = fr_add(fr_add_scalar(fr_mul_scalar(x, 3), 1), fr_mul_scalar(fr_randn(FR_SHAPE(100)), 0.1));
    fr_tensor *slope = fr_requires_grad(fr_scalar(0)), *offset = fr_requires_grad(fr_scalar(0));

    for (int step = 0; step < 100; step++) {
        FR_SCOPE; /* frees what the step made when it ends */
        fr_tensor *loss = fr_mse(fr_add(fr_mul(x, slope), offset), y, FR_MEAN), *gradient[2];

        fr_gradients(loss, (fr_tensor *[]){ slope, offset }, 2, gradient, 0);

        FR_NO_GRAD; /* the update of a leaf is not recorded */
        fr_copy(slope, fr_sub(slope, fr_mul_scalar(gradient[0], 0.1)));
        fr_copy(offset, fr_sub(offset, fr_mul_scalar(gradient[1], 0.1)));
        if (step % 20 == 0)
            printf("step %2d  loss %.4f\n", step, fr_item(loss));
    }
    printf("y = %.2f x + %.2f\n", fr_item(slope), fr_item(offset));
    return 0;
}
