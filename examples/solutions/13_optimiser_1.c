/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* AdamW: the decay does not go through the means and their division, as it does where it is added to the gradient. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

enum { STEPS = 100 };

static fr_tensor *valley(fr_tensor *p)
{
    return fr_sum(fr_mul(fr_square(p), fr_from_doubles(FR_SHAPE(2), (double[]){ 0.5, 50 })));
}

static fr_tensor *start(void)
{
    return fr_requires_grad(fr_from_doubles(FR_SHAPE(2), (double[]){ 3, 1 }));
}

static fr_tensor *ours(double lr, double decay)
{
    fr_tensor *p = start(), *m = fr_zeros(FR_SHAPE(2)), *v = fr_zeros(FR_SHAPE(2));

    for (int step = 1; step <= STEPS; step++) {
        FR_SCOPE;
        fr_tensor *g;

        fr_gradients(valley(p), &p, 1, &g, 0);

        FR_NO_GRAD;
        fr_copy(p, fr_mul_scalar(p, 1 - lr * decay));
        fr_copy(m, fr_add(fr_mul_scalar(m, 0.9), fr_mul_scalar(g, 0.1)));
        fr_copy(v, fr_add(fr_mul_scalar(v, 0.999), fr_mul_scalar(fr_square(g), 0.001)));

        fr_tensor *mean = fr_div_scalar(m, 1 - pow(0.9, step)), *square = fr_div_scalar(v, 1 - pow(0.999, step));

        fr_copy(p, fr_sub(p, fr_mul_scalar(fr_div(mean, fr_add_scalar(fr_sqrt(square), 1e-8)), lr)));
    }
    return p;
}

static fr_tensor *theirs(double lr, double decay)
{
    FR_AUTO(fr_module) holder = fr_module_new("Point", 0, NULL);
    fr_tensor *p = fr_module_param(holder, "p", start());
    FR_AUTO(fr_optim) o = fr_adamw(holder, &(fr_adamw_options){ .lr = lr, .weight_decay = decay });

    for (int step = 0; step < STEPS; step++) {
        FR_SCOPE;
        fr_optim_zero_grad(o);
        fr_backward(valley(p));
        fr_optim_step(o);
    }
    return p;
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    printf("fr_adamw gives the same: %s\n",
           fr_item(fr_norm(fr_sub(ours(0.1, 0.01), theirs(0.1, 0.01)))) < 1e-12 ? "yes" : "no");
    return 0;
}
