/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Without fr_zero_grad a step goes along the sum of all gradients so far: it overshoots, swings and does not settle.
 * Without FR_NO_GRAD a forward keeps what a backward would need, though none will come. */
#include <frond.h>

#include <stdio.h>

/* Gradient descent for (w - 3)^2. */
static void descend(bool zero)
{
    FR_AUTO(fr_module) holder = fr_module_new("Number", 0, NULL);
    fr_tensor *w = fr_module_param(holder, "w", fr_zeros(FR_SHAPE()));
    FR_AUTO(fr_optim) sgd = fr_sgd(holder, &(fr_sgd_options){ .lr = 0.2 });

    printf("fr_zero_grad %s:", zero ? "in each step" : "forgotten   ");
    for (int step = 0; step < 8; step++) {
        FR_SCOPE;
        if (zero)
            fr_optim_zero_grad(sgd);
        fr_backward(fr_square(fr_sub_scalar(w, 3)));
        fr_optim_step(sgd);
        printf(" %5.2f", fr_item(w));
    }
    printf("\n");
}

static fr_tensor *evaluate(fr_tensor *x)
{
    FR_SCOPE;
    return fr_escape(fr_mean(fr_tanh(fr_mul_scalar(x, 2))));
}

int main(void)
{
    FR_SCOPE;
    descend(true);
    descend(false);

    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(1000)));
    size_t before = fr_live_bytes();

    evaluate(x);
    printf("an evaluation keeps %zu bytes\n", fr_live_bytes() - before);
    before = fr_live_bytes();

    FR_NO_GRAD;
    evaluate(x);
    printf("under FR_NO_GRAD %zu\n", fr_live_bytes() - before);
    return 0;
}
