/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Grades sheet 5. */
#include "grade.h"

#include <math.h>
#include <string.h>

/* Two equal modules with equal gradients: one for the student, one for the library. */
static void backward_both(fr_module *mine, fr_module *yours, fr_tensor *x)
{
    fr_backward(fr_sum(fr_square(fr_forward(mine, x))));
    fr_backward(fr_sum(fr_square(fr_forward(yours, x))));
}

static bool clips(void)
{
    FR_AUTO(fr_module) mine = fr_nn_linear(3, 2, NULL);
    FR_AUTO(fr_module) yours = fr_module_clone(mine);
    fr_tensor *x = fr_rand(FR_SHAPE(4, 3));
    int n;
    fr_tensor *const *p = fr_module_parameters(yours, &n), *const *q = fr_module_parameters(mine, &n);

    backward_both(mine, yours, x);
    double norm = fr_clip_grad_norm(mine, 1e6); /* changes nothing */
    bool right = same_number("max is large: norm", clip(p, n, 1e6), norm) &&
                 same("max is large: gradient of weight", fr_grad(p[0]), fr_grad(q[0]));

    fr_clip_grad_norm(mine, 0.5);
    return right && same_number("max = 0.5: norm", clip(p, n, 0.5), norm) &&
           same("max = 0.5: gradient of weight", fr_grad(p[0]), fr_grad(q[0])) &&
           same("max = 0.5: gradient of bias", fr_grad(p[1]), fr_grad(q[1]));
}

static bool steps(void)
{
    FR_AUTO(fr_module) mine = fr_nn_linear(3, 2, NULL);
    FR_AUTO(fr_module) yours = fr_module_clone(mine);
    FR_AUTO(fr_optim) sgd = fr_sgd(mine, &(fr_sgd_options){ .lr = 0.01, .momentum = 0.9 });
    fr_tensor *x = fr_rand(FR_SHAPE(4, 3));
    int n;
    fr_tensor *const *p = fr_module_parameters(yours, &n), *const *q = fr_module_parameters(mine, &n);
    fr_tensor *velocity[2] = { fr_zeros_like(p[0]), fr_zeros_like(p[1]) };

    for (int step = 1; step <= 3; step++) {
        backward_both(mine, yours, x);
        fr_optim_step(sgd);
        sgd_step(p, velocity, n, 0.01, 0.9);
        if (!(same("weight", p[0], q[0]) && same("bias", p[1], q[1]))) {
            printf("after step %d\n", step);
            return false;
        }
        fr_optim_zero_grad(sgd);
        fr_zero_grad(p[0]);
        fr_zero_grad(p[1]);
    }
    return true;
}

/* The same by the chain rule: d h_t / d h_0 = diag(1 - h_t^2) W d h_{t-1} / d h_0. W turns by 0.5 and scales. */
static bool grows_as(const char *what, double scale)
{
    double w[2][2] = { { scale * cos(0.5), -scale * sin(0.5) }, { scale * sin(0.5), scale * cos(0.5) } };
    double h[2] = { 1e-6, 2e-6 }, d[2][2] = { { 1, 0 }, { 0, 1 } }, norm[20] = { 0 };
    bool right = true;

    gradient_growth(fr_from_doubles(FR_SHAPE(2, 2), &w[0][0]), fr_requires_grad(fr_from_doubles(FR_SHAPE(2), h)), 20,
                    norm);
    for (int t = 0; t < 20; t++) {
        double a = tanh(w[0][0] * h[0] + w[0][1] * h[1]), b = tanh(w[1][0] * h[0] + w[1][1] * h[1]), next[2][2];

        for (int j = 0; j < 2; j++) {
            next[0][j] = (1 - a * a) * (w[0][0] * d[0][j] + w[0][1] * d[1][j]);
            next[1][j] = (1 - b * b) * (w[1][0] * d[0][j] + w[1][1] * d[1][j]);
        }
        memcpy(d, next, sizeof d);
        h[0] = a;
        h[1] = b;
        right = right && same_number(what, norm[t], hypot(d[0][0] + d[1][0], d[0][1] + d[1][1]));
    }
    if (right)
        printf("%s: after 1, 10, 20 steps %.3g, %.3g, %.3g\n", what, norm[0], norm[9], norm[19]);
    return right;
}

static bool growth(void)
{
    return grows_as("W scales by 2, norm", 2) && grows_as("W scales by 0.5, norm", 0.5);
}

int main(void)
{
    return grade("5_sgd",
                 (task[]){ { "clipping, as fr_clip_grad_norm", 3, clips },
                           { "SGD with momentum, as fr_sgd", 4, steps },
                           { "exploding and vanishing gradients", 3, growth } },
                 3);
}
