/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Second derivatives. Gradients are computed by ops, so they have gradients too: FR_CREATE_GRAPH records them.
 *
 * You will see Newton's method find the minimum of x^4 - 3 x^3 + 2 in five steps; then a Hessian times a vector, three
 * times the same: from the whole Hessian, from the gradient of a gradient, and without either by fr_hvp. */
#include <frond.h>

#include <stdio.h>

static void newton(void)
{
    double at = 3;

    printf("Newton's method for x^4 - 3 x^3 + 2:\n");
    for (int step = 0; step < 6; step++) {
        FR_SCOPE;
        fr_tensor *x = fr_requires_grad(fr_scalar(at)), *first, *second;
        fr_tensor *f = fr_add_scalar(fr_sub(fr_pow_scalar(x, 4), fr_mul_scalar(fr_pow_scalar(x, 3), 3)), 2);

        fr_gradients(f, &x, 1, &first, FR_CREATE_GRAPH); /* 4 x^3 - 9 x^2, recorded */
        fr_gradients(first, &x, 1, &second, 0);          /* 12 x^2 - 18 x */
        printf("x %.6f  f %9.6f  f' %7.1e  f'' %9.6f\n", at, fr_item(f), fr_item(first), fr_item(second));
        at -= fr_item(first) / fr_item(second);
    }
}

/* Rosenbrock's valley (1 - x)^2 + 100 (y - x^2)^2, in[0] = (x, y) */
static fr_tensor *valley(fr_tensor *const *in, void *unused)
{
    fr_tensor *x = fr_select(in[0], 0, 0), *y = fr_select(in[0], 0, 1);
    fr_tensor *off = fr_sub(y, fr_square(x));

    (void)unused;
    return fr_add(fr_square(fr_sub_scalar(x, 1)), fr_mul_scalar(fr_square(off), 100));
}

static void show(const char *what, fr_tensor *t)
{
    printf("%-32s (%g, %g)\n", what, fr_at(t, 0), fr_at(t, 1));
}

static void hessian_times_vector(void)
{
    fr_tensor *p = fr_requires_grad(fr_from_doubles(FR_SHAPE(2), (double[]){ -1, 2 }));
    fr_tensor *v = fr_from_doubles(FR_SHAPE(2), (double[]){ 3, 1 }), *hessian, *gradient, *product;

    printf("\nthe Hessian of Rosenbrock's valley at (-1, 2), times (3, 1):\n");
    fr_hessian(valley, &p, 1, NULL, 0, &hessian);
    show("all of it, n gradients:", fr_matmul(hessian, v));

    /* d (g . v) / dp = H v, where v is constant: one more gradient, whatever n */
    fr_gradients(valley(&p, NULL), &p, 1, &gradient, FR_CREATE_GRAPH);
    fr_gradients(fr_sum(fr_mul(gradient, v)), &p, 1, &product, 0);
    show("the gradient of (gradient . v):", product);

    /* the change of the gradient in the direction of v: forward mode over reverse mode, nothing is kept */
    fr_hvp(valley, &p, &v, 1, NULL, 0, NULL, &product);
    show("fr_hvp:", product);
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    newton();
    hessian_times_vector();
    return 0;
}

/* Exercises
 *
 * 1. Find the minimum of Rosenbrock's valley, (1, 1), from (-1, 2) by Newton's method in two dimensions: p - H^-1 g.
 *    How many steps does gradient descent need until x is at least 0.999, if it goes by 0.001 times the gradient?
 * 2. sin differentiated four times is sin again. Do it in a loop, at x = 1. Which flag does each step need? */
