/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Grades sheet 2. */
#include "grade.h"

static bool forward(void)
{
    static const double rows[3][4] = { { 0.5, -1, 2, 0 }, { 1000, 999, 998, 0 }, { -2000, -2000, -2000, -2001 } };
    const char *names[] = { "x = 0.5, -1, 2, 0: y", "x = 1000, 999, 998, 0: y", "x = three of -2000, -2001: y" };
    bool right = true;

    for (int i = 0; i < 3; i++) {
        fr_tensor *y = fr_zeros(FR_SHAPE(4));

        softmax_row(rows[i], fr_data(y), 4);
        right &= same(names[i], y, fr_softmax(fr_from_doubles(FR_SHAPE(4), rows[i]), 0));
    }
    return right;
}

static fr_tensor *library_softmax(fr_tensor *const *x, void *unused)
{
    (void)unused;
    return fr_softmax(x[0], -1);
}

static bool jacobian(void)
{
    fr_tensor *x = random_leaf(FR_SHAPE(3)), *expected = NULL;

    fr_jacobian(library_softmax, &x, 1, NULL, 0, &expected);
    return same("J", softmax_jacobian(fr_detach(fr_softmax(x, 0))), expected);
}

static fr_tensor *student_softmax(fr_tensor *const *x, void *unused)
{
    (void)unused;
    return my_softmax(x[0]);
}

static bool backward(void)
{
    fr_tensor *x = random_leaf(FR_SHAPE(2, 2, 3)), *g = random_leaf(FR_SHAPE(2, 2, 3)), *given = NULL, *expected = NULL;

    fr_gradients_with(my_softmax(x), g, &x, 1, &given, 0);
    fr_gradients_with(fr_softmax(x, -1), g, &x, 1, &expected, 0);
    return same("gradient of x", given, expected) && fr_gradcheck(student_softmax, &x, 1, NULL) &&
           fr_gradgradcheck(student_softmax, &x, 1, NULL);
}

int main(void)
{
    return grade("2_softmax",
                 (task[]){ { "forward, also of large values", 3, forward },
                           { "Jacobian", 3, jacobian },
                           { "backward, first and second derivatives", 4, backward } },
                 3);
}
