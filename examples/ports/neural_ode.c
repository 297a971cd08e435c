/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A neural ordinary differential equation: a network for dy/dt learns from pieces of a spiral. */
#include <frond.h>

#include <stdio.h>

enum { MAX_STEPS = 400, PIECE = 10 };

/* dy/dt = f(y^3) */
static fr_tensor *derivative(fr_module *f, fr_tensor *y)
{
    return fr_forward(f, fr_pow_scalar(y, 3));
}

/* The fourth-order method of Runge and Kutta: (N,2) -> (steps+1,N,2). */
static fr_tensor *odeint(fr_module *f, fr_tensor *y, int steps, double dt)
{
    fr_tensor *path[MAX_STEPS + 1] = { y };

    for (int i = 1; i <= steps; i++) {
        fr_tensor *k1 = derivative(f, y);
        fr_tensor *k2 = derivative(f, fr_add(y, fr_mul_scalar(k1, dt / 2)));
        fr_tensor *k3 = derivative(f, fr_add(y, fr_mul_scalar(k2, dt / 2)));
        fr_tensor *k4 = derivative(f, fr_add(y, fr_mul_scalar(k3, dt)));
        fr_tensor *sum = fr_add(fr_add(fr_add(k1, fr_mul_scalar(k2, 2)), fr_mul_scalar(k3, 2)), k4);

        path[i] = y = fr_add(y, fr_mul_scalar(sum, dt / 6));
    }
    return fr_stack(path, steps + 1, 0);
}

/* The spiral dy/dt = A y^3 from (2, 0): (401,2). */
static fr_tensor *spiral(void)
{
    FR_SCOPE;
    FR_NO_GRAD;
    FR_AUTO(fr_module) linear = fr_nn_linear(2, 2, &(fr_linear_options){ .no_bias = true });
    fr_tensor *start = fr_from_doubles(FR_SHAPE(1, 2), (double[]){ 2, 0 });

    fr_copy(fr_module_find(linear, "weight"), fr_from_doubles(FR_SHAPE(2, 2), (double[]){ -0.1, -2, 2, -0.1 }));
    return fr_escape(fr_index(odeint(linear, start, MAX_STEPS, 0.025), ":, 0"));
}

int main(void)
{
    FR_SCOPE;
    fr_tensor *truth = spiral();

    fr_manual_seed(0);

    FR_AUTO(fr_module) model = FR_SEQUENTIAL(fr_nn_linear(2, 50, NULL), fr_nn_tanh(), fr_nn_linear(50, 2, NULL));
    FR_AUTO(fr_optim) optimizer = fr_rmsprop(model, &(fr_rmsprop_options){ .lr = 1e-3 });

    FR_FOR_STEPS (step, 61) {
        fr_tensor *starts = fr_randint(0, MAX_STEPS - PIECE, FR_SHAPE(20)), *wanted[PIECE + 1];

        for (int i = 0; i <= PIECE; i++)
            wanted[i] = fr_index_select(truth, 0, fr_add_scalar(starts, i));

        fr_tensor *loss = fr_l1(odeint(model, wanted[0], PIECE, 0.025), fr_stack(wanted, PIECE + 1, 0), FR_MEAN);

        fr_optim_zero_grad(optimizer);
        fr_backward(loss);
        fr_optim_step(optimizer);
        if (step % 20 == 0)
            printf("step %2d  loss %.4f\n", step, fr_item(loss));
    }
    return 0;
}
