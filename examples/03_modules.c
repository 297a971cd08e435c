/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Modules, an optimiser and a loader: a small network learns whether a point lies inside a circle. */
#include <frond.h>

#include <stdio.h>

/* x (N,2) uniform in a square, y (N,1): 1 inside the circle of radius 0.8 */
static fr_tensor *label(fr_tensor *x)
{
    return fr_lt_scalar(fr_sum_dim(fr_square(x), 1, true), 0.64);
}

static double accuracy(fr_module *model, fr_tensor *x)
{
    FR_SCOPE;
    FR_NO_GRAD;
    return fr_item(fr_mean(fr_eq(fr_gt_scalar(fr_forward(model, x), 0.5), label(x))));
}

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(1);

    FR_AUTO(fr_module) model =
        FR_SEQUENTIAL(fr_nn_linear(2, 16, NULL), fr_nn_tanh(), fr_nn_linear(16, 1, NULL), fr_nn_sigmoid());
    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.02 });
    fr_tensor *points = fr_add_scalar(fr_mul_scalar(fr_rand(FR_SHAPE(1000, 2)), 2), -1);
    FR_AUTO(fr_loader) loader =
        fr_loader_new(FR_TENSORS(points, label(points)), &(fr_loader_options){ .batch_size = 50, .shuffle = true });

    fr_module_print(model);
    for (int epoch = 1; epoch <= 30; epoch++) {
        FR_FOR_BATCHES (loader, x, y) {
            fr_optim_zero_grad(adam);
            fr_backward(fr_bce(fr_forward(model, x), y, FR_MEAN));
            fr_optim_step(adam);
        }
        if (epoch % 10 == 0)
            printf("epoch %d  accuracy %.3f\n", epoch, accuracy(model, points));
    }
    return 0;
}
