/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sheet 5: clipping gradients, SGD with momentum, and why clipping is needed. */
#include "course.h"

#include <math.h>

/* Task 1. Scales the gradients of the parameters so that their common norm is at most max. Returns the norm before. */
double clip(fr_tensor *const *parameters, int n, double max)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += fr_item(fr_sum(fr_square(fr_grad(parameters[i]))));

    double norm = sqrt(sum), factor = fmin(1, max / (norm + 1e-6));

    for (int i = 0; i < n; i++) {
        fr_tensor *g = fr_grad(parameters[i]);

        fr_copy(g, fr_mul_scalar(g, factor));
    }
    return norm;
}

/* Task 2. One step: v' = momentum v + g, p' = p - lr v', written into velocity[i] and parameters[i]. */
void sgd_step(fr_tensor *const *parameters, fr_tensor *const *velocity, int n, double lr, double momentum)
{
    FR_NO_GRAD;

    for (int i = 0; i < n; i++) {
        fr_tensor *p = parameters[i], *v = velocity[i];

        fr_copy(v, fr_add(fr_mul_scalar(v, momentum), fr_grad(p)));
        fr_copy(p, fr_sub(p, fr_mul_scalar(v, lr)));
    }
}

/* Task 3. h_t = tanh(W h_{t-1}), with W (n,n) and h_0 = h0 (n), which wants a gradient. norm[t - 1] is the norm of the
 * gradient of sum(h_t) by h_0, for t = 1, ..., steps. */
void gradient_growth(fr_tensor *w, fr_tensor *h0, int steps, double *norm)
{
    fr_tensor *h = h0, *g;

    for (int t = 1; t <= steps; t++) {
        h = fr_tanh(fr_matmul(w, h));
        fr_gradients(fr_sum(h), &h0, 1, &g, FR_RETAIN_GRAPH);
        norm[t - 1] = fr_item(fr_norm(g));
    }
}
