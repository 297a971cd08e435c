/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Shapes and dtypes: checking, broadcasting, strides. Only fr_shape_check reports errors. */
#ifndef FROND_CORE_SHAPE_H
#define FROND_CORE_SHAPE_H

#include "core/base.h"

/* True if shape has 0..8 dims, each >= 0, and its size in bytes fits int64. Fails otherwise, naming what. *numel gets
 * the number of elements. */
bool fr_shape_check(const char *what, const fr_shape *shape, fr_dtype dtype, int64_t *numel);
/* True if there are 0..8 dims. Fails otherwise. Nothing may be computed from a caller's ndim before. */
bool fr_shape_check_ndim(const char *what, const fr_shape *shape);
bool fr_shape_equal(const fr_shape *a, const fr_shape *b);
int64_t fr_shape_numel(const fr_shape *shape); /* of a checked shape */
/* dim counted from the front, 0..ndim-1, or -1 if there is no such dim. A scalar has dims 0 and -1. */
int fr_shape_dim(const fr_shape *shape, int dim);
/* *out is the shape that a and b broadcast to; false if they do not. */
bool fr_shape_broadcast(const fr_shape *a, const fr_shape *b, fr_shape *out);
bool fr_shape_broadcasts_to(const fr_shape *from, const fr_shape *to);
/* Strides in elements of a row-major tensor without gaps. */
void fr_shape_strides(const fr_shape *shape, int64_t stride[FR_MAX_DIMS]);
static inline size_t fr_dtype_size(fr_dtype dtype) /* in bytes */
{
    return dtype == FR_F32 ? 4 : 8;
}

#endif
