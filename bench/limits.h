/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The best that the machine can do: its BLAS's matrix products, and the rate at which it moves floats. */
#ifndef FROND_BENCH_LIMITS_H
#define FROND_BENCH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* A product C (m,n) = A (m,k) B (k,n), row-major, float32, computed `times` times. trans_a: A is stored as (k,m). */
typedef struct {
    int64_t m, n, k;
    bool trans_a;
    int64_t times;
} gemm;

/* Returns name and version of the library that computes frond's matrix products. */
const char *product_library(void);

/* Sets the number of threads for later measurements. It works for OpenBLAS; other libraries read the environment. */
void set_limit_threads(int n);

/* Returns the sum of the times of n products. Each is measured alone, with its data in the cache. 0 without a BLAS. */
double gemm_us(const gemm *products, int n);
double gemm_flops(const gemm *products, int n);

/* Returns the time to move this many bytes at the rate of a = b + 3 c for arrays of n floats (the triad of McCalpin's
 * STREAM). */
double triad_us(double bytes, int64_t n);

#endif
