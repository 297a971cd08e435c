/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How a tensor's values are distributed, by TensorFlow's buckets (tensorflow/core/lib/histogram/histogram.cc), which
 * PyTorch's SummaryWriter has too: 0 and +-1e-12 1.1^k up to 1e20, and, as TensorFlow alone has it, what is further
 * out. */
#include <config.h>

#include "log/histogram.h"

#include "core/tensor.h"

#include <float.h>
#include <math.h>

/* Sets the bounds, in ascending order; returns their number. */
static size_t set_bounds(double bound[FR_HISTOGRAM_BOUNDS])
{
    size_t positive = 0, zero, k = 0;

    for (double v = 1e-12; v < 1e20; v *= 1.1)
        positive++;
    zero = positive + 1;
    bound[0] = -DBL_MAX;
    bound[zero] = 0;
    for (double v = 1e-12; v < 1e20; v *= 1.1, k++) {
        bound[zero - 1 - k] = -v;
        bound[zero + 1 + k] = v;
    }
    bound[2 * zero] = DBL_MAX;
    return 2 * zero + 1;
}

/* The first of n ascending bounds that is above x, or the last. */
static size_t bucket_of(const double *bound, size_t n, double x)
{
    size_t low = 0, high = n - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (x < bound[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void fr_histogram_fill(fr_histogram *h, const fr_tensor *t)
{
    *h = (fr_histogram){ .min = INFINITY, .max = -INFINITY };

    size_t n = set_bounds(h->limit), least = n - 1, most = 1;

    for (int64_t i = 0; i < t->numel; i++) {
        double x = fr_value_at(t, i);
        size_t bucket;

        if (!isfinite(x)) {
            h->nonfinite++;
            continue;
        }
        bucket = bucket_of(h->limit, n, x);
        h->values[bucket]++;
        least = bucket < least ? bucket : least;
        most = bucket > most ? bucket : most;
        h->min = fmin(h->min, x);
        h->max = fmax(h->max, x);
        h->sum += x;
        h->sum_squares += x * x;
        h->finite++;
    }
    if (h->finite == 0) {
        h->min = h->max = 0;
        least = most = n / 2;
    }
    h->first = least - 1;
    h->count = most - least + 2;
}
