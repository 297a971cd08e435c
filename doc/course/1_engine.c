/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sheet 1: a scalar engine. A value knows what it was made from; backward_from applies the chain rule from the result
 * to the leaves. */
#include "course.h"

#include <math.h>

value leaf(double data)
{
    return (value){ .data = data };
}

/* y = a + b: both slopes are 1. */
static void add_backward(value *y)
{
    y->in[0]->grad += y->grad;
    y->in[1]->grad += y->grad;
}

value add(value *a, value *b)
{
    return (value){ .data = a->data + b->data, .in = { a, b }, .backward = add_backward };
}

/* Task 1. y = a b. */
static void mul_backward(value *y)
{
    (void)y; /* your code here */
}

value mul(value *a, value *b)
{
    return (value){ .data = a->data * b->data, .in = { a, b }, .backward = mul_backward };
}

/* Task 2. y = tanh(a). */
static void tanh_backward(value *y)
{
    (void)y; /* your code here */
}

value tanh_of(value *a)
{
    return (value){ .data = tanh(a->data), .in = { a }, .backward = tanh_backward };
}

/* Task 3. Writes result and all that it was made from into order, each once, each after those that it was made from.
 * Returns how many they are. */
int topological_order(value *result, value **order)
{
    (void)result, (void)order; /* your code here */
    return 0;
}

/* Sets the grad of all that result, of at most 1,000 values, was made from. */
void backward_from(value *result)
{
    value *order[1000];
    int n = topological_order(result, order);

    result->grad = 1;
    while (n-- > 0)
        if (order[n]->backward)
            order[n]->backward(order[n]);
}
