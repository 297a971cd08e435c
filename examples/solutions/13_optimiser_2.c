/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Gradient descent and momentum turn with the valley: they know only directions, not axes. Adam has a rate for each
 * value, which is of no use where the valley lies across them: both values have gradients of about the same size. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

/* The loss after 50 steps down x^2 / 2 + 50 y^2, turned or not. */
static double run(bool turned, bool adam)
{
    double c = sqrt(0.5);
    fr_tensor *axes = turned ? fr_from_doubles(FR_SHAPE(2, 2), (double[]){ c, c, c, -c }) : fr_eye(2);
    fr_tensor *sizes = fr_from_doubles(FR_SHAPE(2), (double[]){ 0.5, 50 });
    fr_tensor *start = fr_matmul(axes, fr_from_doubles(FR_SHAPE(2), (double[]){ 3, 1 })); /* the same place */
    FR_AUTO(fr_module) holder = fr_module_new("Point", 0, NULL);
    fr_tensor *p = fr_module_param(holder, "p", start);
    double value = 0;
    FR_AUTO(fr_optim) o = adam ? fr_adam(holder, &(fr_adam_options){ .lr = 0.1 })
                               : fr_sgd(holder, &(fr_sgd_options){ .lr = 0.019, .momentum = 0.9 });

    for (int step = 0; step < 50; step++) {
        FR_SCOPE;
        fr_tensor *loss = fr_sum(fr_mul(fr_square(fr_matmul(axes, p)), sizes));

        fr_optim_zero_grad(o);
        fr_backward(loss);
        fr_optim_step(o);
        value = fr_item(loss);
    }
    return value;
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    printf("momentum: %.3f, turned %.3f\n", run(false, false), run(true, false));
    printf("Adam:     %.3f, turned %.3f\n", run(false, true), run(true, true));
    return 0;
}
