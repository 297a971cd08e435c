/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One function, f(x, y) = x^3 y + x / y, and its derivative by y in four ways: by hand, by differences, in forward mode
 * and in reverse mode.
 *
 * You will see that differences give eleven right digits at best, and at which step; and a table of all that is
 * computed on the way to f, with the derivatives that forward mode carries along and those that reverse mode brings
 * back. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

static const double at_x = 3, at_y = 2;

static double f(double x, double y)
{
    return x * x * x * y + x / y;
}

static double by_hand(double x, double y)
{
    return x * x * x - x / (y * y);
}

static int right_digits(double derivative)
{
    double error = fabs(derivative / by_hand(at_x, at_y) - 1);

    return error > 0 ? (int)fmax(-log10(error), 0) : 16;
}

/* Too large a step h, and f is not straight over it: an error of about h, or h^2 where the steps go both ways. Too
 * small, and what the two values have in common is lost: an error of about 1e-16 / h. */
static void differences(void)
{
    printf("right digits of differences, by step:\n   h     (f(y+h) - f(y)) / h   (f(y+h) - f(y-h)) / 2h\n");
    for (int k = 1; k <= 15; k += 2) {
        double h = pow(10, -k), f0 = f(at_x, at_y), up = f(at_x, at_y + h), down = f(at_x, at_y - h);

        printf("1e-%02d %10d %22d\n", k, right_digits((up - f0) / h), right_digits((up - down) / (2 * h)));
    }
}

enum { VALUES = 4 };

/* The same in ops; v gets all that is computed, f last. */
static void compute(fr_tensor *x, fr_tensor *y, fr_tensor **v)
{
    v[0] = fr_pow_scalar(x, 3);
    v[1] = fr_mul(v[0], y);
    v[2] = fr_div(x, y);
    v[3] = fr_add(v[1], v[2]);
}

/* For fr_jvp: all of v as one tensor (VALUES). */
static fr_tensor *all_values(fr_tensor *const *in, void *unused)
{
    fr_tensor *v[VALUES];

    (void)unused;
    compute(in[0], in[1], v);
    return fr_stack(v, VALUES, 0);
}

static void trace(void)
{
    static const char *const names[] = { "x", "y", "v0 = x^3", "v1 = v0 y", "v2 = x / y", "f = v1 + v2" };
    fr_tensor *x = fr_requires_grad(fr_scalar(at_x)), *y = fr_requires_grad(fr_scalar(at_y));
    fr_tensor *v[2 + VALUES] = { x, y }, *back[2 + VALUES], *values, *forward;

    /* Forward mode begins with dx/dy = 0 and dy/dy = 1, reverse mode with df/df = 1. */
    fr_jvp(all_values, v, (fr_tensor *[]){ fr_scalar(0), fr_scalar(1) }, 2, NULL, &values, &forward);
    compute(x, y, v + 2);
    fr_gradients(v[1 + VALUES], v, 2 + VALUES, back, 0);

    printf("\n               value   forward: dv/dy   reverse: df/dv\n");
    for (int i = 0; i < 2 + VALUES; i++)
        printf("%-12s %7.3f %16.3f %16.3f\n", names[i], fr_item(v[i]), i < 2 ? i : fr_at(forward, i - 2),
               fr_item(back[i]));
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    printf("f = x^3 y + x / y at x = %g, y = %g. By hand: df/dy = x^3 - x / y^2 = %g\n\n", at_x, at_y,
           by_hand(at_x, at_y));
    differences();
    trace();
    return 0;
}

/* Exercises
 *
 * 1. Which step is best for the first kind of difference, which for the second? Find the minimum of h / 2 + 1e-16 / h,
 *    and compare powers of ten in between. Print the digits for steps of 1e-8 and 1e-5.
 * 2. The table of forward mode has df/dy in its last row, that of reverse mode df/dx and df/dy in its first two. So for
 *    a function of n numbers: how many runs does each mode take for all derivatives? Count them for the sum of squares
 *    of 1,000 numbers, by fr_jvp and by fr_gradients, and time both. */
