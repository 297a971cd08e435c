/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Rows of gather and of scatter: values picked from a tensor, or written, added, ... to it, where an index says. */
#ifndef FROND_KERNELS_GATHER_H
#define FROND_KERNELS_GATHER_H

#include "core/base.h"

/* n positions along one dim. Position i belongs to element input[i * input_stride + index[i] * dim_stride], where
 * index[i] stands for index[i * index_stride]; all strides are in elements. The indices are in range. */
typedef struct {
    int64_t n;
    void *input; /* gather reads it, scatter changes it */
    const int64_t *index;
    void *values; /* gather writes them, scatter reads them */
    int64_t input_stride, dim_stride, index_stride, values_stride;
} fr_indexed_row;

/* How scatter puts a value to the one that stands there. */
typedef enum { FR_PUT_ADD, FR_PUT_SET, FR_PUT_PROD, FR_PUT_AMAX, FR_PUT_AMIN } fr_put;

/* dtype: any. */
void fr_gather_row(fr_dtype dtype, const fr_indexed_row *r);
void fr_scatter_row(fr_dtype dtype, fr_put put, const fr_indexed_row *r);

/* True if all n indices are within 0..size-1. */
bool fr_indices_fit(int64_t n, const int64_t *index, int64_t stride, int64_t size);

#endif
