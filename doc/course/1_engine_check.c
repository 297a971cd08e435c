/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Grades sheet 1. */
#include "grade.h"

#include <math.h>

static bool mul_backward(void)
{
    value a = leaf(3), b = leaf(-2), y = mul(&a, &b), c = leaf(5), square = mul(&c, &c);

    a.grad = 10; /* as if a were used elsewhere too */
    y.grad = 0.5;
    square.grad = 1;
    y.backward(&y);
    square.backward(&square);
    return same_number("y = 3 * -2, y.grad 0.5: grad of -2", b.grad, 1.5) &&
           same_number("y = 3 * -2, y.grad 0.5: grad of 3, which was 10", a.grad, 9) &&
           same_number("y = 5 * 5: grad of 5", c.grad, 10);
}

static bool tanh_backward(void)
{
    value a = leaf(0.8), y = tanh_of(&a);

    a.grad = 10;
    y.grad = 2;
    y.backward(&y);
    return same_number("y = tanh(0.8), y.grad 2: grad of 0.8, which was 10", a.grad, 10 + 2 / pow(cosh(0.8), 2));
}

/* x doubled three times by adding each value to itself, and another leaf: 5 values, d result / dx = 8. */
static bool order(void)
{
    value x = leaf(1), x2 = add(&x, &x), x4 = add(&x2, &x2), x8 = add(&x4, &x4), b = leaf(1), y = add(&x8, &b);
    value *graph[] = { &x, &x2, &x4, &x8, &b, &y }, *order[1000] = { NULL };
    int n = topological_order(&y, order), place[6] = { -1, -1, -1, -1, -1, -1 };

    if (!same_number("y = ((x + x) doubled twice) + b has 6 values: how many in order", n, 6))
        return false;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            if (order[i] == graph[j])
                place[j] = i;
    for (int j = 0; j < 6; j++)
        if (place[j] < 0) {
            printf("value %d of x, 2x, 4x, 8x, b, y is not in order\n", j);
            return false;
        }
    for (int j = 0; j < 5; j++)
        if (place[j] > place[j < 3 ? j + 1 : 5]) {
            printf("value %d of x, 2x, 4x, 8x, b, y stands behind what is made from it\n", j);
            return false;
        }
    for (int j = 0; j < 6; j++)
        graph[j]->visited = false;
    backward_from(&y);
    return same_number("y = 8x + b: grad of x", x.grad, 8) && same_number("grad of b", b.grad, 1);
}

int main(void)
{
    return grade("1_engine",
                 (task[]){ { "backward of mul", 3, mul_backward },
                           { "backward of tanh", 3, tanh_backward },
                           { "topological order", 4, order } },
                 3);
}
