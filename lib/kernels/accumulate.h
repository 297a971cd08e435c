/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adding one array to another. */
#ifndef FROND_KERNELS_ACCUMULATE_H
#define FROND_KERNELS_ACCUMULATE_H

#include "core/base.h"

/* y += x, n values each, which do not overlap; of any dtype. */
void fr_accumulate(fr_dtype dtype, int64_t n, void *y, const void *x);

#endif
