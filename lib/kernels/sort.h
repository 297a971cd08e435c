/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sorting along a dim. */
#ifndef FROND_KERNELS_SORT_H
#define FROND_KERNELS_SORT_H

#include "core/base.h"

/* The first k of the n values of each line in order, and the index at which each stood. x is (outer,n,inner), values
 * and indices are (outer,k,inner), without gaps; a line runs along the middle dim. */
typedef struct {
    int64_t outer, n, inner, k;
    bool descending;
    const void *x;
    void *values;
    int64_t *indices;
} fr_lines;

/* Runs on several threads. NaN counts as the largest value, and equal values keep their order. dtype: any. False: out
 * of memory. */
bool fr_sort_lines(fr_dtype dtype, const fr_lines *s);

#endif
