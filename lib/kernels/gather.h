/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Rows of gather and of scatter_add: values picked from a tensor, or added to it, where an index says. */
#ifndef FROND_KERNELS_GATHER_H
#define FROND_KERNELS_GATHER_H

#include "core/base.h"

/* n positions along one dim. Position i belongs to element input[i * input_stride + index[i] * dim_stride], where
 * index[i] stands for index[i * index_stride]; all strides are in elements. The indices are in range. */
typedef struct {
    int64_t n;
    void *input; /* gather reads it, scatter_add adds to it */
    const int64_t *index;
    void *values; /* gather writes them, scatter_add reads them */
    int64_t input_stride, dim_stride, index_stride, values_stride;
} fr_indexed_row;

/* dtype: any. */
void fr_gather_row(fr_dtype dtype, const fr_indexed_row *r);
void fr_scatter_add_row(fr_dtype dtype, const fr_indexed_row *r);

/* True if all n indices are within 0..size-1. */
bool fr_indices_fit(int64_t n, const int64_t *index, int64_t stride, int64_t size);

#endif
