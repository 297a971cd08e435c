/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Histograms with TensorFlow's buckets (tensorflow/core/lib/histogram/histogram.cc), which PyTorch's SummaryWriter uses
 * too. Their limits are 0 and +-1e-12 1.1^k below 1e20. Like TensorFlow, and unlike PyTorch, they have an outer bucket
 * on each side for larger values. */
#include <config.h>

#include "log/histogram.h"

#include "core/tensor.h"

#include <float.h>
#include <math.h>

/* Sets the limits of the buckets, in ascending order. Returns their number. */
static size_t set_limits(double limit[FR_HISTOGRAM_BUCKETS_MAX])
{
    size_t positive = 0, zero, k = 0;

    for (double v = 1e-12; v < 1e20; v *= 1.1)
        positive++;
    zero = positive + 1;
    limit[0] = -DBL_MAX;
    limit[zero] = 0;
    for (double v = 1e-12; v < 1e20; v *= 1.1, k++) {
        limit[zero - 1 - k] = -v;
        limit[zero + 1 + k] = v;
    }
    limit[2 * zero] = DBL_MAX;
    return 2 * zero + 1;
}

/* The index of the first of n ascending limits that is above x, or of the last one. */
static size_t find_bucket(const double *limit, size_t n, double x)
{
    size_t low = 0, high = n - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (x < limit[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void fr_histogram_fill(fr_histogram *h, const fr_tensor *t)
{
    *h = (fr_histogram){ .min = INFINITY, .max = -INFINITY };

    size_t n = set_limits(h->limit), first = n - 1, last = 1;

    for (int64_t i = 0; i < t->numel; i++) {
        double x = fr_value_at(t, i);
        size_t bucket;

        if (!isfinite(x)) {
            h->nonfinite++;
            continue;
        }
        bucket = find_bucket(h->limit, n, x);
        h->values[bucket]++;
        first = bucket < first ? bucket : first;
        last = bucket > last ? bucket : last;
        h->min = fmin(h->min, x);
        h->max = fmax(h->max, x);
        h->sum += x;
        h->sum_squares += x * x;
        h->finite++;
    }
    if (h->finite == 0) {
        h->min = h->max = 0;
        first = last = n / 2; /* the bucket that ends at 0 */
    }
    h->first = first - 1;
    h->count = last - first + 2;
}
