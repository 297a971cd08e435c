/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Back-propagation through time. A recurrent network is a deep one whose layers share their weights: its graph is
 * unrolled, and reverse mode walks it from the last step to the first. At each step the gradient is multiplied by W^T
 * once more: after 40 steps there is next to nothing of it left, or a number that ends all learning.
 *
 * You will see the norm of the gradient on its way back through h' = tanh(W h), for W that shrink, keep and stretch
 * a vector; then a step of gradient descent that a long gradient spoils, and the same step with the gradient clipped.
 */
#include <frond.h>

#include <math.h>
#include <stdio.h>

enum { STEPS = 40 };

/* (2,2): turns a vector by 30 degrees and stretches it by `scale` */
static fr_tensor *turn(double scale)
{
    double c = scale * sqrt(3) / 2, s = scale / 2;

    return fr_requires_grad(fr_from_doubles(FR_SHAPE(2, 2), (double[]){ c, -s, s, c }));
}

/* h[0] = start, h[t + 1] = tanh(W h[t]); how far the last state is from a target. Inputs are left out. */
static fr_tensor *unroll(fr_tensor *w, fr_tensor *start, fr_tensor **h)
{
    h[0] = fr_requires_grad(start);
    for (int t = 0; t < STEPS; t++)
        h[t + 1] = fr_tanh(fr_matmul(w, h[t]));
    return fr_mse(h[STEPS], fr_full(FR_SHAPE(2), 0.5), FR_SUM);
}

/* Small states, where tanh hardly bends. */
static fr_tensor *small_start(void)
{
    return fr_full(FR_SHAPE(2), 1e-8);
}

static void show_norms(void)
{
    static const double scales[] = { 0.8, 1, 1.2 };
    fr_tensor *h[STEPS + 1], *gradient[3][STEPS + 1];

    for (int i = 0; i < 3; i++) {
        fr_tensor *loss = unroll(turn(scales[i]), small_start(), h);

        fr_gradients(loss, h, STEPS + 1, gradient[i], 0);
    }
    printf("norm of the gradient that reaches h[t], for W that stretches by\n   t        0.8          1        1.2\n");
    for (int t = STEPS; t >= 0; t -= 10)
        printf("%4d %10.2e %10.2e %10.2e\n", t, fr_item(fr_norm(gradient[0][t])), fr_item(fr_norm(gradient[1][t])),
               fr_item(fr_norm(gradient[2][t])));
}

/* One step of gradient descent for W, with the gradient no longer than `longest`. It is clipped by hand, since W
 * belongs to no module; fr_clip_grad_norm does the same for all gradients of a module. */
static void descend(double longest)
{
    fr_tensor *w = turn(1.2), *start = fr_full(FR_SHAPE(2), 0.001), *h[STEPS + 1], *gradient;
    fr_tensor *loss = unroll(w, start, h);

    fr_gradients(loss, &w, 1, &gradient, 0);

    double norm = fr_item(fr_norm(gradient)), factor = fmin(1, longest / norm);
    fr_tensor *next = fr_sub(w, fr_mul_scalar(gradient, 0.1 * factor));

    printf("gradient %.1f long, taken as %.1f: the loss goes from %.3f to %.3f\n", norm, norm * factor, fr_item(loss),
           fr_item(unroll(next, start, h)));
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    show_norms();
    printf("\none step of gradient descent, W stretching by 1.2:\n");
    descend(INFINITY);
    descend(1);
    return 0;
}

/* Exercises
 *
 * 1. Start from 1 instead of 1e-8, where tanh is flat. What happens to the gradients of 1.2, and why?
 * 2. The gradient of W is the sum of what comes from each of the 40 places where W is used. Make each place a tensor of
 *    its own (fr_mul_scalar(w, 1)), and print their norms: which steps does W learn from when it shrinks? */
