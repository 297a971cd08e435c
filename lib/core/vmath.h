/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Functions for elementwise loops. In float32 exp and its kin are branch-free, so that a loop over them becomes vector
 * code: reduction by ln 2 in two parts (Cody and Waite), Taylor's polynomial for e^r - 1 on |r| <= ln(2) / 2, whose
 * error is below 2^-25 of the result. The rest is the C library's. */
#ifndef FROND_CORE_VMATH_H
#define FROND_CORE_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define FR_INLINE static inline __attribute__((always_inline))

/* 2^n for -126 <= n <= 127 */
FR_INLINE float fr_power_of_two(float n)
{
    int32_t bits = ((int32_t)n + 127) << 23;
    float p;

    memcpy(&p, &bits, sizeof p);
    return p;
}

/* x = n ln 2 + r; gives e^r - 1 */
FR_INLINE float fr_reduced_expm1(float x, float *n)
{
    float shifted = x * 1.44269504F + 12582912.0F; /* 1.5 * 2^23: rounds to an integer */
    float k = shifted - 12582912.0F;
    float r = (x - k * 0.693145752F) - k * 1.42860677e-6F;
    float p = 1.0F / 5040;

    p = p * r + 1.0F / 720;
    p = p * r + 1.0F / 120;
    p = p * r + 1.0F / 24;
    p = p * r + 1.0F / 6;
    p = p * r + 0.5F;
    *n = k;
    return r + r * r * p;
}

FR_INLINE float fr_exp_f32(float x)
{
    float y = x > 89.0F ? 89.0F : x, n; /* NaN passes: the comparison is false */

    y = y < -104.0F ? -104.0F : y;

    float q = fr_reduced_expm1(y, &n), half;

    n = n == n ? n : 0.0F;
    half = (float)((int32_t)n / 2); /* two factors, so that neither overflows and denormals come out */
    return (q + 1.0F) * fr_power_of_two(half) * fr_power_of_two(n - half);
}

/* For 0 <= x <= 60 */
FR_INLINE float fr_positive_expm1(float x)
{
    float n, q = fr_reduced_expm1(x, &n), s = fr_power_of_two(n == n ? n : 0.0F);

    return s * q + (s - 1.0F);
}

FR_INLINE float fr_tanh_f32(float x)
{
    float a = fabsf(x), b = a > 10.0F ? 10.0F : a, e = fr_positive_expm1(2.0F * b);

    return copysignf(e / (e + 2.0F), x);
}

FR_INLINE float fr_sigmoid_f32(float x)
{
    return 1.0F / (1.0F + fr_exp_f32(-x));
}

FR_INLINE double fr_exp_f64(double x)
{
    return exp(x);
}

FR_INLINE double fr_tanh_f64(double x)
{
    return tanh(x);
}

FR_INLINE double fr_sigmoid_f64(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

#endif
