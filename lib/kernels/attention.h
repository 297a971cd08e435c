/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Scaled dot-product attention on arrays, y = softmax(scale q k') v, and its gradients. The scores q k' are made for a
 * few queries at a time and never stored. */
#ifndef FROND_KERNELS_ATTENTION_H
#define FROND_KERNELS_ATTENTION_H

#include "core/base.h"

/* A matrix for each of a batch: element (i,j) of matrix b is origin[offset[b] + i * row + j * column]. row or column is
 * 1. */
typedef struct {
    const void *origin;
    const int64_t *offset;
    int64_t row, column;
} fr_matrices;

/* L queries and S keys of E features, values of Ev. With is_causal query i attends to keys 0..i alone. */
typedef struct {
    fr_dtype dtype; /* float32 or float64 */
    int64_t batch, queries, keys, features, values;
    double scale;
    bool is_causal;
    fr_matrices q, k, v; /* (L,E), (S,E), (S,Ev) */
} fr_attention;

/* y (batch,L,Ev). False if memory runs out, as below. */
bool fr_attend(const fr_attention *a, void *y);
/* dy (batch,L,Ev), dq (batch,L,E), dk (batch,S,E), dv (batch,S,Ev). Those that are not wanted are NULL. */
bool fr_attend_backward(const fr_attention *a, const void *dy, void *dq, void *dk, void *dv);

#endif
