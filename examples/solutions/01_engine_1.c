/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The recursive walk that passes on only what has just come. It is right: it adds up, over all paths from the result to
 * a, the products of the derivatives on the way. But there are 2^n paths. The walk in order takes each edge once. */
#include <stdio.h>

typedef struct value value;
struct value {
    double data, grad;
    value *in[2];
    double local[2];
};

static int steps;

static void walk(value *v, double part)
{
    v->grad += part;
    for (int i = 0; i < 2 && v->in[i]; i++) {
        steps++;
        walk(v->in[i], part * v->local[i]);
    }
}

int main(void)
{
    static value v[20] = { { .data = 1 } };

    for (int i = 1; i < 20; i++)
        v[i] = (value){ 2 * v[i - 1].data, 0, { &v[i - 1], &v[i - 1] }, { 1, 1 } };
    walk(&v[19], 1);
    printf("19 doublings: derivative %.0f, steps %d\n", v[0].grad, steps);
    return 0;
}
