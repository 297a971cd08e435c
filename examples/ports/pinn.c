/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A network that solves an equation of physics: u'' + 4 u' + 400 u = 0, u(0) = 1, u'(0) = 0, a damped oscillator. */
#include <frond.h>

#include <stdio.h>

static fr_tensor *derivative(fr_tensor *y, fr_tensor *x)
{
    fr_tensor *dx = NULL;

    fr_gradients_with(y, fr_ones_like(y), &x, 1, &dx, FR_CREATE_GRAPH);
    return dx;
}

static fr_tensor *mean_square(fr_tensor *t)
{
    return fr_mean(fr_square(t));
}

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(0);

    FR_AUTO(fr_module) model = FR_SEQUENTIAL(fr_nn_linear(1, 32, NULL), fr_nn_tanh(), fr_nn_linear(32, 32, NULL),
                                             fr_nn_tanh(), fr_nn_linear(32, 1, NULL));
    FR_AUTO(fr_optim) optimizer = fr_adam(model, &(fr_adam_options){ .lr = 1e-3 });
    fr_tensor *start = fr_requires_grad(fr_zeros(FR_SHAPE(1, 1)));
    fr_tensor *times = fr_requires_grad(fr_reshape(fr_linspace(0, 1, 30), FR_SHAPE(-1, 1)));

    for (int step = 0; step <= 400; step++) {
        FR_SCOPE;
        fr_tensor *u0 = fr_forward(model, start);
        fr_tensor *at_start =
            fr_add(mean_square(fr_sub_scalar(u0, 1)), fr_mul_scalar(mean_square(derivative(u0, start)), 0.1));
        fr_tensor *u = fr_forward(model, times);
        fr_tensor *du = derivative(u, times);
        fr_tensor *left = fr_add(derivative(du, times), fr_add(fr_mul_scalar(du, 4), fr_mul_scalar(u, 400)));
        fr_tensor *loss = fr_add(at_start, fr_mul_scalar(mean_square(left), 1e-4));

        fr_optim_zero_grad(optimizer);
        fr_backward(loss);
        fr_optim_step(optimizer);
        if (step % 100 == 0)
            printf("step %3d  loss %.4f\n", step, fr_item(loss));
    }
    return 0;
}
