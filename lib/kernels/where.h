/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A row of where: a choice between two values at each position. */
#ifndef FROND_KERNELS_WHERE_H
#define FROND_KERNELS_WHERE_H

#include "core/base.h"

/* n positions along one dim; strides in elements, 0 where the dim is broadcast. */
typedef struct {
    int64_t n;
    void *y;
    const void *condition, *a, *b;
    int64_t y_stride, condition_stride, a_stride, b_stride;
} fr_choice_row;

/* y = condition != 0 ? a : b. dtype: of y, a and b; that of the condition is its own. */
void fr_where_row(fr_dtype dtype, fr_dtype condition_dtype, const fr_choice_row *r);

#endif
