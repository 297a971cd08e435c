/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The machine's limits, to compare results with: matrix products by its BLAS, and memory bandwidth. */
#ifndef FROND_BENCH_LIMITS_H
#define FROND_BENCH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* C (m,n) = A (m,k) B (k,n), row-major, float32, computed `times` times. trans_a: A is stored as (k,m). */
typedef struct {
    int64_t m, n, k;
    bool trans_a;
    int64_t times;
} gemm;

/* Name and version of the library that computes frond's matrix products. */
const char *product_library(void);

/* Sets the threads of the two functions below. For a BLAS other than OpenBLAS, set its environment variable instead. */
void set_limit_threads(int n);

/* The sum of the times of n products, each measured by itself with its matrices in the cache; 0 without a BLAS. */
double gemm_us(const gemm *products, int n);
double gemm_flops(const gemm *products, int n);

/* The time to move that many bytes at the bandwidth of a = b + 3 c on arrays of n floats (the triad of McCalpin's
 * STREAM benchmark). */
double triad_us(double bytes, int64_t n);

#endif
