/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The machine's limits. They are measured in the same run as the workloads, since a machine's speed drifts. */
#include <config.h>

#include "limits.h"

#include "bench.h"

#include "core/cpu.h"

#include <pthread.h>

enum { THREADS_MAX = 64 };

static int threads = 1;

static float *allocate(int64_t n)
{
    float *values = aligned_alloc(64, (size_t)(n + 15) / 16 * 64);

    if (!values)
        abort();
    for (int64_t i = 0; i < n; i++)
        values[i] = (float)(i % 7 - 3) * 0.1f;
    return values;
}

/* --- Products ---------------------------------------------------------------------------------------------------- */

double gemm_flops(const gemm *products, int n)
{
    double flops = 0;

    for (const gemm *p = products; p < products + n; p++)
        flops += 2 * (double)p->m * (double)p->n * (double)p->k * (double)p->times;
    return flops;
}

#ifdef FR_HAVE_CBLAS
#include <cblas.h>

typedef struct {
    const gemm *shape;
    float *a, *b, *c;
} product;

static void multiply(void *argument)
{
    product *p = argument;
    int m = (int)p->shape->m, n = (int)p->shape->n, k = (int)p->shape->k;
    bool trans = p->shape->trans_a;

    cblas_sgemm(CblasRowMajor, trans ? CblasTrans : CblasNoTrans, CblasNoTrans, m, n, k, 1, p->a, trans ? m : k, p->b,
                n, 0, p->c, n);
}

double gemm_us(const gemm *products, int n)
{
    double sum = 0;

    for (const gemm *g = products; g < products + n; g++) {
        product p = { g, allocate(g->m * g->k), allocate(g->k * g->n), allocate(g->m * g->n) };
        int calls = (int)(2e6 / ((double)g->m * (double)g->n * (double)g->k)) + 1;

        if (g->times > 0)
            sum += measure(multiply, &p, calls, 0.15).best * (double)g->times;
        free(p.a);
        free(p.b);
        free(p.c);
    }
    return sum;
}
#else
double gemm_us(const gemm *products, int n)
{
    (void)products;
    (void)n;
    return 0;
}
#endif

#ifdef FR_HAVE_OPENBLAS
extern char *openblas_get_config(void);
extern void openblas_set_num_threads(int);

const char *product_library(void)
{
    return openblas_get_config();
}

static void set_library_threads(int n)
{
    openblas_set_num_threads(n);
}
#else
const char *product_library(void)
{
#ifdef FR_HAVE_CBLAS
    return "BLIS";
#else
    return "plain C";
#endif
}

static void set_library_threads(int n)
{
    (void)n;
}
#endif

void set_limit_threads(int n)
{
    threads = n < THREADS_MAX ? n : THREADS_MAX;
    set_library_threads(n);
}

/* --- Memory ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t n;
    float *a, *b, *c;
} arrays;

FR_KERNEL(triad_part, (int64_t n, float *restrict a, const float *restrict b, const float *restrict c), (n, a, b, c))
{
    for (int64_t i = 0; i < n; i++)
        a[i] = b[i] + 3 * c[i];
}

typedef struct {
    pthread_t thread;
    const arrays *of;
    int64_t from, n;
} part;

static void *run_part(void *argument)
{
    const part *p = argument;

    triad_part(p->n, p->of->a + p->from, p->of->b + p->from, p->of->c + p->from);
    return NULL;
}

static void triad(void *argument)
{
    const arrays *t = argument;
    part parts[THREADS_MAX];

    for (int i = 0; i < threads; i++) {
        int64_t from = t->n * i / threads;

        parts[i] = (part){ .of = t, .from = from, .n = t->n * (i + 1) / threads - from };
        if (i > 0 && pthread_create(&parts[i].thread, NULL, run_part, &parts[i]) != 0)
            abort();
    }
    run_part(&parts[0]);
    for (int i = 1; i < threads; i++)
        pthread_join(parts[i].thread, NULL);
}

double triad_us(double bytes, int64_t n)
{
    arrays t = { n, allocate(n), allocate(n), allocate(n) };
    double us = measure(triad, &t, (int)((1 << 20) / n) + 1, 0.3).best;

    free(t.a);
    free(t.b);
    free(t.c);
    return us * bytes / (3 * sizeof(float) * (double)n);
}
