/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* MAML: weights from which one step of gradient descent on five points of a sine wave is enough for the whole wave. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

enum { PARAMETERS = 6, TASKS = 4 };

/* The loss on fifteen points after a step on five others, of one wave. */
static fr_tensor *task_loss(fr_module *model)
{
    fr_tensor *amplitude = fr_add_scalar(fr_mul_scalar(fr_rand(FR_SHAPE(1)), 4.9), 0.1);
    fr_tensor *phase = fr_mul_scalar(fr_rand(FR_SHAPE(1)), M_PI);
    fr_tensor *x = fr_sub_scalar(fr_mul_scalar(fr_rand(FR_SHAPE(20, 1)), 10), 5);
    fr_tensor *y = fr_mul(amplitude, fr_sin(fr_add(x, phase)));
    fr_tensor *inner = fr_mse(fr_forward(model, fr_index(x, ":5")), fr_index(y, ":5"), FR_MEAN);
    fr_tensor *const *p = fr_module_parameters(model, &(int){ 0 });
    fr_tensor *grads[PARAMETERS], *adapted[PARAMETERS];

    fr_gradients(inner, p, PARAMETERS, grads, FR_CREATE_GRAPH);
    for (int i = 0; i < PARAMETERS; i++)
        adapted[i] = fr_sub(p[i], fr_mul_scalar(grads[i], 0.01));
    return fr_mse(fr_functional_call(model, adapted, PARAMETERS, fr_index(x, "5:")), fr_index(y, "5:"), FR_MEAN);
}

int main(void)
{
    fr_manual_seed(0);

    FR_AUTO(fr_module) model = FR_SEQUENTIAL(fr_nn_linear(1, 40, NULL), fr_nn_relu(), fr_nn_linear(40, 40, NULL),
                                             fr_nn_relu(), fr_nn_linear(40, 1, NULL));
    FR_AUTO(fr_optim) optimizer = fr_adam(model, &(fr_adam_options){ .lr = 1e-3 });

    for (int step = 0; step <= 200; step++) {
        FR_SCOPE;
        fr_tensor *loss = fr_scalar(0);

        for (int i = 0; i < TASKS; i++)
            loss = fr_add(loss, fr_div_scalar(task_loss(model), TASKS));
        fr_optim_zero_grad(optimizer);
        fr_backward(loss);
        fr_optim_step(optimizer);
        if (step % 50 == 0)
            printf("step %3d  loss %.4f\n", step, fr_item(loss));
    }
    return 0;
}
