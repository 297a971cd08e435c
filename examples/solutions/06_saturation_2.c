/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The larger the weights, the flatter tanh where its inputs lie, and the smaller the gradient. Initial values are drawn
 * from a range of 1 / sqrt(number of inputs) so that sums stay where tanh bends but is not flat. */
#include <frond.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(1);

    fr_tensor *x = fr_randn(FR_SHAPE(200, 2)), *y = fr_lt_scalar(fr_sum_dim(fr_square(x), 1, true), 1);

    for (double factor = 1; factor <= 100; factor *= 10) {
        fr_manual_seed(2);

        FR_AUTO(fr_module) model = FR_SEQUENTIAL(fr_nn_linear(2, 16, NULL), fr_nn_tanh(), fr_nn_linear(16, 1, NULL));
        fr_tensor *weight = fr_module_find(model, "0.weight");

        {
            FR_NO_GRAD;
            fr_copy(weight, fr_mul_scalar(weight, factor));
        }
        fr_backward(fr_bce_with_logits(fr_forward(model, x), y, FR_MEAN));
        printf("first weight times %3g: norm of its gradient %.4f\n", factor, fr_item(fr_norm(fr_grad(weight))));
    }
    return 0;
}
