/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Rounding to int8, symmetric and with a scale for each row: for fake_quantize and for C code with int8 weights (Jacob
 * et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018). */
#ifndef FROND_KERNELS_INT8_H
#define FROND_KERNELS_INT8_H

#include "core/base.h"

enum { FR_MAX_INT8 = 127 };

/* For each row of x (rows,n): scale = max |x| / 127, or 1 where that is 0, and q = x / scale, rounded to an integer
 * from -127 to 127, of two the even one; q is NaN, or the scale not finite, in a row with a NaN or an infinity. With
 * scale, (rows), y is q; without, where scale is NULL, q times the scale. All arrays are of dtype, float32 or float64.
 */
void fr_round_to_int8(fr_dtype dtype, int64_t rows, int64_t n, const void *x, void *scale, void *y);

#endif
