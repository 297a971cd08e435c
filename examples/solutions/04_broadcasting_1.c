/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The gradient of the sum of squares is twice the result: what flows through the mean adds up to nothing, as the
 * columns of the result do. The sum of the result is 0 whatever the table holds, so its gradient is 0. */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE;
    fr_tensor *table = fr_requires_grad(fr_from_doubles(FR_SHAPE(3, 2), (double[]){ 1, 10, 2, 20, 6, 0 })), *gradient;
    fr_tensor *centred = fr_sub(table, fr_mean_dim(table, 0, false)); /* (3,2) - (2) */

    fr_print(fr_detach(centred));
    fr_gradients(fr_sum(fr_square(centred)), &table, 1, &gradient, FR_RETAIN_GRAPH);
    fr_print(gradient);
    fr_gradients(fr_sum(centred), &table, 1, &gradient, 0);
    fr_print(gradient);
    return 0;
}
