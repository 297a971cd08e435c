/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the machine can do at best: the products of its BLAS, and the rate at which it moves floats. */
#ifndef FROND_BENCH_LIMITS_H
#define FROND_BENCH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* C (m,n) = A (m,k) B (k,n), row-major, float32, `times` times; trans_a: A is stored (k,m). */
typedef struct {
    int64_t m, n, k;
    bool trans_a;
    int64_t times;
} gemm;

/* Name and version of the library that frond's products come from. */
const char *product_library(void);

/* For what follows; of a BLAS other than OpenBLAS the environment says it. */
void set_limit_threads(int n);

/* The sum of the times of n products, each measured alone, with all it needs in the cache; 0 without a BLAS. */
double gemm_us(const gemm *products, int n);
double gemm_flops(const gemm *products, int n);

/* How long it takes to move that many bytes at the rate of a = b + 3 c of arrays of n floats (the triad of McCalpin's
 * STREAM). */
double triad_us(double bytes, int64_t n);

#endif
