/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How a tensor's values are distributed, by TensorFlow's buckets. */
#ifndef FROND_LOG_HISTOGRAM_H
#define FROND_LOG_HISTOGRAM_H

#include "core/base.h"

enum { FR_HISTOGRAM_BOUNDS = 2048 }; /* more than there are */

/* Bucket i holds the values below limit[i] and not below limit[i - 1]. */
typedef struct {
    double min, max, sum, sum_squares; /* of finite values; all 0 where there are none */
    int64_t finite, nonfinite;         /* numbers of values */
    size_t first, count; /* of those buckets that are of interest: all that hold a value, from one before */
    double limit[FR_HISTOGRAM_BOUNDS], values[FR_HISTOGRAM_BOUNDS];
} fr_histogram;

/* Of t, contiguous, of any dtype. */
void fr_histogram_fill(fr_histogram *h, const fr_tensor *t);

#endif
