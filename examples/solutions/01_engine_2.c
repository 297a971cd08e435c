/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Forward mode: pairs of a value and its derivative by one input. The derivative by b takes a second run, with another
 * beginning. So it takes a run for each input, and gives the derivatives of all results at once; reverse mode takes a
 * run for each result, and gives those by all inputs at once. It keeps nothing: a pair dies when it has been used. */
#include <math.h>
#include <stdio.h>

typedef struct {
    double data, by; /* the value; its derivative by the input that began with 1 */
} pair;

static pair add(pair a, pair b)
{
    return (pair){ a.data + b.data, a.by + b.by };
}

static pair mul(pair a, pair b)
{
    return (pair){ a.data * b.data, a.by * b.data + a.data * b.by };
}

static pair tanh_of(pair a)
{
    double y = tanh(a.data);

    return (pair){ y, (1 - y * y) * a.by };
}

static pair f(double a, double da, double b, double db)
{
    return tanh_of(add(mul((pair){ a, da }, (pair){ b, db }), (pair){ 7, 0 }));
}

int main(void)
{
    printf("d = %.4f  dd/da = %.4f  dd/db = %.4f\n", f(2, 1, -3, 0).data, f(2, 1, -3, 0).by, f(2, 0, -3, 1).by);
    return 0;
}
