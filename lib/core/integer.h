/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Arithmetic of sizes and indices. */
#ifndef FROND_CORE_INTEGER_H
#define FROND_CORE_INTEGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a * b; false if that overflows. */
static inline bool fr_mul_size(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* For an allocation: where size_t is too small for so many bytes, the largest size, which no allocation gets. */
static inline size_t fr_bytes(int64_t bytes)
{
    return (uint64_t)bytes == (size_t)bytes ? (size_t)bytes : SIZE_MAX;
}

static inline int64_t fr_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t fr_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* a / b for a >= 0 and b > 0, rounded up. */
static inline int64_t fr_divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

/* a >= 0, or the next multiple of unit > 0. */
static inline int64_t fr_round_up(int64_t a, int64_t unit)
{
    return fr_divide_up(a, unit) * unit;
}

/* Cuts length into nearly equal pieces, multiples of unit, none much longer than longest: the length of a piece. */
static inline int64_t fr_even_piece(int64_t length, int64_t longest, int64_t unit)
{
    return fr_round_up(fr_divide_up(length, fr_divide_up(length, longest)), unit);
}

/* Not NaN, and within the range after rounding towards zero. */
static inline bool fr_fits_int64(double x)
{
    return x >= (double)INT64_MIN && x < -(double)INT64_MIN; /* -2^63 and 2^63, exactly */
}

/* Rounds towards zero. NaN and values out of range give INT64_MIN, as in PyTorch on x86-64. */
static inline int64_t fr_to_int64(double x)
{
    return fr_fits_int64(x) ? (int64_t)x : INT64_MIN;
}

#endif
