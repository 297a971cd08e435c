/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Single ops: what recording costs, and elementwise ops of few and of many values.
 *
 *     ops [THREADS] */
#include "bench.h"

enum { CHAIN = 500, WIDTH = 256 };

typedef struct {
    fr_tensor *a, *b;
} pair;

/* x = x a + b, 500 times: 1,000 ops of one value each, and the way back */
static void chain(void *argument)
{
    FR_SCOPE;
    pair *p = argument;
    fr_tensor *x = p->a;

    for (int i = 0; i < CHAIN; i++)
        x = fr_add(fr_mul(x, p->a), p->b);
    fr_zero_grad(p->a);
    fr_zero_grad(p->b);
    fr_backward(x);
}

#define DEFINE(NAME, CALL)                                                                                             \
    static void NAME(void *argument)                                                                                   \
    {                                                                                                                  \
        FR_SCOPE;                                                                                                      \
        pair *p = argument;                                                                                            \
        CALL;                                                                                                          \
    }

DEFINE(add, fr_add(p->a, p->b))
DEFINE(tanh_of, fr_tanh(p->a))
DEFINE(sigmoid, fr_sigmoid(p->a))
DEFINE(exp_of, fr_exp(p->a))
DEFINE(softmax, fr_softmax(p->a, 1))
DEFINE(sum, fr_sum(p->a))

static const struct {
    const char *name;
    void (*run)(void *);
    double bytes; /* read and written, a value */
} elementwise[] = {
    { "add", add, 12 },   { "tanh", tanh_of, 8 },    { "sigmoid", sigmoid, 8 },
    { "exp", exp_of, 8 }, { "softmax", softmax, 8 }, { "sum", sum, 4 },
};

static void run_elementwise(int64_t n)
{
    FR_SCOPE;
    FR_NO_GRAD;
    pair p = { fr_randn(FR_SHAPE(n / WIDTH, WIDTH)), fr_randn(FR_SHAPE(n / WIDTH, WIDTH)) };
    char name[64];

    for (size_t i = 0; i < sizeof elementwise / sizeof *elementwise; i++) {
        timing t = measure(elementwise[i].run, &p, n < 2000 ? 100 : 1, 0.5);

        snprintf(name, sizeof name, "%s %lld", elementwise[i].name, (long long)n);
        print_row(name, t, elementwise[i].bytes * (double)n / t.best * 1e-3, "GB/s");
    }
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    pair p = { fr_requires_grad(fr_full(FR_SHAPE(1), 0.999)), fr_requires_grad(fr_full(FR_SHAPE(1), 0.001)) };
    timing t;

    fr_set_num_threads(argc > 1 ? atoi(argv[1]) : 1);
    print_header();
    t = measure(chain, &p, 1, 1);
    print_row("chain of 1000", t, t.best, "ns an op");
    run_elementwise(1024);
    run_elementwise(4 << 20);
    return 0;
}
