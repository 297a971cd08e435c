/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Functions for elementwise loops. In float32 they are branch-free, so that a loop over them becomes vector code, and
 * right to 2 units in the last place (tests/check_vmath.c), signed zeros, denormals, infinities and NaN included. In
 * float64 they are the C library's.
 *
 * Polynomials are minimax (Remez) on the interval named, with relative errors below 2^-27. Conditions are written as
 * selections of values that are computed anyway; a comparison with NaN is false, which decides their direction. */
#ifndef FROND_CORE_VMATH_H
#define FROND_CORE_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define FR_INLINE static inline __attribute__((always_inline))

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

/* 2^n for -126 <= n <= 127 */
FR_INLINE float fr_power_of_two(int32_t n)
{
    return fr_float_of_bits((uint32_t)(n + 127) << 23);
}

/* --- exp and its kin: x = n ln 2 + r, |r| <= ln(2) / 2; ln 2 in two parts (Cody and Waite) ------------------------ */

/* Gives r, and e^r - 1 - r as *rest; |x| < 2^21. For NaN both are NaN, n is anything. */
FR_INLINE float fr_reduce_exp(float x, int32_t *n, float *rest)
{
    float shifted = x * 1.44269504F + 0x1.8p23F; /* rounds to an integer, which its last bits hold */
    float k = shifted - 0x1.8p23F;
    float r = (x - k * 0.693145752F) - k * 1.42860677e-6F;
    float p = 0.00138145941F;

    p = p * r + 0.00836871658F;
    p = p * r + 0.041668389F;
    p = p * r + 0.166665211F;
    p = p * r + 0.49999994F;
    *rest = r * r * p;
    *n = (int32_t)(fr_float_bits(shifted) - fr_float_bits(0x1.8p23F));
    return r;
}

FR_INLINE float fr_exp_f32(float x)
{
    float y = x > 89.0F ? 89.0F : x, rest;
    int32_t n;

    y = y < -104.0F ? -104.0F : y;

    float r = fr_reduce_exp(y, &n, &rest), sum = 1.0F + r;
    int32_t half = n >> 1; /* two factors, so that neither overflows and denormals come out */

    sum += ((1.0F - sum) + r) + rest; /* first what rounding 1 + r took away */
    return sum * fr_power_of_two(half) * fr_power_of_two(n - half);
}

FR_INLINE float fr_expm1_f32(float x)
{
    float y = x > 89.0F ? 89.0F : x, rest;
    int32_t n;

    y = y < -20.0F ? -20.0F : y;

    float r = fr_reduce_exp(y, &n, &rest), q = r + rest, s = fr_power_of_two(n - 1); /* 2^n may overflow */
    float e = n == 0 ? q : 2.0F * (s * q + (s - 0.5F));

    return copysignf(e, x);
}

/* x + x^3 P(x^2) for |x| <= 0.625, above 1 - 2 / (exp(2 |x|) + 1); from 10 on it is 1 */
FR_INLINE float fr_tanh_f32(float x)
{
    float a = fabsf(x), t = a > 10.0F ? 10.0F : a, z = t * t, p = -0.00570497755F, rest;
    int32_t n;
    float r = fr_reduce_exp(2.0F * t, &n, &rest), e = ((1.0F + r) + rest) * fr_power_of_two(n);

    p = p * z + 0.0206390787F;
    p = p * z - 0.0537397116F;
    p = p * z + 0.133314416F;
    p = p * z - 0.333332807F;
    return copysignf(a > 0.625F ? 1.0F - 2.0F / (e + 1.0F) : t + t * (z * p), x);
}

/* exp(-|x|) cannot overflow: 1 / (1 + e) on the right, e / (1 + e) on the left; then what rounding 1 + e took away */
FR_INLINE float fr_sigmoid_f32(float x)
{
    float e = fr_exp_f32(-fabsf(x)), sum = 1.0F + e, lost = (1.0F - sum) + e;
    float y = (x < 0.0F ? e : 1.0F) / sum;

    return y - y * lost;
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

/* What rounding 1 + x took away is given back to f. */
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

/* Up to here they are right; beyond the caller takes the C library's. NaN is beyond. */
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
