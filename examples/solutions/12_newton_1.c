/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Newton's method takes a few steps, each of which needs the whole Hessian and its inverse: of n parameters n^2
 * numbers. Gradient descent needs n, and thousands of steps. */
#include <frond.h>

#include <stdio.h>

static fr_tensor *valley(fr_tensor *const *in, void *unused)
{
    fr_tensor *x = fr_select(in[0], 0, 0), *y = fr_select(in[0], 0, 1);
    fr_tensor *off = fr_sub(y, fr_square(x));

    (void)unused;
    return fr_add(fr_square(fr_sub_scalar(x, 1)), fr_mul_scalar(fr_square(off), 100));
}

static void newton(double *p)
{
    FR_SCOPE;
    fr_tensor *at = fr_requires_grad(fr_from_doubles(FR_SHAPE(2), (double[]){ p[0], p[1] })), *g, *h;

    fr_gradients(valley(&at, NULL), &at, 1, &g, 0);
    fr_hessian(valley, &at, 1, NULL, 0, &h);

    /* H^-1 g of a matrix (a b; b d), by Cramer's rule */
    double a = fr_at(h, 0), b = fr_at(h, 1), d = fr_at(h, 3), det = a * d - b * b;

    p[0] -= (d * fr_at(g, 0) - b * fr_at(g, 1)) / det;
    p[1] -= (a * fr_at(g, 1) - b * fr_at(g, 0)) / det;
}

static int descend(void)
{
    fr_tensor *p = fr_requires_grad(fr_from_doubles(FR_SHAPE(2), (double[]){ -1, 2 }));
    int steps = 0;

    while (fr_at(p, 0) < 0.999) {
        FR_SCOPE;
        fr_tensor *g;

        fr_gradients(valley(&p, NULL), &p, 1, &g, 0);

        FR_NO_GRAD;
        fr_copy(p, fr_sub(p, fr_mul_scalar(g, 0.001)));
        steps++;
    }
    return steps;
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    double p[] = { -1, 2 };

    for (int step = 1; step <= 6; step++) {
        newton(p);
        printf("step %d  (%.4f, %.4f)\n", step, p[0], p[1]);
    }
    printf("gradient descent: about %d thousand steps\n", descend() / 1000);
    return 0;
}
