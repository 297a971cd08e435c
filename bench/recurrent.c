/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Measures training steps and inference of the recurrent workloads, compared with the matrix products that they need.
 * Memory is that of training.
 *
 *     recurrent [THREADS [WORK...]] */
#include "bench.h"
#include "workloads.h"

static void print_train(const workload *w, run *r)
{
    gemm products[MOST_PRODUCTS];
    int n = train_products(w, products);
    char name[64];
    row out = { .work = name, .unit = "GFLOP/s", .memory = true };

    snprintf(name, sizeof name, "%s train", w->name);
    out.time = measure(train_step, r, 1, w->seconds);
    out.limit_us = gemm_us(products, n);
    out.rate = gemm_flops(products, n) / out.time.best * 1e-3;
    print_row(&out);
}

static void print_infer(const workload *w, run *r, const char *what)
{
    gemm products[MOST_PRODUCTS];
    int n = infer_products(w, products);
    char name[64];
    row out = { .work = name, .unit = "GFLOP/s" };

    snprintf(name, sizeof name, "%s %s", w->name, what);
    out.time = measure(infer, r, w->batch == 1 ? 100 : 1, w->seconds / 3);
    out.limit_us = gemm_us(products, n);
    out.rate = gemm_flops(products, n) / out.time.best * 1e-3;
    print_row(&out);
}

static void run_workload(const void *argument)
{
    FR_SCOPE;
    workload w = *(const workload *)argument;
    run r;

    begin_run(&w, &r);
    print_train(&w, &r);
    print_infer(&w, &r, "infer");
    if (w.input == 1 && w.cell != SIMPLE_GRU) {
        w.batch = 1;
        r.x = fr_slice(r.x, 0, 0, 1, 1);
        print_infer(&w, &r, "one sequence");
    }
    end_run(&r);
}

int main(int argc, char **argv)
{
    begin_bench(argc, argv, 1);
    for (int i = 0; i < WORKLOADS; i++)
        if (is_wanted(workloads[i].name, argc - 2, argv + 2))
            in_child(run_workload, &workloads[i]);
    return 0;
}
