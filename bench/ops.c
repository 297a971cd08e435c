/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Measures single ops: the cost of recording, and elementwise ops of few and many values, compared with the rate of
 * memory.
 *
 *     ops [THREADS] */
#include "bench.h"
#include "limits.h"

enum { CHAIN = 500, WIDTH = 256 };

typedef struct {
    fr_tensor *a, *b;
} pair;

/* Computes x = x a + b 500 times: 1,000 ops of one value each. */
static fr_tensor *run_chain(const pair *p)
{
    fr_tensor *x = p->a;

    for (int i = 0; i < CHAIN; i++)
        x = fr_add(fr_mul(x, p->a), p->b);
    return x;
}

static void chain_backward(void *argument)
{
    FR_SCOPE;
    pair *p = argument;

    fr_zero_grad(p->a);
    fr_zero_grad(p->b);
    fr_backward(run_chain(p));
}

#define DEFINE(NAME, CALL)                                                                                             \
    static void NAME(void *argument)                                                                                   \
    {                                                                                                                  \
        FR_SCOPE;                                                                                                      \
        pair *p = argument;                                                                                            \
        CALL;                                                                                                          \
    }

DEFINE(chain_forward, run_chain(p))
DEFINE(add, fr_add(p->a, p->b))
DEFINE(mul, fr_mul(p->a, p->b))
DEFINE(tanh_of, fr_tanh(p->a))
DEFINE(sigmoid, fr_sigmoid(p->a))
DEFINE(exp_of, fr_exp(p->a))
DEFINE(softmax, fr_softmax(p->a, 1))
DEFINE(sum, fr_sum(p->a))

static void chain_unrecorded(void *argument)
{
    FR_NO_GRAD;

    chain_forward(argument);
}

static const struct {
    const char *name;
    void (*run)(void *);
    double bytes; /* bytes read and written for each value */
} elementwise[] = {
    { "add", add, 12 },   { "mul", mul, 12 },        { "tanh", tanh_of, 8 }, { "sigmoid", sigmoid, 8 },
    { "exp", exp_of, 8 }, { "softmax", softmax, 8 }, { "sum", sum, 4 },
};

static const struct {
    const char *name;
    void (*run)(void *);
} chains[] = {
    { "chain of 1000", chain_backward },
    { "chain of 1000 forward", chain_forward },
    { "chain of 1000 unrecorded", chain_unrecorded },
};

static void run_chains(void)
{
    FR_SCOPE;
    pair p = { fr_requires_grad(fr_full(FR_SHAPE(1), 0.999)), fr_requires_grad(fr_full(FR_SHAPE(1), 0.001)) };
    row r = { .unit = "ns an op" };

    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        r.work = chains[i].name;
        r.time = measure(chains[i].run, &p, 1, 0.5);
        r.rate = r.time.best / (2 * CHAIN) * 1e3;
        print_row(&r);
    }
}

static void run_elementwise(int64_t n)
{
    FR_SCOPE;
    FR_NO_GRAD;
    pair p = { fr_randn(FR_SHAPE(n / WIDTH, WIDTH)), fr_randn(FR_SHAPE(n / WIDTH, WIDTH)) };
    char name[64];
    row r = { .work = name, .unit = "GB/s" };

    for (size_t i = 0; i < sizeof elementwise / sizeof *elementwise; i++) {
        double bytes = elementwise[i].bytes * (double)n;

        snprintf(name, sizeof name, "%s %lld", elementwise[i].name, (long long)n);
        r.time = measure(elementwise[i].run, &p, n < 2000 ? 100 : 1, 0.5);
        r.rate = bytes / r.time.best * 1e-3;
        r.limit_us = triad_us(bytes, n);
        print_row(&r);
    }
}

int main(int argc, char **argv)
{
    begin_bench(argc, argv, 1);
    run_chains();
    run_elementwise(1024);
    run_elementwise(4 << 20);
    return 0;
}
