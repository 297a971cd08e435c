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

    fr_module *model = fr_nn_sequential(
        4, (fr_module *[]){ fr_nn_linear(2, 16, NULL), fr_nn_tanh(), fr_nn_linear(16, 1, NULL), fr_nn_sigmoid() });
    fr_optim *adam = fr_adam(model, &(fr_adam_options){ .lr = 0.02 });
    fr_tensor *x = fr_add_scalar(fr_mul_scalar(fr_rand(FR_SHAPE(1000, 2)), 2), -1);
    fr_loader *loader =
        fr_loader_new((fr_tensor *[]){ x, label(x) }, 2, &(fr_loader_options){ .batch_size = 50, .shuffle = true });

    fr_module_print(model);
    for (int epoch = 1; epoch <= 30; epoch++) {
        fr_tensor *const *batch;

        while ((batch = fr_loader_next(loader))) {
            FR_SCOPE;
            fr_optim_zero_grad(adam);
            fr_backward(fr_bce(fr_forward(model, batch[0]), batch[1], FR_MEAN));
            fr_optim_step(adam);
        }
        if (epoch % 10 == 0)
            printf("epoch %d  accuracy %.3f\n", epoch, accuracy(model, x));
    }
    fr_loader_free(loader);
    fr_optim_free(adam);
    fr_module_free(model);
    return 0;
}
