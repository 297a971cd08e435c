/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Histograms of a tensor's values with TensorFlow's buckets. */
#ifndef FROND_LOG_HISTOGRAM_H
#define FROND_LOG_HISTOGRAM_H

#include "core/base.h"

enum { FR_HISTOGRAM_BUCKETS_MAX = 2048 }; /* more than there are buckets */

/* Bucket i counts the values x with limit[i - 1] <= x < limit[i]. */
typedef struct {
    double min, max, sum, sum_squares; /* of the finite values; all 0 if there are none */
    int64_t finite, nonfinite;         /* numbers of values */
    size_t first, count; /* the buckets to write: from the one before the first to the last that is not empty */
    double limit[FR_HISTOGRAM_BUCKETS_MAX], values[FR_HISTOGRAM_BUCKETS_MAX];
} fr_histogram;

/* t is contiguous and of any dtype. */
void fr_histogram_fill(fr_histogram *h, const fr_tensor *t);

#endif
