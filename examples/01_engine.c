/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reverse mode, whole, without any library. Each number remembers what it was computed from, and the derivative by each
 * of these. One walk back over what was computed, last first, gives the derivatives of the result by all numbers.
 *
 * You will see the derivatives of tanh(a b + 7), and what goes wrong in another order: the obvious recursive walk gives
 * 6 where 4 is right, and takes a million steps where 38 are enough. */
#include <math.h>
#include <stdio.h>

typedef struct value value;
struct value {
    double data;
    double grad;     /* d result / d this: what backward adds up */
    value *in[2];    /* what it was computed from; NULL: nothing more */
    double local[2]; /* d this / d in[i] */
};

static value tape[100]; /* all values, in the order in which they were made */
static int count, steps;

static value *record(double data, value *a, double by_a, value *b, double by_b)
{
    value *v = &tape[count++];

    *v = (value){ .data = data, .in = { a, b }, .local = { by_a, by_b } };
    return v;
}

static value *leaf(double data)
{
    return record(data, NULL, 0, NULL, 0);
}

static value *add(value *a, value *b)
{
    return record(a->data + b->data, a, 1, b, 1);
}

static value *mul(value *a, value *b)
{
    return record(a->data * b->data, a, b->data, b, a->data);
}

static value *tanh_of(value *a)
{
    double y = tanh(a->data);

    return record(y, a, 1 - y * y, NULL, 0);
}

/* The chain rule at one value: each of its inputs gets its part. */
static void pass_on(value *v, int i)
{
    v->in[i]->grad += v->grad * v->local[i];
    steps++;
}

/* Right: a value's turn comes after all that was computed from it, so its gradient is complete when it is passed on. */
static void backward(value *result)
{
    result->grad = 1;
    for (value *v = result; v >= tape; v--)
        for (int i = 0; i < 2 && v->in[i]; i++)
            pass_on(v, i);
}

/* Wrong: it passes on what has come so far, and again when more has come. */
static void naive_walk(value *v)
{
    for (int i = 0; i < 2 && v->in[i]; i++) {
        pass_on(v, i);
        naive_walk(v->in[i]);
    }
}

/* b = a + a, c = b + b and so on, n times: the derivative of the last by a is 2^n. */
static void double_often(int n, const char *name, void (*walk)(value *result))
{
    count = steps = 0;

    value *a = leaf(1), *result = a;

    for (int i = 0; i < n; i++)
        result = add(result, result);
    result->grad = 1;
    walk(result);
    printf("%2d doublings, %s  derivative %11.6g  steps %7d\n", n, name, a->grad, steps);
}

int main(void)
{
    static const int doublings[] = { 1, 2, 19 };

    printf("tanh(a b + 7) at a = 2, b = -3, and its derivatives:\n");

    value *a = leaf(2), *b = leaf(-3), *d = tanh_of(add(mul(a, b), leaf(7)));

    backward(d);
    printf("d = %.4f  dd/da = %.4f  dd/db = %.4f\n\n", d->data, a->grad, b->grad);

    printf("b = a + a, c = b + b, ...: the derivative of the last one is 2^n.\n");
    for (int i = 0; i < 3; i++) {
        double_often(doublings[i], "recursive:", naive_walk);
        double_often(doublings[i], "in order: ", backward);
    }
    return 0;
}

/* Exercises
 *
 * 1. Mend the recursive walk: pass on only the part that has just come, not all that has come so far. It is right then.
 *    How many steps does it take for 19 doublings, and why?
 * 2. Forward mode needs no tape: compute with pairs of a value and its derivative by a. Get dd/da this way. What must
 *    you do for dd/db? When is this better than reverse mode, when worse? */
