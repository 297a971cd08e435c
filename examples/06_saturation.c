/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A gradient that dies, and how to keep it alive. sigmoid is flat far from 0: in float32 sigmoid(17) is exactly 1, and
 * its derivative exactly 0, however wrong the answer. fr_bce_with_logits takes what would go into the sigmoid (a logit)
 * and has the derivative of both together in closed form, p - y, which is large where the answer is wrong.
 *
 * You will see both gradients for growing logits, and then two networks that learn whether a point lies inside a
 * circle. Both start from the same weights, far on the wrong side. The one that ends in a sigmoid learns nothing. */
#include <frond.h>

#include <stdio.h>

static void show_gradients(void)
{
    printf("gradients by the logit, where the right answer is 0:\n"
           "logit   sigmoid   gradient of bce   of bce_with_logits\n");
    for (double logit = 0; logit <= 24; logit += 6) {
        fr_tensor *x = fr_requires_grad(fr_scalar(logit)), *y = fr_scalar(0), *p = fr_sigmoid(x), *by_p, *by_logit;

        fr_gradients(fr_bce(p, y, FR_MEAN), &x, 1, &by_p, 0);
        fr_gradients(fr_bce_with_logits(x, y, FR_MEAN), &x, 1, &by_logit, 0);
        printf("%5g %9.4f %17.4f %20.4f\n", logit, fr_item(p), fr_item(by_p), fr_item(by_logit));
    }
}

/* x (N,2) uniform in a square, y (N,1): 1 inside the circle of radius 0.8 */
static fr_tensor *label(fr_tensor *x)
{
    return fr_lt_scalar(fr_sum_dim(fr_square(x), 1, true), 0.64);
}

static double accuracy(fr_module *model, fr_tensor *x, double threshold)
{
    FR_SCOPE;
    FR_NO_GRAD;
    return fr_item(fr_mean(fr_eq(fr_gt_scalar(fr_forward(model, x), threshold), label(x))));
}

/* A module holds parameters and other modules under names; a sequential one runs its children one after the other. An
 * optimiser changes the parameters by the gradients that they have accumulated, so each step begins with zero_grad. A
 * loader deals out rows in batches. */
static void learn(fr_module *model, fr_tensor *points, bool logits)
{
    FR_AUTO(fr_optim) sgd = fr_sgd(model, &(fr_sgd_options){ .lr = 0.1, .momentum = 0.9 });
    FR_AUTO(fr_loader) loader =
        fr_loader_new(FR_TENSORS(points, label(points)), &(fr_loader_options){ .batch_size = 50, .shuffle = true });

    fr_init_constant(fr_module_find(model, "2.bias"), 20); /* the bad start */
    for (int epoch = 1; epoch <= 60; epoch++) {
        FR_FOR_BATCHES (loader, x, y) {
            fr_tensor *out = fr_forward(model, x);

            fr_optim_zero_grad(sgd);
            fr_backward(logits ? fr_bce_with_logits(out, y, FR_MEAN) : fr_bce(out, y, FR_MEAN));
            fr_optim_step(sgd);
        }
        if (epoch % 20 == 0)
            printf("epoch %d  accuracy %.2f\n", epoch, accuracy(model, points, logits ? 0 : 0.5));
    }
}

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(1);

    show_gradients();

    FR_AUTO(fr_module) with_sigmoid =
        FR_SEQUENTIAL(fr_nn_linear(2, 16, NULL), fr_nn_tanh(), fr_nn_linear(16, 1, NULL), fr_nn_sigmoid());
    FR_AUTO(fr_module) bare = FR_SEQUENTIAL(fr_nn_linear(2, 16, NULL), fr_nn_tanh(), fr_nn_linear(16, 1, NULL));
    fr_tensor *points = fr_add_scalar(fr_mul_scalar(fr_rand(FR_SHAPE(1000, 2)), 2), -1);

    fr_module_copy(bare, with_sigmoid); /* the same weights */
    printf("\n");
    fr_module_print(with_sigmoid);
    learn(with_sigmoid, points, false);
    printf("\nthe same without its sigmoid, and bce_with_logits:\n");
    learn(bare, points, true);
    return 0;
}

/* Exercises
 *
 * 1. In float64 the gradient dies later. Print the table after fr_set_default_dtype(FR_F64), for logits up to 42. Where
 *    does it begin to be wrong? (bce divides by p (1 - p), but by no less than 1e-12.)
 * 2. tanh saturates too. Multiply the first layer's weight by 1, 10, 100 (fr_copy, fr_mul_scalar) and print the norm of
 *    its gradient. What do initial values have to do with that? */
