/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* bce divides by p (1 - p), and the derivative of sigmoid multiplies by it. From a logit of 28 on p (1 - p) is below
 * 1e-12, and bce divides by 1e-12: the gradient falls. From 37 on sigmoid is exactly 1 in float64 too, and it is 0. */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    printf("logit   1 - sigmoid   gradient of bce   of bce_with_logits\n");
    for (double logit = 12; logit <= 42; logit += 6) {
        fr_tensor *x = fr_requires_grad(fr_scalar(logit)), *y = fr_scalar(0), *p = fr_sigmoid(x), *by_p, *by_logit;

        fr_gradients(fr_bce(p, y, FR_MEAN), &x, 1, &by_p, 0);
        fr_gradients(fr_bce_with_logits(x, y, FR_MEAN), &x, 1, &by_logit, 0);
        printf("%5g %13.0e %17.4f %20.4f\n", logit, 1 - fr_item(p), fr_item(by_p), fr_item(by_logit));
    }
    return 0;
}
