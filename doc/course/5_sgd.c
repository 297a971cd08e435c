/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sheet 5: clipping gradients, SGD with momentum, and why clipping is needed. */
#include "course.h"

#include <math.h>

/* Task 1. Scales the gradients of the parameters so that their common norm is at most max. Returns the norm before. */
double clip(fr_tensor *const *parameters, int n, double max)
{
    (void)parameters, (void)n, (void)max; /* your code here */
    return 0;
}

/* Task 2. One step: v' = momentum v + g, p' = p - lr v', written into velocity[i] and parameters[i]. */
void sgd_step(fr_tensor *const *parameters, fr_tensor *const *velocity, int n, double lr, double momentum)
{
    FR_NO_GRAD;

    (void)parameters, (void)velocity, (void)n, (void)lr, (void)momentum; /* your code here */
}

/* Task 3. h_t = tanh(W h_{t-1}), with W (n,n) and h_0 = h0 (n), which wants a gradient. norm[t - 1] is the norm of the
 * gradient of sum(h_t) by h_0, for t = 1, ..., steps. */
void gradient_growth(fr_tensor *w, fr_tensor *h0, int steps, double *norm)
{
    (void)w, (void)h0, (void)steps, (void)norm; /* your code here */
}
