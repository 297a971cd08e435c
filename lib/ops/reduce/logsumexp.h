/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The sums of exponentials behind logsumexp and cross_entropy. */
#ifndef FROND_OPS_REDUCE_LOGSUMEXP_H
#define FROND_OPS_REDUCE_LOGSUMEXP_H

#include "ops/reduce/reduce.h"

/* x (outer,n,inner) -> y (outer,inner,2), of dtype: for each row its maximum m (0 where that is inf) and log(sum(exp(x
 * - m))): apart, so that a difference with m can be taken before the sum. The second is NaN where x holds inf or NaN,
 * so that log_softmax is. */
bool fr_log_sums(const char *what, fr_dtype dtype, fr_split split, const void *x, void *y);

#endif
