/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Mathematical functions for pointwise loops. In float32 they have no branches, so that a loop over them becomes vector
 * code. They are accurate to 2 units in the last place (tests/check_vmath.c), also for signed zeros, denormals,
 * infinities and NaN. In float64 they are the C library's.
 *
 * Polynomials are minimax (Remez) on the interval named, with relative errors below 2^-26 except in tanh. Conditions
 * select between values that are both computed. A comparison with NaN is false, so each is written in the direction
 * that keeps a NaN. */
#ifndef FROND_KERNELS_VMATH_H
#define FROND_KERNELS_VMATH_H

#include "core/cpu.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

FR_INLINE uint32_t fr_float_bits(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

FR_INLINE float fr_float_of_bits(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

FR_INLINE float fr_abs_f32(float x)
{
    return fabsf(x);
}

/* 2^n for -126 <= n <= 127 */
FR_INLINE float fr_power_of_two(int32_t n)
{
    return fr_float_of_bits((uint32_t)(n + 127) << 23);
}

/* --- exp and its kin: x = k L + r, |r| <= L / 2, L a multiple of ln 2 in two parts (Cody and Waite) --------------- */

/* Added to |x| < 2^22 this rounds it to an integer k, and the last bits hold k + 127: a biased exponent. */
#define FR_BIASED (0x1.8p23F + 127.0F)

/* 2^k of such a sum, for -126 <= k <= 127 */
FR_INLINE float fr_power_of_biased(float sum)
{
    return fr_float_of_bits(fr_float_bits(sum) << 23);
}

/* The lesser where both are positive, otherwise one of the two. Compared as integers, which takes one instruction. */
FR_INLINE float fr_at_most(float sum, float limit)
{
    int32_t a = (int32_t)fr_float_bits(sum), b = (int32_t)fr_float_bits(limit);

    return fr_float_of_bits((uint32_t)(a < b ? a : b));
}

/* The greater where limit is positive; limit where sum is a NaN whose sign bit is set. */
FR_INLINE float fr_at_least(float sum, float limit)
{
    int32_t a = (int32_t)fr_float_bits(sum), b = (int32_t)fr_float_bits(limit);

    return fr_float_of_bits((uint32_t)(a > b ? a : b));
}

/* L = 2 ln 2, so that exp(x) = 2^k exp(r) 2^k with factors that neither overflow nor are denormal. Above 89 k
 * grows no more, and exp(r) overflows to infinity. */
FR_INLINE float fr_exp_f32(float x)
{
    float y = x < -104.0F ? -104.0F : x;
    float shifted = fr_at_most(y * 0.72134752F + FR_BIASED, FR_BIASED + 64.0F), k = shifted - FR_BIASED;
    float r = (y - k * 1.3862915F) - k * 2.85721354e-6F, s = fr_power_of_biased(shifted);
    float p = 0.000196292036F;

    p = p * r + 0.00141046755F;
    p = p * r + 0.00833593681F;
    p = p * r + 0.0416612327F;
    p = p * r + 0.16666618F;
    p = p * r + 0.500000358F;
    p = p * r + 1.0F;
    p = p * r + 1.0F;
    return p * s * s;
}

/* L = ln 2; 2^(k - 1), since 2^k may overflow */
FR_INLINE float fr_expm1_f32(float x)
{
    float y = x > 89.0F ? 89.0F : x;

    y = y < -20.0F ? -20.0F : y;

    float shifted = y * 1.44269504F + (FR_BIASED - 1.0F), k = shifted - (FR_BIASED - 1.0F);
    float r = (y - k * 0.693145752F) - k * 1.42860677e-6F, s = fr_power_of_biased(shifted);
    float p = 0.00138145941F;

    p = p * r + 0.00836871658F;
    p = p * r + 0.041668389F;
    p = p * r + 0.166665211F;
    p = p * r + 0.49999994F;
    p = r * r * p + r;
    return copysignf(2.0F * (s * p + (s - 0.5F)), x);
}

/* L = ln 2; 1 / (1 + exp(-x)) = 2^k / (2^k + exp(-r)), both times 1.75: there a sum rounds with less relative error
 * than just above 1. 2^(k + 64) 2^-64 stands for 2^k, which may be denormal. From 20 on it is 1;
 * below -104 k stays where it is, and exp(-r) grows. */
FR_INLINE float fr_sigmoid_f32(float x)
{
    const float bias = FR_BIASED + 64.0F;
    float y = x > 20.0F ? 20.0F : x;
    float shifted = fr_at_least(y * 1.44269504F + bias, bias - 150.0F), k = shifted - bias;
    float r = (k * 0.693145752F - y) + k * 1.42860677e-6F, s = 1.75F * fr_power_of_biased(shifted);
    float p = 0.00241702958F;

    p = p * r + 0.0146451406F;
    p = p * r + 0.0729197785F;
    p = p * r + 0.291664124F;
    p = p * r + 0.874999881F;
    p = p * r + 1.75F;
    return s / (p * r + (s * 0x1p-64F + 1.75F)) * 0x1p-64F;
}

/* x + x^3 P(x^2) for |x| <= 0.625; above 1 - 2 / (e + 1), e = exp(2 |x|) = 2^k exp(r), 2 |x| = k ln 2 + r; from 10 on
 * it is 1 */
FR_INLINE float fr_tanh_f32(float x)
{
    float a = fabsf(x), t = a > 10.0F ? 10.0F : a, z = t * t, p = -0.00570497755F, q = 0.00138145941F;
    float shifted = 2.0F * t * 1.44269504F + FR_BIASED, k = shifted - FR_BIASED;
    float r = (2.0F * t - k * 0.693145752F) - k * 1.42860677e-6F;

    q = q * r + 0.00836871658F;
    q = q * r + 0.041668389F;
    q = q * r + 0.166665211F;
    q = q * r + 0.49999994F;

    float e = ((1.0F + r) + r * r * q) * fr_power_of_biased(shifted);

    p = p * z + 0.0206390787F;
    p = p * z - 0.0537397116F;
    p = p * z + 0.133314416F;
    p = p * z - 0.333332807F;
    return copysignf(a > 0.625F ? 1.0F - 2.0F / (e + 1.0F) : t + t * (z * p), x);
}

/* --- log: x = 2^k m, sqrt(1/2) <= m < sqrt(2), f = m - 1; log m = f - f^2/2 + s (f^2/2 + R(s^2)), s = f / (2 + f)
 * (as in FreeBSD's logf) ------------------------------------------------------------------------------------------ */

enum { FR_SQRT_HALF = 0x3f3504f3 }; /* its bits */

/* k ln 2 + log(1 + f) */
FR_INLINE float fr_log_of_parts(float k, float f)
{
    float s = f / (2.0F + f), z = s * s, half_square = 0.5F * f * f;
    float p = 0.298719972F;

    p = p * z + 0.399775326F;
    p = p * z + 0.666667759F;
    return k * 0.693145752F - ((half_square - (s * (half_square + z * p) + k * 1.42860677e-6F)) - f);
}

FR_INLINE float fr_log_f32(float x)
{
    float y = x < 0x1p-126F ? x * 0x1p23F : x; /* denormals */
    uint32_t bits = fr_float_bits(y);
    int32_t k = (int32_t)(bits - FR_SQRT_HALF) >> 23;
    float m = fr_float_of_bits(bits - ((uint32_t)k << 23));
    float l = fr_log_of_parts((float)k - (x < 0x1p-126F ? 23.0F : 0.0F), m - 1.0F);

    l = x < INFINITY ? l : x;
    l = x < 0.0F ? NAN : l;
    return x == 0.0F ? -INFINITY : l;
}

/* u = 1 + x is rounded; what that lost is added to f. */
FR_INLINE float fr_log1p_f32(float x)
{
    float u = 1.0F + x, lost = x < 1.0F ? x - (u - 1.0F) : 1.0F - (u - x);
    uint32_t bits = fr_float_bits(u);
    int32_t k = (int32_t)(bits - FR_SQRT_HALF) >> 23;
    float m = fr_float_of_bits(bits - ((uint32_t)k << 23));
    float f = (m - 1.0F) + lost * fr_power_of_two(k < 126 ? -k : -126);
    float l = fr_log_of_parts((float)k, f);

    l = copysignf(x < INFINITY ? l : x, x);
    l = x < -1.0F ? NAN : l;
    return x == -1.0F ? -INFINITY : l;
}

/* --- erf --------------------------------------------------------------------------------------------------------- */

/* x + x P(x^2) for |x| <= 1; above 1 - exp(-(t + t Q(t))), t = |x|; from 4 on it is 1 */
FR_INLINE float fr_erf_f32(float x)
{
    float a = fabsf(x), t = a > 4.0F ? 4.0F : a, z = t * t;
    float p = 7.85383963e-5F, q = -0.000210640268F;

    p = p * z - 0.000801018672F;
    p = p * z + 0.00518832682F;
    p = p * z - 0.026853811F;
    p = p * z + 0.112835854F;
    p = p * z - 0.37612626F;
    p = p * z + 0.128379166F;
    q = q * t + 0.00318692252F;
    q = q * t - 0.0227983855F;
    q = q * t + 0.105116017F;
    q = q * t + 0.635831594F;
    q = q * t + 0.128480017F;

    float near = t + t * p, far = 1.0F - fr_exp_f32(-(t + t * q));

    return copysignf(a > 1.0F ? far : near, x);
}

/* --- sin and cos: x = k pi/2 + r, |r| <= pi / 4, reduced in double with pi/2 in two parts ------------------------- */

/* Up to this |x| they are accurate; beyond it, and for NaN, the caller uses the C library's. */
#define FR_SIN_LIMIT 1e6F

/* sin(x + quadrant pi/2) */
FR_INLINE float fr_sine_f32(float x, int32_t quadrant)
{
    double y = fabsf(x) <= FR_SIN_LIMIT ? (double)x : 0.0;
    double shifted = y * 0.63661977236758134308 + 0x1.8p52, k = shifted - 0x1.8p52; /* rounds to an integer */
    /* pi/2's first 33 bits, so that the product with 20 is exact, and the rest */
    float r = (float)((y - k * 0x1.921fb544p0) - k * 0x1.0b4611a626331p-34);
    int32_t turn = (int32_t)k + quadrant;
    float z = r * r, s = -0.000195172339F, c = 2.44330822e-5F;

    s = s * z + 0.008332178F;
    s = s * z - 0.166666552F;
    s = r == 0.0F ? r : r + r * (z * s);
    c = c * z - 0.00138873153F;
    c = c * z + 0.0416666456F;
    c = (1.0F - 0.5F * z) + z * z * c;

    float v = turn & 1 ? c : s;

    return turn & 2 ? -v : v;
}

FR_INLINE float fr_sin_f32(float x)
{
    return fr_sine_f32(x, 0);
}

FR_INLINE float fr_cos_f32(float x)
{
    return fr_sine_f32(x, 1);
}

/* --- float64 ----------------------------------------------------------------------------------------------------- */

FR_INLINE double fr_exp_f64(double x)
{
    return exp(x);
}

FR_INLINE double fr_abs_f64(double x)
{
    return fabs(x);
}

FR_INLINE double fr_log_f64(double x)
{
    return log(x);
}

FR_INLINE double fr_log1p_f64(double x)
{
    return log1p(x);
}

FR_INLINE double fr_tanh_f64(double x)
{
    return tanh(x);
}

FR_INLINE double fr_sigmoid_f64(double x)
{
    double e = exp(-fabs(x));

    return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

#endif
