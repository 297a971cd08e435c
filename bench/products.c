/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Measures fr_matmul (m,k) (k,n) and fr_linear with weight (n,k), forward and with backward, compared with sgemm of the
 * same shapes.
 *
 *     products [THREADS] */
#include "bench.h"
#include "limits.h"

static const int64_t shapes[][3] = {
    /* m, k, n */
    { 32, 32, 32 },   { 32, 128, 32 },   { 32, 32, 128 },   { 64, 128, 128 },    { 64, 128, 512 },
    { 64, 512, 512 }, { 64, 512, 2048 }, { 64, 2048, 512 }, { 6400, 512, 2048 }, { 1024, 1024, 1024 },
};

typedef struct {
    fr_tensor *(*apply)(fr_tensor *x, fr_tensor *w);
    fr_tensor *x, *w, *gradient;
} product;

static fr_tensor *linear(fr_tensor *x, fr_tensor *w)
{
    return fr_linear(x, w, NULL);
}

static void forward(void *argument)
{
    FR_SCOPE;
    FR_NO_GRAD;
    product *p = argument;

    p->apply(p->x, p->w);
}

static void both(void *argument)
{
    FR_SCOPE;
    product *p = argument;

    fr_zero_grad(p->x);
    fr_zero_grad(p->w);
    fr_backward_with(p->apply(p->x, p->w), p->gradient, 0);
}

static void print_product(const char *op, const char *way, void (*f)(void *), product *p, const gemm *products, int n)
{
    char name[64];
    row r = { .work = name, .unit = "GFLOP/s", .limit_us = gemm_us(products, n) };
    double flops = gemm_flops(products, n);

    snprintf(name, sizeof name, "%s %lldx%lldx%lld%s", op, (long long)products->m, (long long)products->k,
             (long long)products->n, way);
    r.time = measure(f, p, (int)(2e6 / flops) + 1, 0.2);
    r.rate = flops / r.time.best * 1e-3;
    print_row(&r);
}

static void run_shape(int64_t m, int64_t k, int64_t n)
{
    FR_SCOPE;
    gemm products[] = { { m, n, k, false, 1 }, { m, k, n, false, 1 }, { k, n, m, true, 1 } };
    product mm = { fr_matmul, fr_requires_grad(fr_randn(FR_SHAPE(m, k))), fr_requires_grad(fr_randn(FR_SHAPE(k, n))),
                   fr_ones(FR_SHAPE(m, n)) };
    product lin = { linear, mm.x, fr_requires_grad(fr_randn(FR_SHAPE(n, k))), mm.gradient };

    print_product("matmul", "", forward, &mm, products, 1);
    print_product("matmul", " backward", both, &mm, products, 3);
    print_product("linear", "", forward, &lin, products, 1);
    print_product("linear", " backward", both, &lin, products, 3);
}

int main(int argc, char **argv)
{
    begin_bench(argc, argv, 1);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        run_shape(shapes[i][0], shapes[i][1], shapes[i][2]);
    return 0;
}
